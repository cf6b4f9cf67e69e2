import BrokerCore
import DeviceProtocol
import Synchronization
import TelemetryModel

/// A clock that is moved by hand.
final class TestClock: Sendable {
  private let time: Mutex<Timestamp>

  init(_ start: Timestamp) { time = Mutex(start) }

  var now: Timestamp { time.withLock { $0 } }

  func pass(_ duration: Duration) { time.withLock { $0 = $0 + duration } }
}

/// A store that remembers which commit brought what, and takes its time to answer.
final class LogStore: SampleStore {
  private struct State {
    var last = CommitNumber(0)
    var log: [(commit: CommitNumber, sample: Sample)] = []
    var texts: [(commit: CommitNumber, text: TextSample)] = []
  }

  private let state = Mutex(State())
  /// The oldest commit that can be told from those before it.
  private let foldedThrough = Mutex(CommitNumber(0))

  func append(_ batch: CommittedBatch) {
    state.withLock { state in
      state.last = batch.commit
      state.log += batch.samples.map { (batch.commit, $0) }
      state.texts += batch.texts.map { (batch.commit, $0) }
    }
  }

  /// From now on commits up to this one are not told apart.
  func fold(through commit: CommitNumber) { foldedThrough.withLock { $0 = commit } }

  func samples() -> [Sample] { state.withLock { $0.log.map(\.sample) } }

  func texts() -> [TextSample] { state.withLock { $0.texts.map(\.text) } }

  func has(_ series: SeriesID, at time: Timestamp) -> Bool {
    state.withLock {
      $0.log.contains { $0.sample.series == series && $0.sample.time == time }
        || $0.texts.contains { $0.text.series == series && $0.text.time == time }
    }
  }

  func states(
    of series: [SeriesID], resolution: Resolution, from: Timestamp, to: Timestamp, withSketch: Bool
  ) -> WindowStates {
    let (last, samples) = state.withLock { ($0.last, $0.log.map(\.sample)) }
    let wanted = Set(series)
    var windows: [WindowTable.Key: WindowSummary] = [:]
    for sample in samples where wanted.contains(sample.series) {
      let start = resolution.windowStart(of: sample.time)
      guard start >= from, start < to else { continue }
      windows[.init(series: sample.series, start: start), default: .init(withSketch: withSketch)]
        .add(sample.value, at: sample.time)
    }
    return WindowStates(
      commit: last,
      entries: windows.map { .init(series: $0.key.series, start: $0.key.start, summary: $0.value) }
        .sorted { ($0.series, $0.start) < ($1.series, $1.start) })
  }

  func windows(
    of series: [SeriesID], resolution: Resolution, from: Timestamp, to: Timestamp, withSketch: Bool
  ) async throws -> WindowStates {
    await pause()
    let states = states(
      of: series, resolution: resolution, from: from, to: to, withSketch: withSketch)
    await pause()
    return states
  }

  func history(_ request: HistoryRequest) async throws -> HistoryPage {
    await pause()
    let page = page(request)
    await pause()
    return page
  }

  private func page(_ request: HistoryRequest) -> HistoryPage {
    guard request.resolution == .raw else {
      let states = states(
        of: request.series, resolution: request.resolution, from: request.from, to: request.to,
        withSketch: true)
      let rows = states.entries.map { entry in
        HistoryRow(
          series: entry.series, time: entry.start,
          values: request.functions.map { entry.summary.value(of: $0) })
      }
      // Pages of windows are only asked for to know whether there is more.
      let page = Array(rows.prefix(request.limitRows))
      let next = page.last.map { HistoryPosition(series: $0.series, time: $0.time, repeats: 1) }
      return HistoryPage(
        commit: states.commit, rows: page, next: page.count < rows.count ? next : nil)
    }
    let folded = foldedThrough.withLock { $0 }
    let (last, log, texts) = state.withLock { ($0.last, $0.log, $0.texts) }
    let since = request.sinceCommit.map { max($0, folded) }
    let wanted = Set(request.series)
    func isWanted(_ commit: CommitNumber, _ series: SeriesID, _ time: Timestamp) -> Bool {
      wanted.contains(series) && time >= request.from && time < request.to
        && (since.map { commit > $0 } ?? true)
        && (request.throughCommit.map { commit <= $0 } ?? true)
    }
    var rows = log.filter { isWanted($0.commit, $0.sample.series, $0.sample.time) }.map {
      HistoryRow(series: $0.sample.series, time: $0.sample.time, values: [$0.sample.value])
    }
    if request.withTexts {
      rows += texts.filter { isWanted($0.commit, $0.text.series, $0.text.time) }.map {
        HistoryRow(
          series: $0.text.series, time: $0.text.time, values: [nil], text: $0.text.value)
      }
    }
    rows.sort { ($0.series, $0.time) < ($1.series, $1.time) }
    if let after = request.after {
      rows.removeAll { ($0.series, $0.time) <= (after.series, after.time) }
    }
    var next: HistoryPosition?
    var bytes = 0
    let tooLong = rows.firstIndex { row in
      bytes += row.text?.byteCount ?? 0
      return bytes > request.limitTextBytes
    }
    let end = min(request.limitRows, tooLong.map { $0 + 1 } ?? rows.count)
    if rows.count > end {
      rows.removeSubrange(end...)
      next = rows.last.map { .init(series: $0.series, time: $0.time, repeats: 1) }
    }
    return HistoryPage(commit: last, rows: rows, next: next, completeSince: since)
  }

