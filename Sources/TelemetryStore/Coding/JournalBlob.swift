import BrokerCore
import TelemetryModel

/// A commit's readings in the order in which they came, as the journal keeps them until they are
/// folded: fast rather than small, about eleven bytes a reading.
///
/// ```
/// version (1 byte) · count · for each reading: series, time, value (8 bytes), quality
/// ```
///
/// Series and times are differences from the reading before; a series' lowest bit says whether the
/// quality changes with it.
enum JournalBlob {
  private static let version: UInt8 = 1
  private static let what = "an entry of the journal"

  static func encode(_ samples: [Sample]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(16 + samples.count * 12)
    bytes.append(version)
    bytes.appendVarint(UInt64(samples.count))
    var series: Int64 = 0
    var time: Int64 = 0
    var quality = SampleQuality()
    for sample in samples {
      let changes = sample.quality != quality
      bytes.appendVarint(ZigZag.encode(sample.series.number &- series) << 1 | (changes ? 1 : 0))
      if changes { bytes.append(sample.quality.rawValue) }
      bytes.appendVarint(ZigZag.encode(sample.time.microseconds &- time))
      bytes.appendWord(sample.value.bitPattern)
      series = sample.series.number
      time = sample.time.microseconds
      quality = sample.quality
    }
    bytes.seal()
    return bytes
  }

  static func decode(_ blob: UnsafeRawBufferPointer) throws -> [Sample] {
    var reader = try ByteReader(sealed: blob, what)
    guard try reader.byte() == version else { throw reader.damage }
    let count = try reader.count(limit: blob.count / 10)
    var samples: [Sample] = []
    samples.reserveCapacity(count)
    var series: Int64 = 0
    var time: Int64 = 0
    var quality = SampleQuality()
    for _ in 0..<count {
      let head = try reader.varint()
      series = series &+ ZigZag.decode(head >> 1)
      if head & 1 == 1 { quality = SampleQuality(rawValue: try reader.byte()) }
      time = time &+ ZigZag.decode(try reader.varint())
      samples.append(
        Sample(
          series: SeriesID(series), time: Timestamp(microseconds: time),
          value: Double(bitPattern: try reader.word()), quality: quality))
    }
    guard reader.isAtEnd else { throw reader.damage }
    return samples
  }
}
