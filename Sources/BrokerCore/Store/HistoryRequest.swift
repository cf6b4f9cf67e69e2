package import TelemetryModel

/// What to read from a store.
package struct HistoryRequest: Sendable {
  /// The series, each once.
  package var series: [SeriesID]
  /// From this moment on (a window counts if it begins at or after it).
  package var from: Timestamp
  /// Up to but without this moment (a window counts if it begins before it).
  package var to: Timestamp
  /// Raw readings or windows.
  package var resolution: Resolution
  /// The columns of a window's row; for raw readings there is one column, the value.
  package var functions: [AggregateFunction]
  /// The most rows a page may hold.
  package var limitRows: Int
  /// Where the page before ended, or nil for the first.
  package var after: HistoryPosition?
  /// Only what was committed after this, or nil for everything; for raw readings. Commits are told
  /// apart for some minutes only: see ``HistoryPage/completeSince``.
  package var sinceCommit: CommitNumber?
  /// Nothing that was committed after this, or nil for everything; for raw readings. So that pages
  /// read one after another show one state, whatever is committed meanwhile; for as long as commits
  /// are told apart.
  package var throughCommit: CommitNumber?
  /// Whether readings of text and bytes are wanted among raw ones.
  package var withTexts: Bool
  /// A page ends behind the text with which it has more than so many bytes of texts and data.
  package var limitTextBytes = Int.max

  /// Names all parts.
  package init(
    series: [SeriesID], from: Timestamp, to: Timestamp, resolution: Resolution,
    functions: [AggregateFunction], limitRows: Int, after: HistoryPosition? = nil,
    sinceCommit: CommitNumber? = nil, throughCommit: CommitNumber? = nil, withTexts: Bool = false
  ) {
    self.series = series
    self.from = from
    self.to = to
    self.resolution = resolution
    self.functions = functions
    self.limitRows = limitRows
    self.after = after
    self.sinceCommit = sinceCommit
    self.throughCommit = throughCommit
    self.withTexts = withTexts
  }
}

/// The last row of a page.
package struct HistoryPosition: Hashable, Sendable {
  /// The row's series.
  package var series: SeriesID
  /// The row's time or its window's start.
  package var time: Timestamp
  /// How many rows of that series and time were already given (readings may share a time).
  package var repeats: Int

  /// Names all parts.
  package init(series: SeriesID, time: Timestamp, repeats: Int) {
    self.series = series
    self.time = time
    self.repeats = repeats
  }
}

/// One row: a reading or a window.
package struct HistoryRow: Hashable, Sendable {
  /// Whose row.
  package var series: SeriesID
  /// The reading's time, or the window's start.
  package var time: Timestamp
  /// One value for each column; nil where a function has none (the deviation of nothing), and of
  /// readings that are no number.
  package var values: [Double?]
  /// What a raw reading says that is no number.
  package var text: TextSample.Value?
  /// What is known of a raw reading beyond its value; empty for windows.
  package var quality: SampleQuality
  /// When a raw reading came; nil where it came when its time says, or that is not kept.
  package var received: Timestamp?

  /// Names all parts.
  package init(
    series: SeriesID, time: Timestamp, values: [Double?], quality: SampleQuality = [],
    received: Timestamp? = nil, text: TextSample.Value? = nil
  ) {
    self.series = series
    self.time = time
    self.values = values
    self.text = text
    self.quality = quality
    self.received = received
  }
}

/// A page of history, all of it as of one commit.
package struct HistoryPage: Sendable {
  /// Everything up to this commit is in the page, nothing after it.
  package var commit: CommitNumber
  /// Grouped by series in the order asked for, oldest first within a series.
  package var rows: [HistoryRow]
  /// Where to go on, or nil after the last page.
  package var next: HistoryPosition?
  /// Where a commit was named to go on from: the commit after which all rows are in the pages. It is
  /// the one named, or a later one where that is too long ago; then what was committed in between is
  /// not in the pages.
  package var completeSince: CommitNumber?

  /// Names all parts.
  package init(
    commit: CommitNumber, rows: [HistoryRow], next: HistoryPosition?,
    completeSince: CommitNumber? = nil
  ) {
    self.commit = commit
    self.rows = rows
    self.next = next
    self.completeSince = completeSince
  }
}
