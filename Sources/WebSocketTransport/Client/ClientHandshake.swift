package import NIOHTTP1

/// The client's side of the opening handshake, without its transport (RFC 6455 §4.1).
package struct ClientHandshake: Sendable {
  /// What the server agreed to.
  package struct Agreement: Equatable, Sendable {
    /// The subprotocol chosen; nil where none was offered.
    package var subprotocol: String?
    /// permessage-deflate as agreed; nil for none.
    package var deflate: DeflateParameters?
  }

  private let key: String
  private let subprotocols: [String]
  private let offers: [ExtensionOffer]

  /// A handshake that offers `subprotocols`, best first, and compression as `compression` says.
  /// `generator` makes the key, which need not be secret.
  package init(
    subprotocols: [String], compression: DeflateSettings?,
    using generator: inout some RandomNumberGenerator
  ) {
    key = Base64.encode((0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) })
    self.subprotocols = subprotocols
    offers = compression.map(DeflateNegotiation.offers) ?? []
  }

  /// The request's fields, `extra` ones last.
  package func headers(for url: WebSocketURL, extra: HTTPHeaders) -> HTTPHeaders {
    var headers: HTTPHeaders = [
      "Host": url.hostField, "Upgrade": "websocket", "Connection": "Upgrade",
      "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": ServerHandshake.version,
    ]
    if !subprotocols.isEmpty {
      headers.add(
        name: "Sec-WebSocket-Protocol", value: subprotocols.joined(separator: ", "))
    }
    if !offers.isEmpty {
      headers.add(
        name: "Sec-WebSocket-Extensions",
        value: offers.map(\.headerValue).joined(separator: ", "))
    }
    headers.add(contentsOf: extra)
    return headers
  }

  /// Checks the server's answer. `bodyPrefix` goes into the error of a refusal.
  package func check(
    _ head: HTTPResponseHead, bodyPrefix: String
  ) throws(HandshakeError) -> Agreement {
    let code = Int(head.status.code)
    guard code == 101 else {
      // Only a request without its Upgrade field gets these.
      if 200...299 ~= code || code == 426 { throw .upgradeStripped(status: code) }
      throw .status(code, headers: head.headers, bodyPrefix: bodyPrefix)
    }
    guard HTTPToken.list(head.headers["Upgrade"]) == ["websocket"],
      HTTPToken.list(head.headers["Connection"]).contains("upgrade")
    else { throw .upgradeStripped(status: code) }
    guard head.headers["Sec-WebSocket-Accept"] == [ServerHandshake.accept(key: key)] else {
      throw .badAccept
    }
    let chosen = head.headers["Sec-WebSocket-Protocol"]
    guard chosen.count == (subprotocols.isEmpty ? 0 : 1),
      chosen.allSatisfy(subprotocols.contains)
    else { throw .badSubprotocol }
    guard let answer = ExtensionOffer.parse(head.headers["Sec-WebSocket-Extensions"]) else {
      throw .badExtensions(.illegalParameters)
    }
    do {
      let deflate = try DeflateNegotiation.check(answer: answer, offers: offers)
      return Agreement(subprotocol: chosen.first, deflate: deflate)
    } catch {
      throw .badExtensions(error)
    }
  }
}
