/// When the agents of a broker that stops are to come back: each in a slice of its own of a span that
/// grows with their number.
package struct ReturnSpread: Sendable {
  /// How many come back.
  package let devices: Int
  /// The span over which they do.
  package let span: Duration
  private let first: Duration

  /// Spreads `devices` over `shortest` at least, and so that no more than `perSecond` come in a second
  /// on average; the earliest after `first`, when a broker that restarts is back.
  package init(devices: Int, perSecond: Int, shortest: Duration, first: Duration) {
    self.devices = devices
    self.first = first
    span = max(shortest, .milliseconds(1_000 * devices / max(1, perSecond)))
  }

  /// What agent number `index` of them is told: to pick a moment of its own slice. Slices overlap with
  /// their neighbours', so that agents which take the first moment they are offered do not make steps.
  package subscript(index: Int) -> ClosedRange<Duration> {
    let width = max(span / 10, min(span, .seconds(1)))
    let begin = first + (span - width) * Double(index) / Double(max(1, devices - 1))
    return begin...(begin + width)
  }
}
