import BrokerCore
import TelemetryModel

/// The quality of readings, as runs of equal ones. What came when its time said needs no more than
/// the zero of its run; of others it is kept when they came, to the millisecond.
enum QualityRuns {
  struct Run {
    var length: Int
    var quality: SampleQuality
    var received: Timestamp?
  }

  static func write(_ readings: ArraySlice<Reading>, to bytes: inout [UInt8]) {
    var runs: [Run] = []
    for reading in readings {
      let received = reading.quality.isEmpty ? nil : reading.received
      if let last = runs.last, last.quality == reading.quality, last.received == received {
        runs[runs.count - 1].length += 1
      } else {
        runs.append(Run(length: 1, quality: reading.quality, received: received))
      }
    }
    var previous: Int64 = 0
    bytes.appendVarint(UInt64(runs.count))
    for run in runs {
      bytes.appendVarint(UInt64(run.length))
      bytes.append(run.quality.rawValue)
      guard !run.quality.isEmpty else { continue }
      // Zero says that it is not known (readings of an older store).
      guard let received = run.received else {
        bytes.appendVarint(0)
        continue
      }
      let milliseconds = received.microseconds / 1_000
      bytes.appendVarint(ZigZag.encode(milliseconds &- previous) &+ 1)
      previous = milliseconds
    }
  }

  static func read(_ count: Int, _ reader: inout ByteReader) throws -> [Run] {
    var runs: [Run] = []
    var previous: Int64 = 0
    var left = count
    for _ in 0..<(try reader.count(limit: count)) {
      let length = try reader.count(limit: left)
      left -= length
      let quality = SampleQuality(rawValue: try reader.byte())
      var received: Timestamp?
      if !quality.isEmpty {
        let difference = try reader.varint()
        if difference > 0 {
          previous = previous &+ ZigZag.decode(difference - 1)
          received = Timestamp(microseconds: previous &* 1_000)
        }
      }
      runs.append(Run(length: length, quality: quality, received: received))
    }
    guard left == 0 else { throw reader.damage }
    return runs
  }

  static func fill(_ readings: inout [Reading], _ runs: [Run]) {
    var index = 0
    for run in runs {
      for _ in 0..<run.length {
        readings[index].quality = run.quality
        readings[index].received = run.received
        index += 1
      }
    }
  }
}
