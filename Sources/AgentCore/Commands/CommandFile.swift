import TelemetryModel

/// A file of the command journal, as bytes and back.
///
/// A line `hawser-commands 1`, then entries: length of the body (4 bytes), CRC-32 of the body
/// (4 bytes), body; numbers are little-endian, bodies are JSON. A file begins with the records as
/// they stood, then `null`, which says that they are all there; changes follow.
struct CommandFile {
  private(set) var entries: [JSONValue] = []
  /// Whether whole entries stand behind damaged bytes: not what a power cut leaves.
  private(set) var isDamaged = false
  /// Whether there is nothing behind the last whole entry.
  private(set) var isWhole = true
  /// The file's bytes.
  let count: Int

  private static let head = Array("hawser-commands 1\n".utf8)
  private static let prefix = "journal-"
  /// No entry is as long: an output of 64 KiB with all characters escaped, and its parameters.
  private static let longest = 1 << 20

  /// Reads a file; nil where it does not hold all records that it began with.
  init?(_ bytes: [UInt8]) {
    count = bytes.count
    guard bytes.starts(with: Self.head) else { return nil }
    var isComplete = false
    var at = Self.head.count
    while at < bytes.count {
      guard let (body, end) = Self.read(bytes, at: at) else {
        isWhole = false
        at += 1
        continue
      }
      if !isWhole { isDamaged = true }
      isWhole = true
      if body == .null { isComplete = true } else { entries.append(body) }
      at = end
    }
    guard isComplete else { return nil }
  }

  static func name(_ number: UInt64) -> String {
    let digits = String(number)
    return prefix + String(repeating: "0", count: max(20 - digits.count, 0)) + digits
  }

  static func number(_ name: String) -> UInt64? {
    name.hasPrefix(prefix) ? UInt64(name.dropFirst(prefix.count)) : nil
  }

  /// A whole file that begins with these records.
  static func whole(_ records: [JSONValue]) -> [UInt8] {
    head + records.flatMap { entry($0) } + entry(.null)
  }

  static func entry(_ body: JSONValue) -> [UInt8] {
    let body = body.json
    return little(UInt32(body.count)) + little(CRC32.of(body[...])) + body
  }

  private static func read(_ bytes: [UInt8], at start: Int) -> (JSONValue, Int)? {
    guard bytes.count - start > 8 else { return nil }
    let length = Int(number(bytes, start))
    let body = start + 8
    guard (1...longest).contains(length), length <= bytes.count - body,
      number(bytes, start + 4) == CRC32.of(bytes[body..<body + length]),
      let json = try? JSONValue(parsing: Array(bytes[body..<body + length]).span)
    else { return nil }
    return (json, body + length)
  }

  private static func little(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) }
  }

  private static func number(_ bytes: [UInt8], _ at: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << (8 * UInt32($1)) }
  }
}
