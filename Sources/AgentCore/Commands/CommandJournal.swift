import TelemetryModel

/// What commands came and what became of them, so that none acts twice and no result is lost.
///
/// On disk it is one file, to which each change of a record is appended: the latest counts. A file
/// that grew beyond its bound is replaced by one with the records as they stand. What a power cut
/// leaves of the last write is left out; damage before it is told by `isDamaged`, because a record
/// may be missing then. Used from one thread.
package struct CommandJournal: Sendable {
  /// Bounds of the journal.
  package struct Limits: Hashable, Sendable {
    /// The most commands that it knows at a time, 4096, about 200 bytes each.
    package var maxRecords = 4096
    /// The most commands that wait, run, or whose results are not confirmed, 256.
    package var maxOpen = 256
    /// What a file may grow to, 1 MiB, twice for a moment while it is replaced.
    package var maxBytes = 1 << 20

    /// The production bounds.
    package init() {}
  }

  let limits: Limits
  private let open: (@Sendable () throws(SpoolFailure) -> any SpoolFolder)?
  private var folder: (any SpoolFolder)?
  /// The number of the file that is appended to; nil where the next write begins a new one.
  private var file: UInt64?
  private var lastNumber: UInt64 = 0
  private var fileBytes = 0
  private var byID: [String: CommandRecord] = [:]
  /// Ids in the order in which the commands came.
  private(set) var order: [String] = []
  /// Ids of commands that wait, run, or whose results are not confirmed, in the same order.
  private(set) var openIDs: [String] = []
  /// Whether records may be missing that should be there.
  package private(set) var isDamaged = false
  /// How often records were found on the disk: once, and perhaps later than at the start.
  private(set) var recoveries = 0
  /// Why the disk does not take what is written; nil while it does.
  package private(set) var failure: SpoolFailure?

  /// A journal in memory: it knows nothing of the time before this process.
  /// - Parameter limits: its bounds.
  package init(limits: Limits = Limits()) {
    self.limits = limits
    open = nil
  }

  /// A journal on disk, with what is found there. Where the folder cannot be opened or read,
  /// `failure` says why, and `retry` tries again.
  /// - Parameters:
  ///   - limits: its bounds.
  ///   - open: opens the folder.
  package init(
    limits: Limits = Limits(), open: @escaping @Sendable () throws(SpoolFailure) -> any SpoolFolder
  ) {
    self.limits = limits
    self.open = open
    retry()
  }

  /// Opens the folder where that did not succeed before. Records that are found count as if they
  /// had been found at the start.
  mutating func retry() {
    guard open != nil, folder == nil else { return }
    do throws(SpoolFailure) {
      try recover()
      failure = nil
    } catch {
      failure = error
    }
  }

  /// Whether it survives the process.
  package var isDurable: Bool { open != nil }

  /// What is known of a command.
  package subscript(id: String) -> CommandRecord? { byID[id] }

  /// All records, in the order in which the commands came.
  package var records: [CommandRecord] { order.compactMap { byID[$0] } }

  /// How many commands are known only because they were cancelled before they came.
  var unnamedCount: Int { byID.values.count { $0.name.isEmpty } }

  /// Whether another command can be taken; asked after `forget`.
  var hasRoom: Bool { order.count < limits.maxRecords && openIDs.count < limits.maxOpen }

  /// Forgets commands that are over and confirmed, as far as a repetition of them is known to be
  /// too late.
  mutating func forget(_ isTooLate: (CommandRecord) -> Bool) {
    guard order.count >= limits.maxRecords / 2 else { return }
    order.removeAll { id in
      guard let record = byID[id], record.isConfirmed, isTooLate(record) else { return false }
      byID[id] = nil
      return true
    }
  }

  /// Takes changed records, durably before it returns.
  /// - Throws: where the disk does not take them: then nothing has changed.
  mutating func write(_ records: [CommandRecord]) throws(SpoolFailure) {
    try put(records, durably: true)
    take(records)
  }

  /// Takes changed records whatever the disk says; what it did not take goes to it with the next
  /// write that it takes.
  mutating func note(_ records: [CommandRecord], durably: Bool) {
    take(records)
    do throws(SpoolFailure) {
      try put(records, durably: durably)
    } catch {
      // Kept as `failure`; the next file has all records.
    }
  }

  private mutating func take(_ records: [CommandRecord]) {
    for record in records {
      let before = byID.updateValue(record, forKey: record.id)
      if before == nil { order.append(record.id) }
      if !record.isConfirmed, before?.isConfirmed ?? true { openIDs.append(record.id) }
      if record.isConfirmed, before?.isConfirmed == false { openIDs.removeAll { $0 == record.id } }
    }
  }

  // MARK: The file

  private mutating func put(_ records: [CommandRecord], durably: Bool) throws(SpoolFailure) {
    guard open != nil else { return }
    do throws(SpoolFailure) {
      guard let folder else { throw failure ?? SpoolFailure("the journal is not open") }
      let bytes = records.flatMap { CommandFile.entry($0.json) }
      if let file, fileBytes + bytes.count <= limits.maxBytes {
        try folder.append(bytes, to: CommandFile.name(file))
        if durably { try folder.sync(CommandFile.name(file)) }
        fileBytes += bytes.count
      } else {
        try replace(with: records, in: folder)
      }
      failure = nil
    } catch {
      // What of it is on the disk is not known: the file is not touched again.
      file = nil
      failure = error
      throw error
    }
  }

  /// Begins a new file with all records as they stand, then deletes the others.
  private mutating func replace(
    with changes: [CommandRecord], in folder: any SpoolFolder
  ) throws(SpoolFailure) {
    var kept = self.records.filter { record in !changes.contains { $0.id == record.id } } + changes
    Self.shrink(&kept, to: limits.maxBytes / 2)
    let bytes = CommandFile.whole(kept.map(\.json))
    lastNumber += 1
    let name = CommandFile.name(lastNumber)
    try folder.append(bytes, to: name)
    try folder.sync(name)
    file = lastNumber
    fileBytes = bytes.count
    let changed = Set(changes.map(\.id))
    for record in kept where !changed.contains(record.id) { byID[record.id] = record }
    for other in try folder.names() where other != name && CommandFile.number(other) != nil {
      try folder.remove(other)
    }
  }

  /// Leaves out outputs, the oldest first, until the records fit.
  private static func shrink(_ records: inout [CommandRecord], to bytes: Int) {
    var total = records.reduce(0) { $0 + ($1.result?.output?.utf8.count ?? 0) }
    for index in records.indices where total > bytes {
      total -= records[index].result?.output?.utf8.count ?? 0
      records[index] = records[index].withoutOutput
    }
  }

  private mutating func recover() throws(SpoolFailure) {
    guard let open else { return }
    let folder = try open()
    var candidates: [(number: UInt64, content: CommandFile)] = []
    for name in try folder.names() {
      guard let number = CommandFile.number(name) else { continue }
      lastNumber = max(lastNumber, number)
      let bytes = try folder.read(name, from: 0, count: 64 << 20)
      if let content = CommandFile(bytes) { candidates.append((number, content)) }
    }
    self.folder = folder
    // One that a power cut left unfinished does not count: the one before it is still there.
    guard let newest = candidates.max(by: { $0.number < $1.number }) else { return }
    isDamaged = newest.content.isDamaged
    for json in newest.content.entries {
      guard let record = CommandRecord(json: json) else {
        isDamaged = true
        continue
      }
      take([record])
    }
    recoveries += 1
    // What stands behind its last whole entry must not be appended to.
    if newest.content.isWhole {
      file = newest.number
      fileBytes = newest.content.count
    }
  }
}
