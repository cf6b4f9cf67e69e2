import DeviceProtocol
import HTTPTypes
import Hummingbird
import WebSocketTransport

/// What an ordinary request for a link is answered: 426 (RFC 9110 §15.5.22, RFC 6455 §4.4). An agent that did ask
/// for a WebSocket learns from it that something on the way took its upgrade off.
struct UpgradeRoutes {
  func add(to router: Router<BrokerRequestContext>) {
    for path in [DeviceLink.path, LiveLink.path] {
      router.get(RouterPath(path)) { _, _ in
        var response = Problem(
          status: .upgradeRequired, code: "upgradeRequired",
          detail: "This is a WebSocket, and the request asked for none when it came here."
        ).response
        response.headers[.upgrade] = "websocket"
        response.headers[.connection] = "Upgrade"
        response.headers[.secWebSocketVersion] = ServerHandshake.version
        return response
      }
    }
  }
}
