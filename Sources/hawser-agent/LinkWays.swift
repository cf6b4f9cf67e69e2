import AgentCore
import DeviceProtocol
import LinuxSensors
import NIOCore
import WebSocketTransport

/// The ways to the broker, as carriers: what each rung of the ladder is made of.
struct LinkWays {
  private let configuration: AgentConfiguration
  private let tls: ClientTLS?
  /// Without compression, for boxes that break it.
  private let plain: SharedConfiguration
  private let requests: HTTPRequests

  /// Reads the trust roots once: that takes milliseconds.
  init(_ configuration: AgentConfiguration) throws(HandshakeError) {
    self.configuration = configuration
    tls = configuration.url.isSecure ? try ClientTLS(caFile: configuration.caFile) : nil
    var transport = configuration.transport.configuration
    transport.compression = nil
    plain = SharedConfiguration(transport)
    requests = HTTPRequests(
      url: configuration.url, configuration: plain, tls: tls, proxy: configuration.proxy)
  }

  /// Where packets to the broker go now, and by which proxy.
  func path() -> PathKey {
    let proxy = try? configuration.proxy.proxy(for: configuration.url)
    let route = RouteTable.read(root: SystemRoot())
      .route(to: proxy?.host ?? configuration.url.host)
    return PathKey(
      interface: route?.interface ?? "", gateway: route?.gateway ?? "",
      proxy: proxy.map { "\($0)" } ?? "", broker: configuration.url.authority)
  }

  /// Begins an attempt; the shell is told what comes of it.
  func connect(
    _ attempt: LinkAttempt, _ rung: TransportRung, shell: LinkShell, on loop: any EventLoop
  ) -> any LinkCarrier {
    guard rung.isWebSocket else {
      let carrier = HTTPCarrier(
        attempt, holds: rung == .longPoll, requests: requests, shell: shell, loop: loop)
      carrier.connect()
      return carrier
    }
    let isDirect = configuration.triesDirect && rung != .tunnelled
    let carrier = WebSocketCarrier(attempt: attempt, shell: shell)
    WebSocketClient.connect(
      to: configuration.url,
      configuration: rung == .plain ? plain : configuration.transport, tls: tls,
      proxy: isDirect ? .direct : configuration.proxy, subprotocols: [DeviceLink.subprotocol],
      delegate: carrier,
      on: loop
    ).assumeIsolated().whenFailure { error in shell.failed(attempt, error) }
    return carrier
  }
}
