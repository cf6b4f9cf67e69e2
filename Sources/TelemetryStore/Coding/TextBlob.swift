import BrokerCore
import TelemetryModel

/// A reading of text or bytes as a blob: what it says, how far its time can be trusted, when it came.
///
/// ```
/// version (1 byte) · kind · quality · received in ms · the text in UTF-8, or the bytes
/// ```
enum TextBlob {
  private static let version: UInt8 = 1
  private static let what = "a reading of text"

  private enum Kind: UInt8 {
    case string = 0
    case data = 1
  }

  static func encode(_ text: TextSample, received: Timestamp) -> [UInt8] {
    var bytes: [UInt8] = [version]
    switch text.value {
    case .string(let string):
      append(.string, text, received, to: &bytes)
      bytes.append(contentsOf: string.utf8)
    case .data(let data):
      append(.data, text, received, to: &bytes)
      bytes.append(contentsOf: data)
    }
    bytes.seal()
    return bytes
  }

  private static func append(
    _ kind: Kind, _ text: TextSample, _ received: Timestamp, to bytes: inout [UInt8]
  ) {
    bytes.append(kind.rawValue)
    bytes.append(text.quality.rawValue)
    bytes.appendVarint(ZigZag.encode(received.microseconds / 1_000))
  }

  /// The row that this makes of a series and a moment.
  static func decode(
    _ blob: UnsafeRawBufferPointer, series: SeriesID, time: Timestamp
  ) throws -> HistoryRow {
    var reader = try ByteReader(sealed: blob, what)
    guard try reader.byte() == version, let kind = Kind(rawValue: try reader.byte()) else {
      throw reader.damage
    }
    let quality = SampleQuality(rawValue: try reader.byte())
    let received = Timestamp(microseconds: ZigZag.decode(try reader.varint()) &* 1_000)
    let rest = reader.rest()
    let value: TextSample.Value =
      switch kind {
      case .string: .string(String(decoding: rest, as: UTF8.self))
      case .data: .data(Array(rest))
      }
    return HistoryRow(
      series: series, time: time, values: [nil], quality: quality,
      received: quality.isEmpty ? nil : received, text: value)
  }
}
