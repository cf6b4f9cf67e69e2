import TestValues

extension Seeded {
  /// A number whose logarithm is evenly spread: as many short durations as long ones.
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
