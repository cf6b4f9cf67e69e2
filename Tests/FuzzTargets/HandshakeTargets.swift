import NIOCore
import NIOHTTP1
package import TestValues
import WebSocketTransport

/// `Sec-WebSocket-Extensions`: what was read is written and read again as the same; what a server
/// accepts is an answer that a client who made the offer takes, with the same meaning.
package struct ExtensionTarget: FuzzTarget {
  package static let name = "extensions"

  package init() throws {}

  package static func seeds() -> [[UInt8]] {
    [
      "permessage-deflate", "permessage-deflate; client_max_window_bits",
      "permessage-deflate; server_max_window_bits=10; client_max_window_bits, permessage-deflate",
      "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
      "permessage-deflate; client_max_window_bits=\"15\"; server_max_window_bits=\"8\"",
      "x-webkit-deflate-frame, foo; bar=\"b\\az\" , permessage-deflate ; server_max_window_bits = 9",
      " , ,permessage-deflate;client_max_window_bits=8,",
    ].map { Array($0.utf8) }
  }

  package mutating func take(_ input: [UInt8], using generator: inout Seeded) throws {
    let field = String(decoding: input, as: UTF8.self)
    guard let offers = ExtensionOffer.parse([field]), !offers.isEmpty else { return }
    let written = offers.map(\.headerValue)
    guard ExtensionOffer.parse(written) == offers else {
      throw FuzzFinding("\(written) reads as something else")
    }
    var settings = DeflateSettings()
    settings.windowBits = Int.random(in: 8...15, using: &generator)
    settings.peerWindowBits = Int.random(in: 8...15, using: &generator)
    settings.contextTakeover = Bool.random(using: &generator)
    settings.peerContextTakeover = Bool.random(using: &generator)
    try Self.check(offers, settings)
  }

  static func check(_ offers: [ExtensionOffer], _ settings: DeflateSettings) throws {
    guard let (agreed, answer) = DeflateNegotiation.accept(offers, settings: settings) else {
      return
    }
    guard 8...15 ~= agreed.serverMaxWindowBits, 8...15 ~= agreed.clientMaxWindowBits else {
      throw FuzzFinding("windows out of range: \(agreed)")
    }
    let ours = offers.filter { $0.name == DeflateNegotiation.name }
    guard let understood = try? DeflateNegotiation.check(answer: [answer], offers: ours) else {
      throw FuzzFinding("\(answer.headerValue) answers none of \(ours.map(\.headerValue))")
    }
    guard understood == agreed else {
      throw FuzzFinding("\(answer.headerValue): \(agreed) here, \(understood) there")
    }
  }
}

/// A server's view of a request: its head, and what the handshake makes of it.
package struct RequestTarget: FuzzTarget {
  package static let name = "requests"

  package init() throws {}

  package static func seeds() -> [[UInt8]] {
    let common = """
      GET /v1/device?device=pi-7 HTTP/1.1\r
      Host: broker.example:8080\r
      Upgrade: websocket\r
      Connection: keep-alive, Upgrade\r
      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
      Sec-WebSocket-Version: 13\r\n
      """
    return [
      common + "\r\n",
      common + "Sec-WebSocket-Protocol: hawser.device.v1, other\r\n\r\n",
      common + "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n\u{1}",
      common + "Origin: http://broker.example\r\nContent-Length: 0\r\n\r\nbehind it",
      "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    ].map { Array($0.utf8) }
  }

  package mutating func take(_ input: [UInt8], using generator: inout Seeded) throws {
    let reading = HTTPHead.request(ByteBuffer(bytes: input).readableBytesView)
    guard case .head(let head, let bytes) = reading else { return }
    guard bytes <= input.count else { throw FuzzFinding("a head of \(bytes) bytes") }
    // What lies behind a head is not part of it.
    let again = HTTPHead.request(ByteBuffer(bytes: input.prefix(bytes)).readableBytesView)
    guard again == reading else { throw FuzzFinding("what lies behind the head changes it") }
    let acceptance = WebSocketAcceptance(
      subprotocols: ["hawser.device.v1"], requiresSubprotocol: Bool.random(using: &generator)
    ) { Nobody() }
    let outcome = ServerHandshake.answer(
      head, acceptance: acceptance, compression: DeflateSettings())
    guard case .accept(let headers, let subprotocol, let deflate) = outcome else { return }
    guard headers["Sec-WebSocket-Accept"].count == 1, head.headers["Host"].count == 1,
      (headers["Sec-WebSocket-Protocol"] == [subprotocol].compactMap(\.self)),
      headers.contains(name: "Sec-WebSocket-Extensions") == (deflate != nil)
    else { throw FuzzFinding("accepted with \(headers)") }
  }

  private final class Nobody: WebSocketDelegate {
    func webSocket(_ connection: WebSocketConnection, receivedText text: ByteBuffer) {}
    func webSocket(_ connection: WebSocketConnection, receivedBinary binary: ByteBuffer) {}
    func webSocketClosed(_ connection: WebSocketConnection, _ end: WebSocketEnd) {}
  }
}

/// A client's view of a response.
package struct ResponseTarget: FuzzTarget {
  package static let name = "responses"
  /// The key that the fixed generator makes is what the seeds' accept value answers.
  private var handshake: ClientHandshake

  package init() throws {
    var fixed = Seeded(seed: 0, index: 0)
    handshake = ClientHandshake(
      subprotocols: ["hawser.device.v1"], compression: DeflateSettings(), using: &fixed)
  }

  package static func seeds() -> [[UInt8]] {
    var fixed = Seeded(seed: 0, index: 0)
    let handshake = ClientHandshake(subprotocols: [], compression: nil, using: &fixed)
    var accept = ""
    if let url = WebSocketURL("ws://a/"),
      let key = handshake.headers(for: url, extra: [:])["Sec-WebSocket-Key"].first
    {
      accept = ServerHandshake.accept(key: key)
    }
    let common = """
      HTTP/1.1 101 Switching Protocols\r
      Upgrade: websocket\r
      Connection: Upgrade\r
      Sec-WebSocket-Accept: \(accept)\r
      Sec-WebSocket-Protocol: hawser.device.v1\r\n
      """
    return [
      common + "\r\n",
      common + "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10\r\n\r\n",
      common + "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=9\r\n\r\n",
      "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nWWW-Authenticate: Bearer\r\n\r\nno",
      "HTTP/1.0 200 Connection established\r\n\r\n", "HTTP/1.1 407 \r\n\r\n",
    ].map { Array($0.utf8) }
  }

  package mutating func take(_ input: [UInt8], using generator: inout Seeded) throws {
    let reading = HTTPHead.response(ByteBuffer(bytes: input).readableBytesView)
    guard case .head(let head, let bytes) = reading else { return }
    guard bytes <= input.count else { throw FuzzFinding("a head of \(bytes) bytes") }
    guard let agreed = try? handshake.check(head, bodyPrefix: "") else { return }
    guard head.status == .switchingProtocols, agreed.subprotocol == "hawser.device.v1" else {
      throw FuzzFinding("agreed to \(agreed) by \(head)")
    }
  }
}
