package import NIOHTTP1

/// The server's side of the opening handshake as a pure function (RFC 6455 §4.2).
package enum ServerHandshake {
  /// The only version there is.
  package static let version = "13"

  /// What becomes of a request to a WebSocket endpoint.
  package enum Outcome: Sendable {
    /// Switch: the response's fields, and what was agreed.
    case accept(headers: HTTPHeaders, subprotocol: String?, deflate: DeflateParameters?)
    /// Answer with this.
    case refuse(HTTPRefusal)
  }

  /// Checks `head` and answers it as `acceptance` says; `compression` nil declines every extension.
  package static func answer(
    _ head: HTTPRequestHead, acceptance: WebSocketAcceptance, compression: DeflateSettings?
  ) -> Outcome {
    if let refusal = refusal(of: head) { return .refuse(refusal) }
    let keys = head.headers["Sec-WebSocket-Key"]
    guard keys.count == 1, Base64.decodedCount(keys[0]) == 16 else {
      return .refuse(bad("Sec-WebSocket-Key has to be given once and be 16 bytes in base 64."))
    }
    guard let subprotocol = choose(head.headers, acceptance) else {
      return .refuse(bad("Sec-WebSocket-Protocol has to list tokens, each once."))
    }
    if subprotocol.chosen == nil && acceptance.requiresSubprotocol {
      return .refuse(bad("None of the subprotocols offered is spoken here."))
    }
    var headers: HTTPHeaders = [
      "Upgrade": "websocket", "Connection": "Upgrade",
      "Sec-WebSocket-Accept": accept(key: keys[0]),
    ]
    if let chosen = subprotocol.chosen {
      headers.add(name: "Sec-WebSocket-Protocol", value: chosen)
    }
    var deflate: DeflateParameters?
    let fields = head.headers["Sec-WebSocket-Extensions"]
    if !fields.isEmpty {
      guard let offers = ExtensionOffer.parse(fields) else {
        return .refuse(bad("Sec-WebSocket-Extensions is malformed."))
      }
      if let compression,
        let (agreed, answer) = DeflateNegotiation.accept(offers, settings: compression)
      {
        deflate = agreed
        headers.add(name: "Sec-WebSocket-Extensions", value: answer.headerValue)
      }
    }
    headers.add(contentsOf: acceptance.headers)
    return .accept(headers: headers, subprotocol: subprotocol.chosen, deflate: deflate)
  }

  /// What proves that the key was read (RFC 6455 §4.2.2).
  package static func accept(key: String) -> String {
    Base64.encode(SHA1.digest(Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)))
  }

  private static func refusal(of head: HTTPRequestHead) -> HTTPRefusal? {
    guard head.method == .GET else {
      return HTTPRefusal(
        .methodNotAllowed, code: "methodNotAllowed", "A WebSocket handshake is a GET.",
        headers: ["Allow": "GET"])
    }
    let upgrades = HTTPToken.list(head.headers["Upgrade"]).contains("websocket")
    let connects = HTTPToken.list(head.headers["Connection"]).contains("upgrade")
    guard upgrades && connects else {
      return upgradeRequired("This is a WebSocket endpoint: ask for an upgrade.")
    }
    guard head.version == .http1_1 else {
      return bad("A WebSocket handshake needs HTTP/1.1.")
    }
    guard head.headers["Host"].count == 1 else {
      return bad("Host has to be given once.")
    }
    let length = head.headers["Content-Length"]
    guard length.allSatisfy({ $0 == "0" }), !head.headers.contains(name: "Transfer-Encoding") else {
      return bad("A WebSocket handshake has no body.")
    }
    let versions = head.headers["Sec-WebSocket-Version"]
    guard versions.count == 1 else {
      return bad(
        "Sec-WebSocket-Version has to be given once.", ["Sec-WebSocket-Version": version])
    }
    guard versions[0] == version else {
      return upgradeRequired("Only version 13 of WebSocket is spoken here.")
    }
    return nil
  }

  private static func upgradeRequired(_ detail: String) -> HTTPRefusal {
    HTTPRefusal(
      .upgradeRequired, code: "upgradeRequired", detail,
      headers: ["Upgrade": "websocket", "Sec-WebSocket-Version": version])
  }

  private static func bad(_ detail: String, _ headers: HTTPHeaders = [:]) -> HTTPRefusal {
    HTTPRefusal(.badRequest, code: "badHandshake", detail, headers: headers)
  }

  /// The client's favourite among what is spoken here; nil where the header is malformed. Empty list
  /// elements are passed over (RFC 9110 §5.6.1), but a field has to name something.
  private static func choose(
    _ headers: HTTPHeaders, _ acceptance: WebSocketAcceptance
  ) -> (chosen: String?, Void)? {
    let fields = headers["Sec-WebSocket-Protocol"]
    let offered = fields.flatMap { $0.split(separator: ",") }
      .map { HTTPToken.trimmed($0) }
      .filter { !$0.isEmpty }
    guard offered.isEmpty == fields.isEmpty, offered.allSatisfy(HTTPToken.isToken),
      Set(offered).count == offered.count
    else { return nil }
    return (offered.first(where: acceptance.subprotocols.contains), ())
  }
}
