package import TelemetryModel

/// What one reader gets that reads more slowly than its feeds speak; a pure machine.
///
/// While the reader takes nothing, messages of feeds are left out, and it is only remembered from when
/// on. When it takes something again, it is told what was left out and given the newest message of the
/// feed: so it sees the newest windows, at the rate that it can take, and nothing is kept for it.
///
/// What is fetched for it alone is fetched one thing at a time, each when it can take it: so no more than
/// one answer, or one step of history, waits for it beside what it has not taken yet, whatever it asks for.
package struct ReaderPace: Sendable {
  /// What a reader asks for whose answer may be long.
  package enum Request: Hashable, Sendable {
    /// A subscription, by the request's id.
    case subscribe(String, Subscription, Since)
    /// All devices, by the request's id.
    case watchDevices(String)
  }

  /// What to do next for a reader that can take something.
  package enum Action: Hashable, Sendable {
    /// Tell what was left out of a feed, if anything was beside the newest message, and send that, if it
    /// was left out.
    case goOn(FeedID, gap: LiveMessage.Span?, newest: Bool)
    /// Have the next step of a feed's history read.
    case step(FeedID)
    /// Tell of devices how they are.
    case tell([DeviceID])
    /// Tell of commands how they are.
    case tellCommands([String])
    /// Answer a request.
    case answer(Request)
  }

  fileprivate struct Missed {
    /// What was left out without ``newest``.
    var span: LiveMessage.Span?
    /// What the newest message that was left out is about.
    var newest: LiveMessage.Span?
  }

  /// How many devices or commands are told of at a time.
  private static let toldAtOnce = 100
  /// Of how many commands news may be missed: nothing of them may be forgotten.
  package static let mostCommands = 10_000
  /// How many requests may wait.
  package static let maxRequests = 64

  private var missed: [FeedID: Missed] = [:]
  private var steps: [FeedID] = []
  private var devices: Set<DeviceID> = []
  private var commands: Set<String> = []
  private var requests: [Request] = []
  private var isFetching = false

  /// Nothing was missed yet.
  package init() {}

  /// Whether there is nothing to be done once the reader can take more.
  package var isEmpty: Bool {
    missed.isEmpty && steps.isEmpty && devices.isEmpty && commands.isEmpty && requests.isEmpty
  }

  /// Whether something was left out of a feed that the reader has not been told of.
  package func isBehind(_ feed: FeedID) -> Bool { !missed.isEmpty && missed[feed] != nil }

  /// Whether a feed's message is to be sent now; what is not is left out. `isReady` says whether the
  /// reader can take something.
  package mutating func takes(_ message: LiveMessage, of feed: FeedID, isReady: Bool) -> Bool {
    guard !isReady || isBehind(feed) else { return true }
    if let span = message.span {
      miss(span, amends: message.amends, of: feed)
      return false
    }
    // Where the reader would be that had read everything it has not. Everything else without rows is
    // rare, and rows make no sense without it.
    return message.cursor == nil
  }

  /// A message with rows is left out.
  package mutating func miss(_ span: LiveMessage.Span, amends: Bool, of feed: FeedID) {
    var entry = missed[feed] ?? Missed()
    if amends {
      entry.span = entry.span?.union(span) ?? span
    } else {
      if let newest = entry.newest { entry.span = entry.span?.union(newest) ?? newest }
      entry.newest = span
    }
    missed[feed] = entry
  }

  /// A feed's history is to be read on when the reader can take it.
  package mutating func want(_ feed: FeedID) {
    if !steps.contains(feed) { steps.append(feed) }
  }

  /// A request is to be answered when the reader can take it; false where too many wait already.
  package mutating func ask(_ request: Request) -> Bool {
    guard requests.count < ReaderPace.maxRequests else { return false }
    requests.append(request)
    return true
  }

  /// What ``next()`` had fetched is with the reader.
  package mutating func fetched() { isFetching = false }

  /// Messages about devices are left out.
  package mutating func miss(_ devices: some Sequence<DeviceID>) { self.devices.formUnion(devices) }

  /// News of a command are left out; false where those of too many others were, and the reader is to be
  /// given up.
  package mutating func miss(command: String) -> Bool {
    commands.insert(command)
    return commands.count <= ReaderPace.mostCommands
  }

  /// The reader is no longer in a feed.
  package mutating func leave(_ feed: FeedID) {
    missed[feed] = nil
    steps.removeAll { $0 == feed }
  }

  /// What comes next; nil where nothing is left to do, or before something was ``fetched()``.
  package mutating func next() -> Action? {
    // The feed that is furthest behind; so none is forgotten for the sake of another.
    if let feed = missed.min(by: { $0.value.start < $1.value.start })?.key,
      let entry = missed.removeValue(forKey: feed)
    {
      return .goOn(feed, gap: entry.span, newest: entry.newest != nil)
    }
    guard !isFetching, !isEmpty else { return nil }
    isFetching = true
    if !devices.isEmpty {
      let some = devices.sorted().prefix(ReaderPace.toldAtOnce)
      devices.subtract(some)
      return .tell(Array(some))
    }
    if !commands.isEmpty {
      // Their names begin with when they were ordered.
      let some = commands.sorted().prefix(ReaderPace.toldAtOnce)
      commands.subtract(some)
      return .tellCommands(Array(some))
    }
    return requests.isEmpty ? .step(steps.removeFirst()) : .answer(requests.removeFirst())
  }
}

extension ReaderPace.Missed {
  fileprivate var start: Timestamp { (span ?? newest)?.from ?? .distantPast }
}

/// Tells a reader that reads nothing from one that reads slowly, from what the connection took so far.
package struct ReaderPatience: Sendable {
  /// How long a reader may take nothing at all before it is closed with 4002.
  package static let limit: Duration = .seconds(30)

  private var taken: UInt64?

  /// Nobody is waited for.
  package init() {}

  /// The reader takes no more for now; `taken` counts the bytes that left for it so far. To be looked at
  /// again after ``limit``.
  package mutating func begin(taken: UInt64) { self.taken = taken }

  /// The reader takes everything again.
  package mutating func end() { taken = nil }

  /// Whether nothing left since the last look, or since the beginning.
  package mutating func isOver(taken: UInt64) -> Bool {
    guard let before = self.taken else { return false }
    self.taken = taken
    return taken <= before
  }
}
