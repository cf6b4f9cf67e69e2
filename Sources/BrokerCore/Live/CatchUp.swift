package import TelemetryModel

/// How a reader that begins in the past is brought to the present: where it is, and in what steps the
/// store is read for it. A pure machine.
///
/// One step is read when the reader can take it, so that history of any length takes the memory of a
/// step. A reader that does not come nearer to the present is taken there with a `gap`.
package struct CatchUp: Sendable {
  /// How long a reader may stay as far behind as it was.
  package static let patience: Duration = .seconds(60)
  /// How long raw readings may take: commits are told apart for ten minutes, and what came since the
  /// reader began is still to be read then.
  package static let longestRaw: Duration = .seconds(300)

  /// Where the reader is.
  package private(set) var position: Cursor
  /// The first commit that was current when it began: it has seen nothing of later ones.
  package let began: Timestamp
  /// Whether windows that late readings changed before it began are still to be looked for.
  package var looksForChanges: Bool
  private var checked: Timestamp
  private var lag: Duration?
  /// How much time the next step covers, in microseconds.
  private(set) var strideMicroseconds: Int64
  /// About how many rows a step has.
  private let stepRows: Int

  /// Begins at a cursor; `stride` is how much time the first step covers, `stepRows` about how many rows
  /// a step is to have.
  package init(
    at position: Cursor, looksForChanges: Bool, stride: Duration, stepRows: Int, now: Timestamp
  ) {
    self.stepRows = stepRows
    self.position = position
    self.looksForChanges = looksForChanges
    began = now
    checked = now
    strideMicroseconds = max(1, stride.wholeMicroseconds)
  }

  /// How much time a step covers at first, so that it has about `stepRows` windows.
  package static func stride(_ resolution: Resolution, series: Int, stepRows: Int) -> Duration {
    guard let length = resolution.length else { return .seconds(10) }
    return length * max(1, stepRows / max(1, series))
  }

  /// Takes note of a step that was read up to a place and brought so many rows of numbers, or as much
  /// text.
  package mutating func stepped(to place: Cursor, rows: Int) {
    position = place
    // Where there is little, look further at once; where there is much, less far.
    if rows < stepRows / 4 {
      strideMicroseconds = min(strideMicroseconds * 2, Int64(1) << 52)
    } else if rows > stepRows {
      strideMicroseconds = max(strideMicroseconds / 2, 1)
    }
  }

  /// Goes to a place, whatever lies in between.
  package mutating func move(to place: Cursor) { position = place }

  /// Makes the next step shorter because it would have too many rows; false where it is one moment.
  @discardableResult
  mutating func shorten() -> Bool {
    guard strideMicroseconds > 1 else { return false }
    strideMicroseconds = max(1, strideMicroseconds / 4)
    return true
  }

  /// Has the next step cover so much time.
  mutating func cover(_ span: Duration) { strideMicroseconds = max(1, span.wholeMicroseconds) }

  /// Whether to give up and go on in the present, now that the reader can take more. `frontier` is the
  /// present.
  package mutating func givesUp(isRaw: Bool, frontier: Timestamp, now: Timestamp) -> Bool {
    if isRaw, now - began > CatchUp.longestRaw { return true }
    let behind = frontier - position.frontier
    guard let lag else {
      self.lag = behind
      return false
    }
    guard now - checked > CatchUp.patience else { return false }
    if behind >= lag { return true }
    self.lag = behind
    checked = now
    return false
  }
}
