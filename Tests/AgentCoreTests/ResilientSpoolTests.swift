import AgentCore
import DeviceProtocol
import Simulation
import Synchronization
import TelemetryModel
import TestValues
import Testing

@Suite("Spool that outlives its disk")
struct ResilientSpoolTests {
  private static let epochs = Mutex(0)

  private static func newEpoch() -> String {
    epochs.withLock { count in
      count += 1
      return "epoch-\(count)"
    }
  }

  private func spool(_ folder: PowerCutFolder, reserved: UInt64 = 8) -> ResilientSpool {
    var limits = DiskSpool.Limits()
    limits.reservedNumbers = reserved
    let fixed = limits
    return ResilientSpool(
      open: { () throws(SpoolFailure) in
        try DiskSpool(in: folder, limits: fixed, newEpoch: Self.newEpoch)
      },
      makeMemory: { MemorySpool(epoch: Self.newEpoch(), maxPacks: 100, maxBytes: 10_000) })
  }

  @Test("A disk that works is the disk's spool and nothing else")
  func healthy() throws {
    let folder = PowerCutFolder()
    var spool = spool(folder)
    #expect(spool.isDurable && !spool.isEpochChangeDue && spool.openFailure == nil)
    for expected in 1...20 as ClosedRange<UInt64> {
      let spooled = try spool.append([1]) { _ in false }
      #expect(spooled.sequence == expected)
    }
    try spool.flush(.everything)
    let again = self.spool(PowerCutFolder(folder.contents))
    #expect(again.epoch == spool.epoch && again.ledger.stored == SequenceRanges(1...20))
  }

  @Test("No number that is not reserved durably is given out: packs go on in another epoch")
  func brokenDisk() throws {
    let folder = PowerCutFolder()
    var spool = spool(folder)
    for _ in 1...3 { _ = try spool.append([1]) { _ in false } }
    let onDisk = spool.epoch
    folder.setBroken(true)
    var failures = 0
    for _ in 4...20 {
      do throws(SpoolFailure) {
        _ = try spool.append([2]) { _ in false }
      } catch {
        failures += 1
      }
    }
    #expect(failures == 1, "said once, then the packs wait in memory")
    #expect(spool.isEpochChangeDue && spool.epoch == onDisk)
    let given = spool.ledger.nextSequence - 1
    // A restart finds every number that was given out, in one of the three states.
    folder.setBroken(false)
    let found = try DiskSpool(in: PowerCutFolder(folder.contents)) { "x" }
    #expect(found.ledger.nextSequence > given)
    spool.changeEpoch()
    #expect(spool.epoch != onDisk && !spool.isDurable)
    #expect(spool.ledger.stored.count == 20 - given)
    let first = spool.pack(1)
    #expect(first == [2])
  }

  @Test("When the disk works again, memory is emptied first, then the disk's numbers go on")
  func recovery() throws {
    let folder = PowerCutFolder()
    var spool = spool(folder)
    _ = try spool.append([1]) { _ in false }
    let onDisk = spool.epoch
    folder.setBroken(true)
    for _ in 1...30 { try? _ = spool.append([2]) { _ in false } }
    let given = spool.ledger.nextSequence - 1
    spool.changeEpoch()
    let inMemory = spool.epoch
    folder.setBroken(false)
    try spool.flush(.settled)
    #expect(!spool.isDurable && !spool.isEpochChangeDue, "memory still holds packs")
    _ = try spool.append([3]) { _ in false }
    #expect(spool.epoch == inMemory)
    spool.acknowledge(SequenceRanges(1...100))
    #expect(spool.isEpochChangeDue)
    spool.changeEpoch()
    #expect(spool.epoch == onDisk)
    #expect(spool.ledger.stored == SequenceRanges(1...(given + 1)))
    let newest = spool.pack(given + 1)
    #expect(newest == [3])
  }

