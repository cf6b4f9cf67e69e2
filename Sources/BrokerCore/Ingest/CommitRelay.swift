import Synchronization

/// Carries commits from the pipeline to live feeds, beside the acks: whatever the feeds are busy with, no
/// device waits for it.
///
/// Bounded: where so much waits that the feeds will not catch up soon, it is dropped, and the readers are
/// sent away (1013). They come back with their cursors, and what they missed is in the store.
package final class CommitRelay: Sendable {
  private let backlog: Mutex<CommitBacklog>
  private let doorbell: AsyncStream<Void>.Continuation
  private let rings: AsyncStream<Void>

  /// Carries nothing yet. `maxWaiting` is how many readings may wait for the feeds.
  package init(maxWaiting: Int = CommitBacklog.maxWaiting) {
    backlog = Mutex(CommitBacklog(maxWaiting: maxWaiting))
    (rings, doorbell) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// Takes a batch that is durable, in the order of commits; from any thread, returns at once.
  package func add(_ batch: CommittedBatch) {
    backlog.withLock { $0.add(batch) }
    doorbell.yield()
  }

  /// Tells the hub of every batch, one after another, until ``stop()``.
  package func run(telling hub: LiveHub) async {
    for await _ in rings {
      while let next = backlog.withLock({ $0.next() }) {
        switch next {
        case .batch(let batch): await hub.committed(batch)
        case .lost(let commit): await hub.fellBehind(at: commit)
        }
      }
    }
  }

  /// Ends ``run(telling:)``; nobody reads any more.
  package func stop() {
    backlog.withLock { $0.close() }
    doorbell.finish()
  }
}

/// Commits on their way to live feeds, and what becomes of them where too many wait; a pure machine.
package struct CommitBacklog: Sendable {
  /// The most readings that wait: some tens of megabytes, and seconds of all that a broker can store.
  package static let maxWaiting = 500_000

  /// What the feeds are to be told next.
  package enum Next: Sendable {
    /// A batch.
    case batch(CommittedBatch)
    /// That batches up to this one were dropped.
    case lost(CommitNumber)
  }

  private let maxWaiting: Int
  private var batches: [CommittedBatch] = []
  /// How many of these were told, and wait to be let go of.
  private var told = 0
  private var waiting = 0
  private var lost: CommitNumber?
  private var isClosed = false

  /// Nothing waits.
  package init(maxWaiting: Int = CommitBacklog.maxWaiting) {
    self.maxWaiting = maxWaiting
  }

  /// Takes the next commit. Where it would be too much, all that waits is dropped, and it with that.
  package mutating func add(_ batch: CommittedBatch) {
    guard !isClosed else { return }
    guard waiting == 0 || waiting + batch.size <= maxWaiting else {
      forget()
      lost = batch.commit
      return
    }
    batches.append(batch)
    waiting += batch.size
  }

  /// Takes out what is next; nil where the feeds know everything.
  package mutating func next() -> Next? {
    if let commit = lost {
      lost = nil
      return .lost(commit)
    }
    guard told < batches.count else { return nil }
    let batch = batches[told]
    told += 1
    waiting -= batch.size
    // Let go of many at a time: feeds that keep up, but never quite, must not keep all that was told.
    if told == batches.count || told == CommitBacklog.mostTold {
      batches.removeFirst(told)
      told = 0
    }
    return .batch(batch)
  }

  private static let mostTold = 32

  /// How many batches it holds, those that were told included.
  var held: Int { batches.count }

  /// Drops what waits, and takes nothing more.
  package mutating func close() {
    isClosed = true
    lost = nil
    forget()
  }

  private mutating func forget() {
    batches = []
    told = 0
    waiting = 0
  }
}

extension CommittedBatch {
  /// How much memory it takes, in readings.
  fileprivate var size: Int {
    texts.reduce(1 + samples.count + newSeries.count + gaps.count) { size, text in
      size + 1 + text.value.byteCount / MemoryLayout<Sample>.stride
    }
  }
}
