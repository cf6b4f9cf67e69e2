package import NIOCore
package import NIOHTTP1

/// Reads the head of one HTTP/1.1 message (RFC 9112), strictly: handshakes have a head and nothing
/// else. What does not fit is left to somebody who knows all of HTTP.
package enum HTTPHead {
  /// What reading can come to.
  package enum Reading<Head: Equatable & Sendable>: Equatable, Sendable {
    /// The head's end has not come yet.
    case incomplete
    /// The head, and how many bytes it took.
    case head(Head, bytes: Int)
    /// This is no HTTP head, or one in a form not read here.
    case malformed
  }

  /// Reads a request's head from the beginning of `bytes`.
  package static func request(_ bytes: ByteBufferView) -> Reading<HTTPRequestHead> {
    guard let first = bytes.first else { return .incomplete }
    guard HTTPToken.allows(first) else { return .malformed }
    guard let end = endOfHead(bytes) else { return .incomplete }
    var lines = Lines(rest: bytes[..<end])
    guard let start = lines.next() else { return .malformed }
    let parts = start.split(separator: 0x20, omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0].allSatisfy(HTTPToken.allows), !parts[1].isEmpty,
      parts[1].allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
      let version = version(parts[2]), let headers = headers(&lines)
    else { return .malformed }
    let head = HTTPRequestHead(
      version: version, method: HTTPMethod(rawValue: String(decoding: parts[0], as: UTF8.self)),
      uri: String(decoding: parts[1], as: UTF8.self), headers: headers)
    return .head(head, bytes: end - bytes.startIndex)
  }

  /// Reads a response's head from the beginning of `bytes`.
  package static func response(_ bytes: ByteBufferView) -> Reading<HTTPResponseHead> {
    for (byte, expected) in zip(bytes, "HTTP/".utf8) where byte != expected { return .malformed }
    guard let end = endOfHead(bytes) else { return .incomplete }
    var lines = Lines(rest: bytes[..<end])
    guard let start = lines.next() else { return .malformed }
    let parts = start.split(separator: 0x20, maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count >= 2, let version = version(parts[0]), parts[1].count == 3,
      let code = Int(String(decoding: parts[1], as: UTF8.self)), code >= 100,
      let headers = headers(&lines)
    else { return .malformed }
    let head = HTTPResponseHead(
      version: version, status: HTTPResponseStatus(statusCode: code), headers: headers)
    return .head(head, bytes: end - bytes.startIndex)
  }

  /// Behind the empty line that ends a head.
  private static func endOfHead(_ bytes: ByteBufferView) -> Int? {
    bytes.withUnsafeBytes { raw in
      var at = 3
      while at < raw.count {
        // The mark's last byte decides how far to go on: most bytes are none of its own.
        switch raw[at] {
        case 0x0A:
          if raw[at - 1] == 0x0D && raw[at - 2] == 0x0A && raw[at - 3] == 0x0D {
            return bytes.startIndex + at + 1
          }
          at += 2
        case 0x0D: at += 1
        default: at += 4
        }
      }
      return nil
    }
  }

  private static func version(_ bytes: ByteBufferView) -> HTTPVersion? {
    switch String(decoding: bytes, as: UTF8.self) {
    case "HTTP/1.1": .http1_1
    case "HTTP/1.0": .http1_0
    default: nil
    }
  }

  /// The fields up to the empty line; nil where one is malformed. Folded lines are (RFC 9112 §5.2).
  private static func headers(_ lines: inout Lines) -> HTTPHeaders? {
    var headers = HTTPHeaders()
    while let line = lines.next() {
      if line.isEmpty { return headers }
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex,
        line[..<colon].allSatisfy(HTTPToken.allows),
        line[colon...].allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 })
      else { return nil }
      headers.add(
        name: String(decoding: line[..<colon], as: UTF8.self),
        value: HTTPToken.trimmed(String(decoding: line[(colon + 1)...], as: UTF8.self)))
    }
    return nil
  }

  private struct Lines {
    var rest: ByteBufferView

    /// The next line without its CRLF; nil at the end, and for a line that ends otherwise.
    mutating func next() -> ByteBufferView? {
      guard let end = rest.firstIndex(of: 0x0A), end > rest.startIndex, rest[end - 1] == 0x0D else {
        return nil
      }
      let line = rest[rest.startIndex..<end - 1]
      rest = rest[(end + 1)...]
      return line
    }
  }
}
