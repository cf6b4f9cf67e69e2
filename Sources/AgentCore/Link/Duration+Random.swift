extension Duration {
  /// A duration evenly spread over a range.
  static func random(
    in range: ClosedRange<Duration>, using generator: inout some RandomNumberGenerator
  ) -> Duration {
    let span = (range.upperBound - range.lowerBound) / Duration.nanoseconds(1)
    guard span >= 1, span < 9e18 else { return range.lowerBound }
    return range.lowerBound + .nanoseconds(Int64.random(in: 0...Int64(span), using: &generator))
  }
}
