/// SplitMix64: a run is repeated by its seed alone.
struct Seeded: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// True so often out of a hundred times.
  mutating func percent(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }

  /// A duration whose logarithm is evenly spread: as many short ones as long ones.
  mutating func spread(_ range: ClosedRange<Double>) -> Double {
    var ratio = range.upperBound / range.lowerBound
    var low = range.lowerBound
    // Halving the span in the logarithm without a logarithm: 30 binary digits of the exponent.
    for _ in 0..<30 {
      ratio = ratio.squareRoot()
      if Bool.random(using: &self) { low *= ratio }
    }
    return low
  }
}
