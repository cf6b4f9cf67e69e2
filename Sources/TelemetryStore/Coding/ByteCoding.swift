import BrokerCore

/// A blob that is not what this program writes: the file is damaged, or from a newer program.
struct DamagedBlob: Error, CustomStringConvertible {
  var what: String

  var description: String { "\(what) is damaged" }
}

extension [UInt8] {
  /// Appends an unsigned number in 7-bit groups, the lowest first (LEB128).
  @inline(__always)
  mutating func appendVarint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(UInt8(truncatingIfNeeded: rest))
  }

  /// Appends eight bytes, the lowest first.
  @inline(__always)
  mutating func appendWord(_ value: UInt64) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }

  /// Appends a checksum of all bytes so far: SQLite checks pages' structure, not their content.
  mutating func seal() {
    let sum = withUnsafeBytes { Checksum.of($0) }
    Swift.withUnsafeBytes(of: sum.littleEndian) { append(contentsOf: $0) }
  }
}

/// Reads what was appended above; throws where the bytes end before. They must outlive the reader.
struct ByteReader {
  private let bytes: UnsafeRawBufferPointer
  private let what: String
  private(set) var position = 0

  /// Bytes without a checksum; `what` names them in an error.
  init(_ bytes: UnsafeRawBufferPointer, _ what: String) {
    self.bytes = bytes
    self.what = what
  }

  /// Bytes that end with a checksum, which must be right.
  init(sealed bytes: UnsafeRawBufferPointer, _ what: String) throws {
    guard bytes.count >= 4 else { throw DamagedBlob(what: what) }
    let content = UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count - 4)])
    let sum = UInt32(
      littleEndian: bytes.loadUnaligned(fromByteOffset: content.count, as: UInt32.self))
    guard sum == Checksum.of(content) else { throw DamagedBlob(what: what) }
    self.init(content, what)
  }

  var isAtEnd: Bool { position >= bytes.count }
  var damage: DamagedBlob { DamagedBlob(what: what) }

  mutating func byte() throws -> UInt8 {
    guard position < bytes.count else { throw damage }
    defer { position += 1 }
    return bytes[position]
  }

  @inline(__always)
  mutating func varint() throws -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while position < bytes.count, shift < 64 {
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    throw damage
  }

  /// A number of things that take at least so many bits each: never more than the bytes can hold
  /// where each takes one, so that a damaged number cannot ask for all memory.
  mutating func count(limit: Int) throws -> Int {
    guard let count = Int(exactly: try varint()), count <= limit else { throw damage }
    return count
  }

  @inline(__always)
  mutating func word() throws -> UInt64 {
    guard position + 8 <= bytes.count else { throw damage }
    defer { position += 8 }
    return UInt64(
      littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
  }

  /// The next bytes, as they are.
  mutating func part(_ count: Int) throws -> UnsafeRawBufferPointer {
    guard count >= 0, position + count <= bytes.count else { throw damage }
    defer { position += count }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<(position + count)])
  }

  /// All that is left.
  mutating func rest() -> UnsafeRawBufferPointer {
    defer { position = bytes.count }
    return UnsafeRawBufferPointer(rebasing: bytes[position...])
  }
}
