import TelemetryModel

/// One feed's state inside the hub: the series it covers, who reads it and who is about to, and what
/// there is to say.
struct Feed {
  /// A reader that is being told what the feed said before.
  struct Joiner {
    /// Tells it from the same reader's earlier and later ones.
    let number: UInt64
    var catchUp: CatchUp
    /// How much the feed had said when the store began to be read for it; nil while it is not read.
    var reading: Int?
    /// Series that it has still to be told of before any rows.
    var undescribed: ArraySlice<SeriesDescription> = []
    /// Windows that late readings have changed since it was told of them, or may have.
    var late: Set<WindowTable.Key> = []
    /// Once it was told of these, it has seen the windows before its place as of this commit.
    var lateThrough: CommitNumber?
  }

  /// What was said at once, and how far it brought readers.
  struct Said {
    var before: Cursor
    var after: Cursor
    var messages: [LiveMessage]

    var bytes: Int { messages.reduce(0) { $0 + $1.body.count } }
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
  /// The series whose open windows have to be read for that.
  var unread: [SeriesID] = []
  /// Counts how often its groups were made anew: their numbers mean something else then.
  var grouping = 0
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
  /// What was said since the first joiner's read of the store began, the newest last.
  private var recent: [Said] = []
  private var recentBytes = 0
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
  var waitingSize: Int { rows.count + extraSize + amended.count + (merged?.count ?? 0) }

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

  /// Windows of groups as they were once, as windows of the groups that have their series now.
  func renamed(_ keys: Set<WindowTable.Key>, since before: Feed) -> Set<WindowTable.Key> {
    guard let groups, let old = before.groups, grouping != before.grouping else { return keys }
    let members = Dictionary(old.all.map { ($0.id, $0.members) }) { one, _ in one }
    var renamed: Set<WindowTable.Key> = []
    for key in keys {
      for group in Set((members[key.series] ?? []).compactMap { groups.id(of: $0) }) {
        renamed.insert(.init(series: group, start: key.start))
      }
    }
    return renamed
  }

  /// Makes its groups anew; what waited to be said has been said. Returns those whose numbers did not
  /// mean the same before.
  mutating func regroup(_ groups: SeriesGroups) -> [SeriesGroup] {
    let before = self
    grouping += 1
    self.groups = groups
    merged?.regroup(groups)
    late = renamed(late, since: before)
    for reader in joiners.keys {
      let late = joiners[reader]?.late ?? []
      let now = renamed(late, since: before)
      joiners[reader]?.late = now
      if joiners[reader]?.undescribed.isEmpty == false {
        joiners[reader]?.undescribed = groups.all.map { .group($0) }[...]
      }
    }
    let known = Dictionary((before.groups?.all ?? []).map { ($0.id, $0) }) { one, _ in one }
    return groups.all.filter { group in
      known[group.id].map {
        $0.metric != group.metric || $0.unit != group.unit || $0.labels != group.labels
      } ?? true
    }
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
    // What has changed while it waited is told once, as it is now.
    if !amended.isEmpty {
      for index in fresh.indices {
        let key = WindowTable.Key(series: fresh[index].series, start: fresh[index].time)
        if let now = amended.removeValue(forKey: key) { fresh[index] = now }
      }
    }
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
    guard !joiners.isEmpty || !recent.isEmpty else { return }
    recent.append(said)
    recentBytes += said.bytes
    let oldest = joiners.values.compactMap(\.reading).min() ?? saidCount
    // Whoever reads for so long that this is much reads that much more.
    let kept = recentBytes > Feed.mostRecentBytes ? 0 : saidCount - oldest
    while recent.count > kept { recentBytes -= recent.removeFirst().bytes }
  }

  private static let mostRecentBytes = 8 << 20

  /// What was said since the count was `count`; nil where that is not kept any more, or more bytes than a
  /// reader is to be sent at once.
  func said(since count: Int, mostBytes: Int) -> [LiveMessage]? {
    let wanted = saidCount - count
    guard wanted <= recent.count else { return nil }
    let said = recent.suffix(wanted)
    guard said.reduce(0, { $0 + $1.bytes }) <= mostBytes else { return nil }
    return said.flatMap(\.messages)
  }

  /// Takes out windows that a joiner was told of, or may have been, and that have changed since, the
  /// oldest first; those that it will yet come to are none of them.
  mutating func takeLate(_ reader: ReaderID, most: Int) -> Set<WindowTable.Key> {
    guard let joiner = joiners[reader], !joiner.late.isEmpty else { return [] }
    let position = joiner.catchUp.position
    var late = joiner.late.filter { position.hasSeen($0) }
    var taken = late
    if late.count > most {
      taken = Set(late.sorted { ($0.start, $0.series) < ($1.start, $1.series) }.prefix(most))
    }
    late.subtract(taken)
    joiners[reader]?.late = late
    return taken
  }

  /// Whether two cursors mean the same of rows, whatever they mean of windows that late readings
  /// changed.
  func isThere(_ one: Cursor, _ other: Cursor) -> Bool {
    guard one.place == nil, one.through == nil else { return false }
    return subscription.resolution == .raw
      ? one.commit == other.commit : one.frontier == other.frontier
  }
}
