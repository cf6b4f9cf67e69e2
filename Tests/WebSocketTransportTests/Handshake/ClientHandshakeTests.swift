import NIOHTTP1
import TestValues
import Testing
import WebSocketTransport

struct ClientHandshakeTests {
  private let accept: String
  private let handshake: ClientHandshake
  private let request: HTTPHeaders

  init() throws {
    var generator = Seeded(1)
    handshake = ClientHandshake(
      subprotocols: ["hawser.device.v1"], compression: DeflateSettings(), using: &generator)
    let url = try #require(WebSocketURL("wss://broker.example/v1/device"))
    request = handshake.headers(for: url, extra: ["Authorization": "Bearer x"])
    accept = ServerHandshake.accept(key: try #require(request["Sec-WebSocket-Key"].first))
  }

  private var good: HTTPHeaders {
    [
      "Upgrade": "WebSocket", "Connection": "upgrade", "Sec-WebSocket-Accept": accept,
      "Sec-WebSocket-Protocol": "hawser.device.v1",
    ]
  }

  @Test("The request has what RFC 6455 §4.1 asks for, and a key of 16 bytes")
  func requestFields() {
    #expect(request["Host"] == ["broker.example"])
    #expect(Base64.decodedCount(request["Sec-WebSocket-Key"].first ?? "") == 16)
    #expect(request["Sec-WebSocket-Version"] == ["13"])
    #expect(request["Authorization"] == ["Bearer x"])
    #expect(
      request["Sec-WebSocket-Extensions"] == [
        "permessage-deflate; client_max_window_bits; server_max_window_bits=10, "
          + "permessage-deflate; client_max_window_bits"
      ])
  }

  @Test("A proper answer is agreed to")
  func agreed() throws {
    var headers = good
    headers.add(
      name: "Sec-WebSocket-Extensions",
      value: "permessage-deflate; client_max_window_bits=10; server_max_window_bits=9")
    let agreement = try handshake.check(head(headers), bodyPrefix: "")
    #expect(agreement.subprotocol == "hawser.device.v1")
    #expect(
      agreement.deflate == DeflateParameters(serverMaxWindowBits: 9, clientMaxWindowBits: 10))
  }

  @Test("Every improper answer is an error of its own kind")
  func refused() {
    var changed = good
    changed.replaceOrAdd(name: "Sec-WebSocket-Accept", value: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    expect(changed, .badAccept)
    changed = good
    changed.remove(name: "Upgrade")
    expect(changed, .upgradeStripped(status: 101))
    changed = good
    changed.remove(name: "Sec-WebSocket-Protocol")
    expect(changed, .badSubprotocol)
    changed.add(name: "Sec-WebSocket-Protocol", value: "other")
    expect(changed, .badSubprotocol)
    changed = good
    changed.add(name: "Sec-WebSocket-Extensions", value: "x-other")
    expect(changed, .badExtensions(.notOffered))
    changed = good
    changed.add(name: "Sec-WebSocket-Extensions", value: ";;")
    expect(changed, .badExtensions(.illegalParameters))
    expect([:], status: .ok, .upgradeStripped(status: 200))
    expect([:], status: .upgradeRequired, .upgradeStripped(status: 426))
    expect(
      ["A": "b"], status: .unauthorized, .status(401, headers: ["A": "b"], bodyPrefix: "no"))
  }

  private func expect(
    _ headers: HTTPHeaders, status: HTTPResponseStatus = .switchingProtocols,
    _ error: HandshakeError, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(throws: error, sourceLocation: sourceLocation) {
      try handshake.check(head(headers, status), bodyPrefix: "no")
    }
  }

  private func head(
    _ headers: HTTPHeaders, _ status: HTTPResponseStatus = .switchingProtocols
  ) -> HTTPResponseHead {
    HTTPResponseHead(version: .http1_1, status: status, headers: headers)
  }
}
