package import TelemetryModel

/// Windows of several series as of one commit.
package struct WindowStates: Sendable {
  /// One window of one series.
  package struct Entry: Sendable {
    /// Whose window.
    package var series: SeriesID
    /// When it begins.
    package var start: Timestamp
    /// What is in it.
    package var summary: WindowSummary

    /// Names all parts.
    package init(series: SeriesID, start: Timestamp, summary: WindowSummary) {
      self.series = series
      self.start = start
      self.summary = summary
    }
  }

  /// Everything up to this commit is in, nothing after it.
  package var commit: CommitNumber
  /// The windows that hold a reading.
  package var entries: [Entry]

  /// Names all parts.
  package init(commit: CommitNumber, entries: [Entry]) {
    self.commit = commit
    self.entries = entries
  }
}
