import TelemetryModel

/// Times of readings as differences from a usual step, or as differences of differences, whichever
/// is smaller.
struct TimeColumn {
  private static let units: [Int64] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000]

  private(set) var bySecondDifference = false
  /// For the second reading on; by second difference for the third on.
  private(set) var residuals: [UInt64] = []
  private var unit = 0
  private var first: Int64 = 0
  private var step: Int64 = 0

  init(_ readings: ArraySlice<Reading>) {
    guard let start = readings.first?.time.microseconds else { return }
    unit = TimeColumn.commonUnit(readings)
    let length = TimeColumn.units[unit]
    first = start / length
    var steps: [Int64] = []
    steps.reserveCapacity(readings.count)
    var previous = first
    for reading in readings.dropFirst() {
      let time = reading.time.microseconds / length
      steps.append(time &- previous)
      previous = time
    }
    guard let firstStep = steps.first else { return }
    // The middle of three steps is seldom the gap.
    let candidates = [firstStep, steps[steps.count / 2], steps[steps.count - 1]].sorted()
    step = candidates[1]
    let fromStep = steps.map { ZigZag.encode($0 &- step) }
    var secondCost = 0
    var stepCost = 0
    for index in steps.indices.dropFirst() {
      let second = ZigZag.encode(steps[index] &- steps[index - 1])
      secondCost += 64 - second.leadingZeroBitCount
      stepCost += 64 - fromStep[index].leadingZeroBitCount
    }
    bySecondDifference = secondCost < stepCost
    if bySecondDifference {
      step = firstStep
      residuals = zip(steps.dropFirst(), steps).map { ZigZag.encode($0 &- $1) }
    } else {
      residuals = fromStep
    }
  }

  func writeHead(to bytes: inout [UInt8]) {
    bytes.append(UInt8(unit))
    bytes.appendVarint(ZigZag.encode(first))
    bytes.appendVarint(ZigZag.encode(step))
  }

  /// The largest unit that every time is a whole number of.
  private static func commonUnit(_ readings: ArraySlice<Reading>) -> Int {
    var unit = units.count - 1
    for reading in readings {
      while unit > 0, reading.time.microseconds % units[unit] != 0 { unit -= 1 }
      if unit == 0 { break }
    }
    return unit
  }

  /// What stands in front of the bits.
  struct Head {
    private let length: Int64
    private let first: Int64
    private let step: Int64

    init(_ reader: inout ByteReader) throws {
      let unit = Int(try reader.byte())
      guard unit < units.count else { throw reader.damage }
      length = units[unit]
      first = ZigZag.decode(try reader.varint())
      step = ZigZag.decode(try reader.varint())
    }

    /// Readings with their times, values still to be filled in.
    func readings(
      _ count: Int, bySecondDifference: Bool, _ bits: inout BitReader
    ) -> [Reading] {
      var readings: [Reading] = []
      readings.reserveCapacity(count)
      var time = first
      func append() {
        readings.append(Reading(time: Timestamp(microseconds: time &* length), value: 0))
      }
      append()
      guard bySecondDifference else {
        for residual in NumberColumn.read(count - 1, from: &bits) {
          time = time &+ step &+ ZigZag.decode(residual)
          append()
        }
        return readings
      }
      guard count > 1 else { return readings }
      var step = step
      time = time &+ step
      append()
      for residual in NumberColumn.read(count - 2, from: &bits) {
        step = step &+ ZigZag.decode(residual)
        time = time &+ step
        append()
      }
      return readings
    }
  }
}
