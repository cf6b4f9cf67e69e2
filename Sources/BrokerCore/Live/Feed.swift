import TelemetryModel

/// One feed's state inside the hub: the series it covers, who reads it and who is about to, and what
/// there is to say.
struct Feed {
  /// A reader that is being told what the feed said before.
  struct Joiner {
    var catchUp: CatchUp
    /// Whether the store is being read for it.
    var isReading = false
    /// Windows that late readings changed since it began: it may have read them as they were.
    var late: Set<WindowTable.Key> = []
  }

  /// What was said at once, and how far it brought readers.
  struct Said {
    var before: Cursor
    var after: Cursor
    var messages: [LiveMessage]
  }

  let id: FeedID
  let subscription: Subscription
  var members: Set<SeriesID>
  var groups: SeriesGroups?
  var readers: Set<ReaderID> = []
  var joiners: [ReaderID: Joiner] = [:]
  /// Whether what is said of its series is complete from here on; false while windows that were open
  /// when it began are read.
  var isReady = false
  /// Where readers are that have read everything.
  var cursor: Cursor
  /// Where they will be once everything that waits here is said.
  var reached: Cursor
  /// Readings, or windows of series, to be said.
  var rows: [HistoryRow] = []
  /// How much more than a number each these are, in rows.
  private var extraSize = 0
  /// Windows of groups to be said.
  var merged: GroupedWindows?
  /// Windows that have changed since they were said, as they are now.
  var amended: [WindowTable.Key: HistoryRow] = [:]
  /// Windows that have changed and have to be read from the store.
  var late: Set<WindowTable.Key> = []
  var isReadingLate = false
  /// When something may be said again.
  var due = Timestamp.distantPast
  /// Whether somebody will come when it is due.
  var isTimed = false
  /// What was said since some joiner's read of the store began, the newest last.
  private var recent: [Said] = []
  /// When something was last said.
  var spoke: Timestamp
  /// How often something was said so far.
  private(set) var saidCount = 0
  /// Whether it was told that there are more series than one subscription gets.
  var isFull = false

  /// How many rows one message has at the most.
  let rowsPerMessage: Int

  init(
    id: FeedID, subscription: Subscription, members: Set<SeriesID>, cursor: Cursor,
    rowsPerMessage: Int
  ) {
    self.rowsPerMessage = rowsPerMessage
    spoke = cursor.frontier
    self.id = id
    self.subscription = subscription
    self.members = members
    self.cursor = cursor
    reached = cursor
  }

  /// Whether nobody is left to say anything to.
  var isUnused: Bool { readers.isEmpty && joiners.isEmpty }

  /// What a window's row says.
  func row(_ entry: WindowStates.Entry) -> HistoryRow {
    HistoryRow(
      series: entry.series, time: entry.start,
      values: subscription.functions.map { entry.summary.value(of: $0) })
  }

  // MARK: - What comes in

  /// One of its series has a reading of text or data.
  mutating func take(_ text: TextSample) {
    let row = HistoryRow(series: text.series, time: text.time, values: [nil], text: text.value)
    extraSize += row.size - 1
    rows.append(row)
  }

  /// How much waits to be said, in rows.
  var waitingSize: Int { rows.count + extraSize + amended.count }

  /// A window of one of its series has closed.
  mutating func closed(_ entry: WindowStates.Entry) {
    if groups == nil { rows.append(row(entry)) } else { merged?.merge(entry) }
  }

  /// A window of one of its series has changed, and is this now.
  mutating func amend(_ entry: WindowStates.Entry) {
    let key = WindowTable.Key(series: entry.series, start: entry.start)
    // What the group's other devices had in that window is not at hand.
    guard groups == nil else { return changed(key) }
    amended[key] = row(entry)
    noteForJoiners(key)
  }

  /// A window of one of its series has changed, and has to be read.
  mutating func changed(_ key: WindowTable.Key) {
    var key = key
    if let groups {
      guard let group = groups.id(of: key.series) else { return }
      key.series = group
    }
    late.insert(key)
    noteForJoiners(key)
  }

  private mutating func noteForJoiners(_ key: WindowTable.Key) {
    guard !joiners.isEmpty else { return }
    for reader in joiners.keys { joiners[reader]?.late.insert(key) }
  }

  // MARK: - What goes out

  /// A message without rows, for readers that have not been told for long how far they are: a cursor
  /// that is older than what the store can tell apart is of little use.
  mutating func sayPlace(now: Timestamp) -> LiveMessage? {
    guard !readers.isEmpty, rows.isEmpty, merged?.isEmpty != false, amended.isEmpty, late.isEmpty,
      !isReadingLate, now - spoke > Feed.longestSilence
    else { return nil }
    spoke = now
    return LiveEncoding.place(id, cursor)
  }

  /// How long readers go without a cursor.
  private static let longestSilence: Duration = .seconds(60)

  /// Takes out what is to be said now. Windows that have to be read from the store come later, and
  /// until then no cursor says that they were seen.
  mutating func say() -> Said {
    let before = cursor
    var after = reached
    if !late.isEmpty || isReadingLate { after.commit = before.commit }
    let length = subscription.resolution.length ?? .zero
    var fresh: [HistoryRow] = []
    swap(&fresh, &rows)
    let size = fresh.count + extraSize
    extraSize = 0
    if let entries = merged?.takeAll() { fresh = entries.map { row($0) } }
    fresh.sort { ($0.time, $0.series) < ($1.time, $1.series) }
    let changed = amended.values.sorted { ($0.time, $0.series) < ($1.time, $1.series) }
    amended.removeAll()
    let limit = rowsPerMessage
    var messages = LiveEncoding.updates(
      id, rows: changed, perMessage: limit, length: length, before: before,
      after: fresh.isEmpty ? after : before, amends: true, isOrdered: false)
    var partly = before
    if subscription.resolution == .raw { partly.through = after.commit }
    messages += LiveEncoding.updates(
      id, rows: fresh, size: size, perMessage: limit, length: length, before: partly,
      after: after, amends: false)
    let said = Said(before: before, after: after, messages: messages)
    cursor = after
    keep(said)
    return said
  }

  private mutating func keep(_ said: Said) {
    saidCount += 1
    if joiners.values.contains(where: \.isReading) {
      recent.append(said)
    } else if !recent.isEmpty {
      recent.removeAll()
    }
  }

  /// What was said since the count was `count`; nil where that is not kept any more.
  func said(since count: Int) -> ArraySlice<Said>? {
    let wanted = saidCount - count
    return wanted <= recent.count ? recent.suffix(wanted) : nil
  }

  /// Whether two cursors mean the same of rows, whatever they mean of windows that late readings
  /// changed.
  func isThere(_ one: Cursor, _ other: Cursor) -> Bool {
    guard one.place == nil, one.through == nil else { return false }
    return subscription.resolution == .raw
      ? one.commit == other.commit : one.frontier == other.frontier
  }
}