  @Test("A disk that cannot be opened is tried again")
  func notOpened() throws {
    let folder = PowerCutFolder()
    folder.setBroken(true)
    var spool = spool(folder)
    #expect(spool.openFailure != nil && !spool.isDurable)
    _ = try spool.append([1]) { _ in false }
    #expect(throws: SpoolFailure.self) { try spool.flush(.settled) }
    folder.setBroken(false)
    try spool.flush(.settled)
    #expect(!spool.isEpochChangeDue && spool.ledger.stored == SequenceRanges(1...1))
    spool.acknowledge(SequenceRanges(1...1))
    #expect(spool.isEpochChangeDue)
    spool.changeEpoch()
    let next = try spool.append([2]) { _ in false }
    #expect(next.sequence == 1)
  }

  @Test("Seeds: disks that fail and come back; a number names one pack, and none is nowhere")
  func seeds() throws {
    for seed in 0..<100 as Range<UInt64> {
      var random = Seeded(seed)
      let folder = PowerCutFolder()
      var spool = spool(folder)
      /// Epoch and number of every pack that a link can have sent.
      var named: [String: [UInt64: UInt8]] = [:]
      var acknowledged = 0
      var appended = 0
      for step in 0..<200 {
        switch Int.random(in: 0..<12, using: &random) {
        case 0: folder.setBroken(Bool.random(using: &random))
        case 1...2: try? spool.flush(.settled)
        case 3...5:
          if let sequence = spool.ledger.stored.ranges.first?.from {
            spool.acknowledge(SequenceRanges(sequence...sequence))
            acknowledged += 1
          }
        default:
          appended += 1
          try? _ = spool.append([UInt8(step)]) { _ in false }
        }
        if spool.isEpochChangeDue, Bool.random(using: &random) { spool.changeEpoch() }
        for sequence in spool.ledger.stored.ranges.flatMap({ $0.from...$0.to }) {
          guard let pack = spool.pack(sequence) else { continue }
          let known = named[spool.epoch, default: [:]].updateValue(pack[0], forKey: sequence)
          #expect(known == nil || known == pack[0], "seed \(seed): two packs of one number")
        }
      }
      // In the end everything is acknowledged, over as many epochs as it takes.
      folder.setBroken(false)
      for _ in 0..<4 {
        try spool.flush(.settled)
        acknowledged += Int(spool.ledger.stored.count)
        spool.acknowledge(SequenceRanges(1...1000))
        spool.changeEpoch()
      }
      #expect(acknowledged == appended, "seed \(seed)")
    }
  }

  @Test("The link ends what is on its way, then begins again under the other numbers")
  func link() throws {
    let folder = PowerCutFolder()
    var link = LinkHarness(spool: spool(folder)) { $0.flushInterval = .seconds(5) }
    try link.bringUp()
    let epoch = link.machine.ledger.nextSequence
    #expect(epoch == 1)
    _ = link.append()
    let first = link.attempt
    folder.setBroken(true)
    var actions: [LinkAction] = []
    var sent: UInt64 = 1
    while !actions.contains(where: { if case .report(.spoolFailed) = $0 { true } else { false } }) {
      actions = link.append()
      sent += UInt64(actions.packs.count)
    }
    #expect(actions.closes.isEmpty && actions.packs.isEmpty, "some are on their way")
    let acked = link.receive(.ack(SequenceRanges(1...sent)))
    #expect(acked.contains(.close(first, .normal, detail: "another epoch")))
    #expect(acked.connects == 1 && acked.retryAfter == nil)
    let hello = try #require(link.open().hello)
    #expect(hello.acked.isEmpty)
    let welcomed = try link.welcome()
    #expect(welcomed.packs == ["backfill 1"])
  }
}

@Suite("Spool: age, free disk and wear")
struct SpoolBoundsTests {
  private let start = Timestamp(seconds: 1_800_000_000)

  private func limits(maxAge: Duration? = nil, minFree: Int = 0) -> DiskSpool.Limits {
    var limits = DiskSpool.Limits()
    limits.segmentBytes = 1000
    limits.maxAge = maxAge
    limits.minFreeBytes = minFree
    return limits
  }

