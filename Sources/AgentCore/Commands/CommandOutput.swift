import TelemetryModel

/// What a command printed, with bounds: its end, and how much there was in all.
package struct OutputTail: Hashable, Sendable {
  private var bytes: [UInt8] = []
  private let limit: Int
  /// How many bytes were printed.
  package private(set) var totalBytes = 0

  /// The most bytes that fit the wire's limit, also in base64.
  package static let longest = 47 * 1024

  /// Nothing printed yet.
  /// - Parameter limit: the most bytes that are kept.
  package init(limit: Int = longest) {
    self.limit = limit
  }

  /// More was printed.
  package mutating func append(_ more: some Collection<UInt8>) {
    totalBytes += more.count
    bytes += more.suffix(limit)
    // Moved seldom, since each time costs the whole.
    if bytes.count > 2 * limit { bytes.removeFirst(bytes.count - limit) }
  }

  /// The end of it as text; nil where nothing was printed.
  package var text: (text: String, totalBytes: Int?)? {
    guard totalBytes > 0 else { return nil }
    let end = bytes.suffix(limit)
    if let text = OutputText.text(end, isCut: end.count < totalBytes) {
      return (text, text.utf8.count == totalBytes ? nil : totalBytes)
    }
    return (OutputText.dataURL(end), totalBytes)
  }
}

/// Bytes that a program printed as text for JSON.
enum OutputText {
  /// The bytes as UTF-8, without what a cut left of a character at either end; nil where they are
  /// no text.
  static func text(_ bytes: ArraySlice<UInt8>, isCut: Bool = false) -> String? {
    var bytes = bytes
    if isCut {
      for _ in 0..<3 where bytes.first.map({ $0 & 0xC0 == 0x80 }) ?? false { bytes.removeFirst() }
    }
    bytes.removeLast(openEnd(bytes))
    guard !bytes.contains(0) else { return nil }
    return String(validating: bytes, as: UTF8.self)
  }

  /// How many bytes at the end begin a character that is not whole yet.
  static func openEnd(_ bytes: ArraySlice<UInt8>) -> Int {
    for (back, byte) in bytes.suffix(3).reversed().enumerated() {
      switch byte {
      case 0x80...0xBF: continue
      case 0xC2...0xDF: return back < 1 ? back + 1 : 0
      case 0xE0...0xEF: return back < 2 ? back + 1 : 0
      case 0xF0...0xF4: return back < 3 ? back + 1 : 0
      default: return 0
      }
    }
    return 0
  }

  static let dataPrefix = "data:application/octet-stream;base64,"

  /// Bytes that are no text, as a URL that says so (RFC 2397).
  static func dataURL(_ bytes: ArraySlice<UInt8>) -> String {
    var text = Array(dataPrefix.utf8)
    let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    alphabet.withUTF8Buffer { digits in
      var rest = bytes
      while !rest.isEmpty {
        let group = Array(rest.prefix(3))
        rest = rest.dropFirst(3)
        var bits = group.reduce(0) { $0 << 8 | Int($1) }
        bits <<= 8 * (3 - group.count)
        for place in 0..<4 {
          text.append(
            place <= group.count ? digits[bits >> (18 - 6 * place) & 63] : UInt8(ascii: "="))
        }
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}

/// The output of a running command on its way to people: in pieces, no more of them than the link
/// should carry, each saying what was left out before it.
struct OutputStream: Hashable, Sendable {
  private var waiting: [UInt8] = []
  private var leftOut = 0
  private var streamed = 0

  /// The longest piece; as base64 or with every character escaped it fits the wire.
  static let pieceBytes = 4096
  /// The most that is streamed of one command; its result has the end.
  static let mostBytes = 256 * 1024

  var isEmpty: Bool { waiting.count == OutputText.openEnd(waiting[...]) && leftOut == 0 }

  /// More was printed.
  mutating func append(_ more: some Collection<UInt8>) {
    guard streamed < Self.mostBytes else { return }
    waiting += more.suffix(Self.pieceBytes)
    let excess = max(waiting.count - Self.pieceBytes, 0)
    leftOut += excess + max(more.count - Self.pieceBytes, 0)
    waiting.removeFirst(excess)
  }

  /// The next piece; nil where there is none.
  mutating func take() -> String? {
    guard !isEmpty else { return nil }
    let note = leftOut > 0 ? "[\(leftOut) bytes left out]\n" : ""
    let open = OutputText.openEnd(waiting[...])
    let whole = waiting.dropLast(open)
    var piece = note + (OutputText.text(whole, isCut: leftOut > 0) ?? OutputText.dataURL(whole))
    waiting = Array(waiting.suffix(open))
    streamed += whole.count + leftOut
    leftOut = 0
    if streamed >= Self.mostBytes {
      waiting = []
      piece += "\n[the rest is not streamed; the result has its end]\n"
    }
    return piece
  }
}
