/// The windows of one series at one resolution, fed in whatever order readings come.
///
/// A pure value: readings go in with their own time, what changed is taken out by the caller at its
/// own pace, to be sent to subscribers and stored. Readings may be late by any time: a window that
/// has been released is opened again from what the caller has stored of it (`restore`), or else as
/// a part that the caller merges into it. Changed windows say whether the change was late.
package struct TumblingWindows: Sendable {
  /// A window that has changed since it was last taken out.
  package struct Change: Hashable, Sendable {
    /// Where the window starts.
    package var start: Timestamp
    /// What is known of it now.
    package var summary: WindowSummary
    /// Whether the window had been closed before the readings that changed it came.
    package var amends: Bool
  }

  private struct Window {
    var summary: WindowSummary
    var isChanged: Bool
    var amends: Bool
  }

  /// How long the windows are; not `raw`.
  package let resolution: Resolution
  /// Windows that end at or before this are closed: more readings amend them.
  package private(set) var closedBefore = Timestamp.distantPast

  private let withSketch: Bool
  /// The window added to last, which is nearly always the one needed: not in `others`.
  private var currentStart = Timestamp.distantPast
  private var current: Window?
  private var others: [Timestamp: Window] = [:]

  /// No windows yet. `resolution` must not be `raw`, whose windows would be single readings.
  package init(_ resolution: Resolution, withSketch: Bool) {
    self.resolution = resolution
    self.withSketch = withSketch
  }

  /// How many windows are held.
  package var count: Int { others.count + (current == nil ? 0 : 1) }

  /// Takes one reading, from whatever time.
  package mutating func add(_ value: Double, at time: Timestamp) {
    guard value.isFinite else { return }
    select(resolution.windowStart(of: time))
    current?.summary.add(value, at: time)
    markCurrent()
  }

  /// Takes a window of a finer resolution, or of another device, into the window that holds it.
  package mutating func merge(_ summary: WindowSummary, startingAt start: Timestamp) {
    guard !summary.isEmpty else { return }
    select(resolution.windowStart(of: start))
    current?.summary.merge(summary)
    markCurrent()
  }

  /// Puts back what was stored of a released window, before or after late readings for it came.
  package mutating func restore(_ summary: WindowSummary, startingAt start: Timestamp) {
    select(resolution.windowStart(of: start))
    var whole = summary
    if let late = current?.summary { whole.merge(late) }
    current?.summary = whole
  }

  /// Whether the window that starts then is held.
  package func holds(_ start: Timestamp) -> Bool {
    (start == currentStart && current != nil) || others[start] != nil
  }

  /// Closes the windows that end at or before a moment: from now on, more readings amend them.
  package mutating func close(endingBy time: Timestamp) {
    let start = resolution.windowStart(of: time)
    if start > closedBefore { closedBefore = start }
  }

  /// Takes out the windows changed since the last call, in order of time; they stay held.
  package mutating func takeChanges() -> [Change] {
    var changes: [Change] = []
    if var window = current, window.isChanged {
      changes.append(Change(start: currentStart, summary: window.summary, amends: window.amends))
      window.isChanged = false
      window.amends = false
      current = window
    }
    for (start, window) in others where window.isChanged {
      changes.append(Change(start: start, summary: window.summary, amends: window.amends))
      others[start]?.isChanged = false
      others[start]?.amends = false
    }
    changes.sort { $0.start < $1.start }
    return changes
  }

  /// Lets go of the windows that start before a moment and have no change to be taken out.
  package mutating func release(startingBefore time: Timestamp) {
    if let window = current, currentStart < time, !window.isChanged { current = nil }
    others = others.filter { $0.key >= time || $0.value.isChanged }
  }

  private mutating func select(_ start: Timestamp) {
    if start == currentStart, current != nil { return }
    if let window = current { others[currentStart] = window }
    current =
      others.removeValue(forKey: start)
      ?? Window(summary: WindowSummary(withSketch: withSketch), isChanged: false, amends: false)
    currentStart = start
  }

  private mutating func markCurrent() {
    current?.isChanged = true
    if currentStart < closedBefore { current?.amends = true }
  }
}
