import BrokerCore
import TelemetryModel

/// Readings of one series, ordered by time, as a blob: three columns and a checksum.
///
/// ```
/// version (1 byte) · count · flags
/// times    unit (10^n µs) · first · step · bits: differences from the step, or of differences
/// values   places · divisor · first · bits: differences of whole numbers, or XORed patterns
/// quality  runs of (length, quality, received in ms), left out where there is nothing to say
/// ```
///
/// A board's reading once a second takes one to three bytes; a value that is no decimal up to eight.
enum ReadingBlob {
  private static let version: UInt8 = 1
  private static let what = "a chunk of readings"
  /// The most readings of one blob.
  static let maxCount = 1 << 22

  private struct Flags: OptionSet {
    var rawValue: UInt8
    static let timesBySecondDifference = Flags(rawValue: 1)
    static let valuesAsPatterns = Flags(rawValue: 2)
    static let valuesBySecondDifference = Flags(rawValue: 4)
    static let quality = Flags(rawValue: 8)
  }

  // MARK: - Writing

  static func encode(_ readings: ArraySlice<Reading>) -> [UInt8] {
    let times = TimeColumn(readings)
    let values = ValueColumn(readings)
    let hasQuality = readings.contains { !$0.quality.isEmpty }
    var flags = Flags()
    if times.bySecondDifference { flags.insert(.timesBySecondDifference) }
    if values.asPatterns { flags.insert(.valuesAsPatterns) }
    if values.bySecondDifference { flags.insert(.valuesBySecondDifference) }
    if hasQuality { flags.insert(.quality) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(64 + readings.count * 3)
    bytes.append(version)
    bytes.appendVarint(UInt64(readings.count))
    bytes.append(flags.rawValue)
    times.writeHead(to: &bytes)
    values.writeHead(to: &bytes)
    if hasQuality { QualityRuns.write(readings, to: &bytes) }
    var bits = BitWriter(appendingTo: bytes)
    NumberColumn.write(times.residuals, to: &bits)
    if values.asPatterns {
      NumberColumn.writePatterns(values.residuals, to: &bits)
    } else {
      NumberColumn.write(values.residuals, to: &bits)
    }
    bytes = bits.finish()
    bytes.seal()
    return bytes
  }

  // MARK: - Reading

  static func decode(_ blob: UnsafeRawBufferPointer) throws -> [Reading] {
    var reader = try ByteReader(sealed: blob, what)
    guard try reader.byte() == version else { throw reader.damage }
    let count = try reader.count(limit: maxCount)
    let flags = Flags(rawValue: try reader.byte())
    let times = try TimeColumn.Head(&reader)
    let values = try ValueColumn.Head(&reader, asPatterns: flags.contains(.valuesAsPatterns))
    let runs = flags.contains(.quality) ? try QualityRuns.read(count, &reader) : []
    guard count > 0 else { return [] }
    var bits = BitReader(reader.rest())
    var readings = times.readings(
      count, bySecondDifference: flags.contains(.timesBySecondDifference), &bits)
    let fits =
      if flags.contains(.valuesAsPatterns) {
        values.fillFromPatterns(&readings, &bits)
      } else {
        values.fillFromDifferences(
          &readings, bySecondDifference: flags.contains(.valuesBySecondDifference), &bits)
      }
    guard fits, !bits.isOverrun else { throw reader.damage }
    QualityRuns.fill(&readings, runs)
    return readings
  }
}
