import ArgumentParser
import TelemetryModel
import WebSocketTransport

/// Which broker a command asks, and which series or devices.
struct BrokerOptions: ParsableArguments {
  @Option(help: "The broker's address.")
  var broker = "http://127.0.0.1:8080"

  @Option(help: "Trust the authorities in this PEM file too, where the address is https.")
  var ca: String?

  @Flag(help: "Print one JSON object a line, for scripts.")
  var json = false

  /// The broker's address with a path behind it.
  func address(_ path: String, _ query: [(String, String)] = []) throws -> WebSocketURL {
    let base = broker.hasSuffix("/") ? String(broker.dropLast()) : broker
    guard let url = WebSocketURL(base + path + BrokerOptions.text(query)) else {
      throw ValidationError("--broker has to be an http:// or https:// address: \(broker)")
    }
    return url
  }

  /// `?name=value&…`, with everything escaped that is not unreserved (RFC 3986 §2.3).
  private static func text(_ query: [(String, String)]) -> String {
    guard !query.isEmpty else { return "" }
    return "?" + query.map { "\($0)=\(escape($1))" }.joined(separator: "&")
  }

  static func escape(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF")
    return text.utf8.reduce(into: "") { escaped, byte in
      let scalar = Unicode.Scalar(byte)
      if byte < 0x80,
        scalar.properties.isAlphabetic || (0x30...0x39).contains(byte)
          || "-._~".unicodeScalars.contains(scalar)
      {
        escaped.unicodeScalars.append(scalar)
      } else {
        escaped += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
      }
    }
  }
}

/// `DEVICES[/METRICS]`, each one or several patterns separated by commas: `pump-*/temp*,humidity`.
struct QueryText: Equatable {
  var devices: [String] = []
  var metrics: [String] = []

  init(_ text: String) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    devices = QueryText.patterns(parts.first ?? "")
    if parts.count > 1 { metrics = QueryText.patterns(parts[1]) }
  }

  private static func patterns(_ text: Substring) -> [String] {
    let all = text.split(separator: ",").map(String.init)
    return all == ["*"] ? [] : all
  }
}