  @Test("What waited too long is given up, told, over restarts too")
  func age() throws {
    let folder = PowerCutFolder()
    let limits = limits(maxAge: .seconds(1000))
    var spool = try DiskSpool(in: folder, limits: limits) { "e" }
    for second in 0..<1500 {
      _ = try spool.append([7], at: start + .seconds(second)) { _ in false }
      if second % 50 == 0 { try spool.flush(.settled) }
    }
    let oldest = try #require(spool.ledger.oldestStored)
    #expect((485...501).contains(oldest), "marks stand every 10 s")
    let losses = spool.takeLosses()
    #expect(losses == [SpoolLoss(try #require(SequenceRange(from: 1, to: oldest - 1)), .tooOld)])
    try spool.flush(.everything)
    var again = try DiskSpool(in: PowerCutFolder(folder.contents), limits: limits) { "x" }
    #expect(again.ledger.oldestStored == oldest)
    _ = try again.append([8], at: start + .seconds(2000)) { _ in false }
    let left = try #require(again.ledger.oldestStored)
    #expect((985...1001).contains(left))
  }

  @Test("A clock that is not known, or was set back, makes nothing old")
  func noClock() throws {
    var spool = MemorySpool(epoch: "e", maxPacks: 9, maxBytes: 900, maxAge: .seconds(10))
    _ = spool.append([1], at: start) { _ in false }
    _ = spool.append([2], at: nil) { _ in false }
    _ = spool.append([3], at: Timestamp(seconds: 0)) { _ in false }
    #expect(spool.ledger.stored == SequenceRanges(1...3))
    _ = spool.append([4], at: start + .seconds(11)) { _ in false }
    #expect(spool.ledger.stored == SequenceRanges(1...4), "none is older than the one mark")
    _ = spool.append([5], at: start + .seconds(22)) { _ in false }
    #expect(spool.ledger.stored == SequenceRanges(4...5))
  }

  @Test("The disk's last free bytes are left alone: the oldest files make room, then memory does")
  func floor() throws {
    let folder = PowerCutFolder()
    folder.capacity = 20_000
    var spool = try DiskSpool(in: folder, limits: limits(minFree: 10_000)) { "e" }
    let pack = [UInt8](repeating: 7, count: 100)
    for _ in 0..<400 {
      _ = try spool.append(pack) { _ in false }
      try? spool.flush(.settled)
      let free = try folder.freeBytes()
      #expect(free >= 9800, "notes and numbers are always written, a block of them")
    }
    let losses = spool.takeLosses()
    #expect(!losses.isEmpty && losses.allSatisfy { $0.reason == .diskFull })
    #expect(spool.ledger.stored.last == 400)
    // Somebody else fills the disk.
    folder.capacity = 10_400
    for _ in 0..<50 {
      _ = try spool.append(pack) { _ in false }
      try? spool.flush(.settled)
    }
    #expect(throws: SpoolFailure.self) { try spool.flush(.everything) }
    #expect(spool.ledger.stored.last == 450, "they wait in memory")
    let newest = spool.pack(450)
    #expect(newest == pack)
    #expect(folder.contents.count == 1)
  }

  @Test("An hour at one pack a second: what is written on a healthy link, and without a broker")
  func wear() throws {
    let pack = [UInt8](repeating: 7, count: 1000)
    let healthy = PowerCutFolder()
    var spool = try DiskSpool(in: healthy) { "e" }
    let before = spool.wear
    for sequence in 1...3600 as ClosedRange<UInt64> {
      _ = try spool.append(pack, at: start + .seconds(sequence)) { _ in false }
      spool.acknowledge(SequenceRanges(sequence...sequence))
      if sequence % 5 == 0 { try spool.flush(.settled) }
    }
    let linked = spool.wear - before
    #expect(linked.bytes < 8000 && linked.syncs <= 60)
    #expect(spool.wear.bytes == healthy.writtenBytes && spool.wear.syncs == healthy.syncs)
    for sequence in 1...3600 {
      _ = try spool.append(pack, at: start + .seconds(3600 + sequence)) { _ in false }
      if sequence % 5 == 0 { try spool.flush(.settled) }
    }
    let away = spool.wear - before - linked
    #expect(away.bytes < 3600 * 1100 && away.syncs <= 720 + 60)
    print("state written an hour: linked \(linked), away \(away)")
  }
}
