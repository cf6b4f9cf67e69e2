import TelemetryModel

/// One feed's state inside the hub: the series it covers, who is about to join, and what there is
/// to say.
struct Feed {
  /// A reader whose history is being read. What the feed says meanwhile is kept for it.
  struct Joiner {
    var missed: [Missed] = []
  }

  /// Something said while a reader was joining.
  struct Missed {
    var commit: CommitNumber
    var rows: [HistoryRow]
    var amends: Bool
  }

  let id: FeedID
  let subscription: Subscription
  var machine: FeedMachine
  var members: Set<SeriesID>
  var readers: Set<ReaderID> = []
  var joiners: [ReaderID: Joiner] = [:]
  /// Readings that came before the windows that were open when the feed began were read from the
  /// store; nil once they were.
  var waiting: [(commit: CommitNumber, samples: [Sample])]? = []

  init(id: FeedID, subscription: Subscription, members: Set<SeriesID>, now: Timestamp) {
    self.id = id
    self.subscription = subscription
    self.members = members
    machine = FeedMachine(
      resolution: subscription.resolution, functions: subscription.functions, now: now)
    if subscription.resolution == .raw { waiting = nil }
  }

  /// Whether nobody is left to say anything to.
  var isUnused: Bool { readers.isEmpty && joiners.isEmpty }

  /// Takes committed readings of this feed's series.
  mutating func add(_ samples: [Sample], commit: CommitNumber) {
    if waiting != nil {
      waiting?.append((commit, samples))
    } else {
      for sample in samples { machine.add(sample) }
    }
  }

  /// Takes the windows that were open when the feed began, as the store had them at a commit, and
  /// then what was committed after that.
  mutating func seed(_ states: WindowStates) {
    for entry in states.entries {
      machine.seed(entry.summary, for: .init(series: entry.series, start: entry.start))
    }
    let later = waiting ?? []
    waiting = nil
    for (commit, samples) in later where commit > states.commit {
      for sample in samples { machine.add(sample) }
    }
  }

  /// Keeps something said for the readers that are joining.
  mutating func keepForJoiners(_ missed: Missed) {
    for reader in joiners.keys { joiners[reader]?.missed.append(missed) }
  }
}