  private func pause() async {
    for _ in 0..<Int.random(in: 0...6) { await Task.yield() }
  }

  func open() -> StoreContents {
    StoreContents(lastCommit: CommitNumber(0), series: [], devices: [])
  }

  func commit(_ batch: IngestBatch) throws {
    throw StoreError.unavailable("this store is only read")
  }

  func ackedRanges(device: DeviceID, epoch: String) -> SequenceRanges { SequenceRanges() }

  private let storedGaps = Mutex<[StoredGap]>([])

  func add(_ gap: StoredGap) { storedGaps.withLock { $0.append(gap) } }

  func gaps(devices: [DeviceID], from: Timestamp, to: Timestamp) -> [StoredGap] {
    storedGaps.withLock { gaps in
      gaps.filter {
        devices.contains($0.device) && $0.reported >= from && $0.reported < to
      }
    }
  }

  func sizeBytes() -> Int64 { 0 }

  func close() {}
}

/// Keeps what every reader was sent, and has their histories read on at once.
final class RecordingOutlet: LiveOutlet {
  private struct State {
    var open: Set<ReaderID> = []
    var sent: [ReaderID: [LiveMessage]] = [:]
    var feeds: [FeedID: Set<ReaderID>] = [:]
    var watchers: Set<ReaderID> = []
    var running = 0
    var steps = 0
  }

  let hub = Mutex<LiveHub?>(nil)
  private let state = Mutex(State())

  func open(_ reader: ReaderID) { state.withLock { _ = $0.open.insert(reader) } }

  func close(_ reader: ReaderID) {
    state.withLock { state in
      state.open.remove(reader)
      for feed in Array(state.feeds.keys) { state.feeds[feed]?.remove(reader) }
    }
  }

  func messages(_ reader: ReaderID) -> [LiveMessage] { state.withLock { $0.sent[reader] ?? [] } }

  /// How often history was read on for somebody.
  var steps: Int { state.withLock { $0.steps } }

  /// Waits until no history is being read.
  func settle() async {
    while state.withLock({ $0.running > 0 }) { await Task.yield() }
  }

  func isOpen(_ reader: ReaderID) -> Bool { state.withLock { $0.open.contains(reader) } }

  func send(_ message: LiveMessage, to reader: ReaderID) {
    state.withLock { state in
      if state.open.contains(reader) { state.sent[reader, default: []].append(message) }
    }
  }

  func publish(_ message: LiveMessage, to feed: FeedID) {
    state.withLock { state in
      for reader in state.feeds[feed] ?? [] { state.sent[reader, default: []].append(message) }
    }
  }

  func join(_ reader: ReaderID, feed: FeedID) {
    state.withLock { state in
      if state.open.contains(reader) { state.feeds[feed, default: []].insert(reader) }
    }
  }

  func leave(_ reader: ReaderID, feed: FeedID) {
    state.withLock { _ = $0.feeds[feed]?.remove(reader) }
  }

  func askWhenReady(_ reader: ReaderID, feed: FeedID) {
    guard let hub = hub.withLock({ $0 }) else { return }
    state.withLock { state in
      state.running += 1
      state.steps += 1
    }
    Task {
      await hub.goOn(reader, feed: feed)
      state.withLock { $0.running -= 1 }
    }
  }

  func sendAway(_ reader: ReaderID) { close(reader) }

  func watchDevices(_ reader: ReaderID) { state.withLock { _ = $0.watchers.insert(reader) } }

  func announce(_ message: LiveMessage, about device: DeviceID) {
    state.withLock { state in
      for reader in state.watchers { state.sent[reader, default: []].append(message) }
    }
  }

  func announce(_ message: LiveMessage, aboutCommand command: String) {
    state.withLock { state in
      for reader in state.watchers { state.sent[reader, default: []].append(message) }
    }
  }

  func owe(_ reader: ReaderID, devices: [DeviceID]) {
    guard let hub = hub.withLock({ $0 }), !devices.isEmpty else { return }
    Task { await hub.tell(reader, of: devices) }
  }
}
