/// The broker's runs on one store, each from one commit on.
///
/// A cursor names the run that gave it. Where a store was put back to a copy, commits have their numbers
/// a second time: what a run had of them behind the copy is not what the store has now.
package struct StoreRuns: Sendable, Equatable {
  /// One run.
  package struct Run: Sendable, Equatable {
    /// Tells it from all others, also from those on other stores: by chance.
    package var tag: UInt32
    /// The first commit that it may have made.
    package var first: CommitNumber

    /// Names both parts.
    package init(tag: UInt32, first: CommitNumber) {
      self.tag = tag
      self.first = first
    }
  }

  /// The oldest first; the last one is the present one.
  private let runs: [Run]

  /// `runs` are all that are remembered, the oldest first; with none nothing is told apart.
  package init(_ runs: [Run] = []) {
    self.runs = runs
  }

  /// The tag of the present run; nil where there is none.
  package var current: UInt32? { runs.last?.tag }

  /// Whether a commit is in the store as a run had it. Commits that are in no store yet are for others
  /// to judge, and so is what was named without a run.
  package func holds(_ commit: CommitNumber, of tag: UInt32?) -> Bool {
    guard let tag, !runs.isEmpty else { return true }
    guard let place = runs.lastIndex(where: { $0.tag == tag }) else { return false }
    return place + 1 == runs.count || commit < runs[place + 1].first
  }
}
