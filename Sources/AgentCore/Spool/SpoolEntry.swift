import DeviceProtocol
import TelemetryModel

/// One entry of a segment file, as bytes and back.
///
/// A segment is a line `hawser-spool 1 EPOCH`, then entries: length of the body (4 bytes), CRC-32
/// of the body (4 bytes), body. Numbers are little-endian. A body is a kind (1 byte) and:
///
/// | kind | then | means |
/// |---|---|---|
/// | 1 pack | sequence (8), the pack | the pack is stored here |
/// | 2 acknowledged | from (8), to (8) | the broker has these |
/// | 3 lost | from (8), to (8), reason (1) | these were given up |
/// | 4 reserved | up to (8) | numbers that may have been given out by now |
/// | 5 age | sequence (8), microseconds since 1970 (8) | packs from this one on are from then on |
enum SpoolEntry: Hashable {
  case pack(sequence: UInt64, body: Range<Int>)
  case acknowledged(SequenceRange)
  case lost(SequenceRange, LossReason)
  case reserved(upTo: UInt64)
  case age(SpoolAges.Mark)

  /// Bytes before an entry's body.
  static let headBytes = 8
  /// Bytes of a body before the pack.
  static let packHeadBytes = 9

  /// Appends a pack's entry and returns how many bytes it has.
  @discardableResult
  static func append(pack: [UInt8], sequence: UInt64, to bytes: inout [UInt8]) -> Int {
    var body: [UInt8] = [1]
    body.reserveCapacity(packHeadBytes + pack.count)
    body.append(little: sequence)
    body += pack
    return append(body, to: &bytes)
  }

  static func append(acknowledged range: SequenceRange, to bytes: inout [UInt8]) {
    var body: [UInt8] = [2]
    body.append(little: range.from)
    body.append(little: range.to)
    append(body, to: &bytes)
  }

  static func append(lost range: SequenceRange, _ reason: LossReason, to bytes: inout [UInt8]) {
    var body: [UInt8] = [3]
    body.append(little: range.from)
    body.append(little: range.to)
    body.append(reason.code)
    append(body, to: &bytes)
  }

  static func append(reservedUpTo last: UInt64, to bytes: inout [UInt8]) {
    var body: [UInt8] = [4]
    body.append(little: last)
    append(body, to: &bytes)
  }

  static func append(age mark: SpoolAges.Mark, to bytes: inout [UInt8]) {
    var body: [UInt8] = [5]
    body.append(little: mark.sequence)
    body.append(little: mark.time.microseconds)
    append(body, to: &bytes)
  }

  @discardableResult
  private static func append(_ body: [UInt8], to bytes: inout [UInt8]) -> Int {
    bytes.append(little: UInt32(body.count))
    bytes.append(little: CRC32.of(body[...]))
    bytes += body
    return headBytes + body.count
  }

  /// The entry at a position and the position behind it; nil where none stands there whole.
  static func read(_ bytes: [UInt8], at start: Int) -> (entry: SpoolEntry, end: Int)? {
    guard bytes.count - start >= headBytes else { return nil }
    let length = Int(bytes.little32(at: start))
    let body = start + headBytes
    guard length >= packHeadBytes, length <= bytes.count - body,
      bytes.little32(at: start + 4) == CRC32.of(bytes[body..<body + length])
    else { return nil }
    let first = bytes.little64(at: body + 1)
    func range() -> SequenceRange? {
      length >= 17 ? SequenceRange(from: first, to: bytes.little64(at: body + 9)) : nil
    }
    let entry: SpoolEntry?
    switch bytes[body] {
    case 1: entry = .pack(sequence: first, body: body + packHeadBytes..<body + length)
    case 2: entry = range().map { .acknowledged($0) }
    case 3:
      let reason = length == 18 ? LossReason(code: bytes[body + 17]) : nil
      entry = range().flatMap { range in reason.map { .lost(range, $0) } }
    case 4: entry = .reserved(upTo: first)
    case 5 where length >= 17:
      let time = Int64(bitPattern: bytes.little64(at: body + 9))
      entry = .age(SpoolAges.Mark(sequence: first, time: Timestamp(microseconds: time)))
    default: entry = nil
    }
    return entry.map { ($0, body + length) }
  }
}

extension LossReason {
  fileprivate var code: UInt8 {
    switch self {
    case .spoolFull: 1
    case .damaged: 2
    case .tooLarge: 3
    case .crashed: 4
    case .tooOld: 5
    case .diskFull: 6
    }
  }

  fileprivate init?(code: UInt8) {
    guard let reason = LossReason.allCases.first(where: { $0.code == code }) else { return nil }
    self = reason
  }
}

/// CRC-32 as in zlib and Ethernet (reflected 0xEDB88320).
enum CRC32 {
  private static let table: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { value, _ in
      value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1
    }
  }

  static func of(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    var value: UInt32 = 0xFFFF_FFFF
    for byte in bytes { value = table[Int((value ^ UInt32(byte)) & 0xFF)] ^ value >> 8 }
    return value ^ 0xFFFF_FFFF
  }
}

extension [UInt8] {
  fileprivate mutating func append(little value: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }

  fileprivate func little32(at index: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(self[index + $1]) << (8 * UInt32($1)) }
  }

  fileprivate func little64(at index: Int) -> UInt64 {
    (0..<8).reduce(0) { $0 | UInt64(self[index + $1]) << (8 * UInt64($1)) }
  }
}
