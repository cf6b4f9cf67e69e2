import NIOHTTP1
import Testing
import WebSocketTransport

struct ServerHandshakeTests {
  private let good: HTTPHeaders = [
    "Host": "broker", "Upgrade": "websocket", "Connection": "keep-alive, Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13",
  ]

  @Test("A proper handshake is accepted with the fields of RFC 6455 §4.2.2")
  func accepted() throws {
    var headers = good
    headers.add(name: "Sec-WebSocket-Protocol", value: "other, hawser.device.v1")
    headers.add(name: "Sec-WebSocket-Extensions", value: "permessage-deflate")
    guard case .accept(let fields, let subprotocol, let deflate) = answer(headers) else {
      Issue.record("not accepted")
      return
    }
    #expect(fields["Sec-WebSocket-Accept"] == ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="])
    #expect(fields["Sec-WebSocket-Extensions"] == ["permessage-deflate"])
    #expect(fields["Sec-WebSocket-Protocol"] == ["hawser.device.v1"])
    #expect(fields["X-Extra"] == ["1"])
    #expect(subprotocol == "hawser.device.v1")
    #expect(deflate == DeflateParameters())
  }

  @Test("No extension field is sent where nothing was agreed")
  func nothingAgreed() {
    var headers = good
    headers.add(name: "Sec-WebSocket-Extensions", value: "permessage-deflate; mystery, x-other")
    guard case .accept(let fields, _, nil) = answer(headers) else {
      Issue.record("not accepted")
      return
    }
    #expect(!fields.contains(name: "Sec-WebSocket-Extensions"))
    #expect(!fields.contains(name: "Sec-WebSocket-Protocol"))
  }

  @Test(
    "What is not a handshake gets its exact status",
    arguments: [
      ("Upgrade", nil, 426), ("Connection", "keep-alive", 426),
      ("Sec-WebSocket-Version", "8", 426), ("Sec-WebSocket-Version", nil, 400),
      ("Sec-WebSocket-Key", nil, 400), ("Sec-WebSocket-Key", "c2hvcnQ=", 400),
      ("Sec-WebSocket-Key", "not base 64 at all!!!!!!", 400), ("Host", nil, 400),
      ("Sec-WebSocket-Protocol", "a, a", 400), ("Sec-WebSocket-Protocol", "a b", 400),
      ("Sec-WebSocket-Protocol", " , ", 400),
      ("Sec-WebSocket-Extensions", "a; =", 400), ("Content-Length", "5", 400),
      ("Transfer-Encoding", "chunked", 400),
    ] as [(String, String?, UInt)])
  func refused(name: String, value: String?, status: UInt) {
    var headers = good
    headers.remove(name: name)
    if let value { headers.add(name: name, value: value) }
    guard case .refuse(let refusal) = answer(headers) else {
      Issue.record("accepted")
      return
    }
    #expect(refusal.status.code == status)
    if status == 426 {
      #expect(refusal.headers["Sec-WebSocket-Version"] == ["13"])
      #expect(refusal.headers["Upgrade"] == ["websocket"])
    }
  }

  @Test("Empty elements of the subprotocols are passed over (RFC 9110 §5.6.1)")
  func emptyElements() {
    var headers = good
    headers.add(name: "Sec-WebSocket-Protocol", value: "other,, ,")
    headers.add(name: "Sec-WebSocket-Protocol", value: ",hawser.device.v1")
    guard case .accept(_, "hawser.device.v1", _) = answer(headers) else {
      Issue.record("not accepted")
      return
    }
  }

  @Test("Only GET, only HTTP/1.1, and only the subprotocol where one is required")
  func others() {
    guard case .refuse(let method) = answer(good, method: .POST),
      case .refuse(let version) = answer(good, version: .http1_0),
      case .refuse(let subprotocol) = answer(good, required: true)
    else {
      Issue.record("accepted")
      return
    }
    #expect(method.status == .methodNotAllowed && method.code == "methodNotAllowed")
    #expect(method.headers.first(name: "Allow") == "GET")
    #expect(version.status == .badRequest && version.code == "badHandshake")
    #expect(subprotocol.status == .badRequest && subprotocol.code == "badHandshake")
  }

  private func answer(
    _ headers: HTTPHeaders, method: HTTPMethod = .GET, version: HTTPVersion = .http1_1,
    required: Bool = false
  ) -> ServerHandshake.Outcome {
    ServerHandshake.answer(
      HTTPRequestHead(version: version, method: method, uri: "/", headers: headers),
      acceptance: WebSocketAcceptance(
        subprotocols: ["hawser.device.v1"], requiresSubprotocol: required,
        headers: ["X-Extra": "1"]
      ) { EchoDelegate() },
      compression: DeflateSettings())
  }
}
