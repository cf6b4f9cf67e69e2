/// One extension as offered or accepted in `Sec-WebSocket-Extensions` (RFC 6455 §9.1).
package struct ExtensionOffer: Equatable, Sendable {
  /// One parameter; `value` is nil where the name stands alone.
  package struct Parameter: Equatable, Sendable {
    /// The name as written; names are compared as they are.
    package var name: String
    /// The value, quotes taken off.
    package var value: String?

    /// A parameter as it is to be written or compared.
    package init(_ name: String, _ value: String? = nil) {
      self.name = name
      self.value = value
    }
  }

  /// The extension's token.
  package var name: String
  /// Its parameters in their order.
  package var parameters: [Parameter]

  /// An extension with its parameters.
  package init(_ name: String, _ parameters: [Parameter] = []) {
    self.name = name
    self.parameters = parameters
  }

  /// The header value that says this.
  package var headerValue: String {
    parameters.reduce(into: name) { text, parameter in
      text += "; " + parameter.name
      if let value = parameter.value { text += "=" + value }
    }
  }

  /// Reads all header fields of that name together, in their order of preference. Nil where they do
  /// not follow the grammar: then the handshake is malformed, not merely the extension unknown.
  package static func parse(_ fields: [String]) -> [ExtensionOffer]? {
    var offers: [ExtensionOffer] = []
    for field in fields {
      var scanner = Scanner(rest: Array(field.utf8)[...])
      var found = false
      while true {
        scanner.skipBlanks()
        // RFC 9110 §5.6.1: empty list elements are passed over.
        if scanner.take(",") { continue }
        if scanner.rest.isEmpty { break }
        guard let offer = scanner.offer() else { return nil }
        offers.append(offer)
        found = true
        scanner.skipBlanks()
        guard scanner.rest.isEmpty || scanner.take(",") else { return nil }
      }
      guard found else { return nil }
    }
    return offers
  }

  private struct Scanner {
    var rest: ArraySlice<UInt8>

    mutating func offer() -> ExtensionOffer? {
      guard let name = token() else { return nil }
      var offer = ExtensionOffer(name)
      while true {
        skipBlanks()
        guard take(";") else { return offer }
        skipBlanks()
        guard let parameter = token() else { return nil }
        skipBlanks()
        guard take("=") else {
          offer.parameters.append(.init(parameter))
          continue
        }
        skipBlanks()
        guard let value = rest.first == UInt8(ascii: "\"") ? quoted() : token() else { return nil }
        offer.parameters.append(.init(parameter, value))
      }
    }

    mutating func skipBlanks() {
      rest = rest.drop { $0 == 0x20 || $0 == 0x09 }
    }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
      guard rest.first == UInt8(ascii: character) else { return false }
      rest.removeFirst()
      return true
    }

    mutating func token() -> String? {
      let token = rest.prefix(while: HTTPToken.allows)
      guard !token.isEmpty else { return nil }
      rest = rest[token.endIndex...]
      return String(decoding: token, as: UTF8.self)
    }

    /// A quoted string; what it holds must be a token (RFC 6455 §9.1).
    mutating func quoted() -> String? {
      rest.removeFirst()
      var value: [UInt8] = []
      while var byte = rest.popFirst() {
        if byte == UInt8(ascii: "\"") {
          return value.isEmpty ? nil : String(decoding: value, as: UTF8.self)
        }
        if byte == UInt8(ascii: "\\") {
          guard let escaped = rest.popFirst() else { return nil }
          byte = escaped
        }
        guard HTTPToken.allows(byte) else { return nil }
        value.append(byte)
      }
      return nil
    }
  }
}
