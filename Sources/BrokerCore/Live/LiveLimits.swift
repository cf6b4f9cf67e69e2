/// How much of everything one subscription, one message or one step has at the most.
package struct LiveLimits: Sendable {
  /// About how many rows are read from the store at a time for a reader that begins in the past.
  package var stepRows = 5_000
  /// The most rows that are read at a time: of a step that would have more, less is read.
  var longestStepRows: Int { stepRows * 4 }
  /// About how many values one message has: half a megabyte of them, or of texts.
  package var messageValues = 40_000
  /// The most readings of the past that a raw subscription gets; what is older is told with a `gap`.
  ///
  /// Steps bound what a reader costs, not how long it takes. All its steps are as of the commit at which
  /// it began, so that what is committed meanwhile is told once, behind them; and which commit brought a
  /// reading is known for ten minutes only, until it is folded. So the whole has to be through by then
  /// (``CatchUp/longestRaw``), on a slow line too: these are about 6 MB.
  package var historyReadings = 200_000
  /// About how many windows of single series are read for a step of a reader of groups.
  package var stepWindows = 400_000
  /// The most bytes that a reader is sent at once to bring it to the present.
  package var joiningBytes = 1 << 20
  /// The most series of one subscription.
  package var series = 10_000
  /// The most series that the subscriptions of one reader may have together.
  package var seriesOfReader = 100_000
  /// The most series that all subscriptions may have together, each counted for every feed.
  package var seriesOfAllFeeds = 2_000_000
  /// The most subscriptions of one reader.
  package var subscriptions = 64
  /// How many gaps of devices a reader is told that were before it began; the newest.
  package var gaps = 1_000
  /// How many late windows are read at a time; the newest go first.
  package var lateWindows = 20_000
  /// How many may wait to be read; of more the oldest are given up, and told with a `gap`.
  package var waitingLateWindows = 1_000_000

  /// The defaults above.
  package init() {}

  /// How many rows a message has that has so many functions.
  func rowsPerMessage(functions: Int) -> Int { max(1, messageValues / (functions + 2)) }
}

extension HistoryRow {
  /// How many bytes of a text or of data count as much as a row with a number.
  static let textBytes = 24

  /// How much it is, in rows with a number.
  var size: Int { text.map { 1 + $0.byteCount / HistoryRow.textBytes } ?? 1 }
}
