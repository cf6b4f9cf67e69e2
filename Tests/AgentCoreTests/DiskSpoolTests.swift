import AgentCore
import DeviceProtocol
import Glibc
import Simulation
import TestValues
import Testing

@Suite("Disk spool")
struct DiskSpoolTests {
  private static var small: DiskSpool.Limits {
    var limits = DiskSpool.Limits()
    limits.maxPacks = 4
    limits.maxBytes = 400
    limits.segmentBytes = 200
    return limits
  }

  private let contract = SpoolContract {
    try DiskSpool(in: PowerCutFolder(), limits: small) { "e" }
  }

  @Test("Gives packs the numbers 1, 2, 3…")
  func numbers() throws { try contract.numbersPacks() }

  @Test("Full, it drops the oldest pack that is not on its way, and says so")
  func dropsOldest() throws { try contract.dropsOldest() }

  @Test("Its bytes are bounded, also against one huge pack")
  func boundsBytes() throws { try contract.boundsBytes() }

  @Test("Acknowledged packs go; numbers not given out yet are not acknowledged")
  func acknowledges() throws { try contract.acknowledges() }

  @Test("A gap stays on record until the broker has it")
  func confirmsGaps() throws { try contract.confirmsGaps() }

  @Test("After an orderly end everything is there again, no number is lost, the epoch stays")
  func orderly() throws {
    let folder = PowerCutFolder()
    var spool = try DiskSpool(in: folder) { "first" }
    for byte in 1...10 as ClosedRange<UInt8> { _ = try spool.append([byte]) { _ in false } }
    spool.acknowledge(SequenceRanges(3...4))
    spool.giveUp(7, reason: .tooLarge)
    try spool.flush(.everything)
    var again = try DiskSpool(in: PowerCutFolder(folder.contents)) { "second" }
    #expect(again.epoch == "first")
    #expect(again.ledger.stored == SequenceRanges(1...2, 5...6, 8...10))
    #expect(again.ledger.acknowledged == SequenceRanges(3...4))
    #expect(again.ledger.gaps.map(\.reason) == ["pack too large"])
    let ninth = again.pack(9)
    #expect(ninth == [9])
    let next = try again.append([11]) { _ in false }
    #expect(next.sequence == 11)
    #expect(again.storedBytes == 8)
  }

  @Test("A crash loses what was in memory alone, says so, and gives no number out twice")
  func crash() throws {
    let folder = PowerCutFolder()
    var spool = try DiskSpool(in: folder) { "e" }
    for byte in 1...3 as ClosedRange<UInt8> { _ = try spool.append([byte]) { _ in false } }
    try spool.flush(.settled)
    _ = try spool.append([4]) { _ in false }
    try spool.flush(.settled)
    var again = try DiskSpool(in: PowerCutFolder(folder.contents)) { "x" }
    #expect(again.ledger.stored == SequenceRanges(1...3), "4 had seen no flush before")
    #expect(again.ledger.gaps.map(\.reason) == ["lost in a crash"])
    let next = try again.append([5]) { _ in false }
    #expect(next.sequence > 4)
    again.acknowledge(SequenceRanges(4...4))
    #expect(again.ledger.gaps.map(\.from) == [5], "the broker had 4; the rest of the block stays")
  }

  @Test("A healthy link writes no pack, and syncs once in 64 packs")
  func healthy() throws {
    let folder = PowerCutFolder()
    var spool = try DiskSpool(in: folder) { "e" }
    let before = (folder.writtenBytes, folder.syncs)
    let pack = [UInt8](repeating: 7, count: 1000)
    for sequence in 1...3600 as ClosedRange<UInt64> {
      _ = try spool.append(pack) { _ in false }
      spool.acknowledge(SequenceRanges(sequence...sequence))
      if sequence % 5 == 0 { try spool.flush(.settled) }
    }
    // An hour at one pack a second.
    #expect(folder.syncs - before.1 <= 60)
    #expect(folder.writtenBytes - before.0 < 5000)
  }

  @Test("With a sync for every pack nothing is lost at all")
  func everyPack() throws {
    var limits = DiskSpool.Limits()
    limits.syncsEveryPack = true
    let folder = PowerCutFolder()
    var spool = try DiskSpool(in: folder, limits: limits) { "e" }
    for byte in 1...9 as ClosedRange<UInt8> { _ = try spool.append([byte]) { _ in false } }
    let again = try DiskSpool(in: PowerCutFolder(folder.contents)) { "x" }
    #expect(again.ledger.stored == SequenceRanges(1...9))
  }

  @Test("Files go when nothing in them is stored any more")
  func reclaims() throws {
    let folder = PowerCutFolder()
    var limits = DiskSpool.Limits()
    limits.segmentBytes = 1000
    var spool = try DiskSpool(in: folder, limits: limits) { "e" }
    let pack = [UInt8](repeating: 7, count: 300)
    for _ in 0..<100 {
      _ = try spool.append(pack) { _ in false }
      try spool.flush(.everything)
    }
    #expect(folder.contents.count > 20)
    spool.acknowledge(SequenceRanges(1...100))
    try spool.flush(.settled)
    #expect(folder.contents.count == 1)
    try spool.flush(.everything)
    let again = try DiskSpool(in: PowerCutFolder(folder.contents)) { "x" }
    #expect(again.ledger.acknowledged == SequenceRanges(1...100))
    #expect(again.ledger.gaps.isEmpty)
  }

  @Test("A flipped bit costs what stands behind it in its file, and is told")
  func bitRot() throws {
    let folder = PowerCutFolder()
    var spool = try DiskSpool(in: folder) { "e" }
    for byte in 1...9 as ClosedRange<UInt8> {
      _ = try spool.append([byte, byte, byte]) { _ in false }
    }
    try spool.flush(.everything)
    let name = try #require(folder.contents.keys.max())
    let whole = try #require(folder.contents[name])
    for index in whole.indices {
      var bytes = whole
      bytes[index] ^= 0x10
      var again = try DiskSpool(in: PowerCutFolder([name: bytes])) { "new" }
      for sequence in again.ledger.stored.ranges.flatMap({ $0.from...$0.to }) {
        let pack = again.pack(sequence)
        #expect(pack == [UInt8](repeating: UInt8(sequence), count: 3), "bit in byte \(index)")
      }
    }
  }

  @Test("In a folder of the file system it is the same")
  func onDisk() throws {
    var template = Array("/tmp/hawser-spool-XXXXXX".utf8CString)
    let path = try #require(mkdtemp(&template).map { String(cString: $0) })
    let folder = try DiskSpoolFolder("\(path)/a/b")
    defer {
      for name in ((try? folder.names()) ?? []) + [".lock"] { try? folder.remove(name) }
      for part in ["/a/b", "/a", ""] { rmdir(path + part) }
    }
    var spool = try DiskSpool(in: folder) { "e" }
    for byte in 1...5 as ClosedRange<UInt8> { _ = try spool.append([byte]) { _ in false } }
    try spool.flush(.everything)
    let name = try #require(try folder.names().last)
    let whole = try folder.read(name, from: 0, count: .max)
    try folder.truncate(name, to: whole.count - 3)
    var again = try DiskSpool(in: folder) { "x" }
    #expect(again.epoch == "e")
    #expect(again.ledger.stored == SequenceRanges(1...5), "only the reservation was torn")
    let third = again.pack(3)
    #expect(third == [3])
    #expect(throws: SpoolFailure.self) { try DiskSpoolFolder("/proc/nowhere/spool") }
  }
}

@Suite("Disk spool under power cuts")
struct DiskSpoolPowerCutTests {
  /// What a spool was told and promised, to hold it against what is found after a power cut.
  private struct Model {
    var given: [UInt64: [UInt8]] = [:]
    var acknowledged = SequenceRanges()
    var durable = SequenceRanges()
  }

  @Test("Whatever byte the power is cut at, every number is stored, acknowledged or a told gap")
  func everyByte() throws {
    // The same run, cut after 0, 1, 2… written bytes.
    let whole = PowerCutFolder()
    var model = Model()
    run(whole, seed: 7, steps: 60, model: &model)
    #expect(whole.writtenBytes > 1500)
    for cut in 0...whole.writtenBytes {
      var model = Model()
      let folder = PowerCutFolder(cutAfter: cut)
      run(folder, seed: 7, steps: 60, model: &model)
      try check(folder, model, seed: UInt64(cut))
    }
  }

  @Test("Seeds: long runs with several cuts behind one another")
  func seeds() throws {
    for seed in 0..<300 as Range<UInt64> {
      var random = Seeded(seed)
      var model = Model()
      var files: [String: [UInt8]] = [:]
      for _ in 0..<4 {
        let folder = PowerCutFolder(files, cutAfter: .random(in: 0...6000, using: &random))
        run(folder, seed: seed, steps: 80, model: &model)
        try check(folder, model, seed: seed)
        files = folder.survivors(using: &random)
      }
    }
  }

  private var limits: DiskSpool.Limits {
    var limits = DiskSpool.Limits()
    limits.maxPacks = 30
    limits.maxBytes = 1500
    limits.segmentBytes = 400
    limits.reservedNumbers = 8
    return limits
  }

  private func run(_ folder: PowerCutFolder, seed: UInt64, steps: Int, model: inout Model) {
    var random = Seeded(seed)
    guard var spool = try? DiskSpool(in: folder, limits: limits, newEpoch: { "e" }) else { return }
    for _ in 0..<steps where !folder.isCut {
      switch Int.random(in: 0..<10, using: &random) {
      case 0...5:
        let pack = [UInt8](
          repeating: .random(in: 0...255, using: &random),
          count: .random(in: 9...90, using: &random))
        let even = UInt64.random(in: 0...1, using: &random)
        if let spooled = try? spool.append(pack, isInFlight: { $0 % 2 == even }) {
          #expect(model.given[spooled.sequence] == nil, "seed \(seed): number given out twice")
          model.given[spooled.sequence] = pack
        }
      case 6...7:
        let stored = spool.ledger.stored.ranges.flatMap { $0.from...$0.to }
        if let sequence = stored.randomElement(using: &random) {
          let ranges = SequenceRanges(sequence...min(sequence + 2, spool.ledger.nextSequence - 1))
          spool.acknowledge(ranges)
          model.acknowledged.merge(ranges)
        }
      case 8: try? spool.flush(.settled)
      default:
        if (try? spool.flush(.everything)) != nil { model.durable = spool.ledger.stored }
      }
    }
  }

  private func check(_ folder: PowerCutFolder, _ model: Model, seed: UInt64) throws {
    var random = Seeded(seed)
    let files = folder.survivors(using: &random)
    var spool = try DiskSpool(in: PowerCutFolder(files), limits: limits) { "fresh" }
    guard spool.epoch == "e" else {
      #expect(model.given.isEmpty, "seed \(seed): the epoch is gone")
      return
    }
    let gaps = SequenceRanges(spool.ledger.gaps.map(\.range))
    for (sequence, pack) in model.given {
      if spool.ledger.stored.contains(sequence) {
        let found = spool.pack(sequence)
        #expect(found == pack, "seed \(seed): pack \(sequence) changed")
      } else {
        let isAccounted =
          gaps.contains(sequence)
          || spool.ledger.acknowledged.contains(sequence)
            && model.acknowledged.contains(sequence)
        #expect(isAccounted, "seed \(seed): pack \(sequence) is nowhere")
      }
    }
    for sequence in model.durable.ranges.flatMap({ $0.from...$0.to })
    where !model.acknowledged.contains(sequence) && !gaps.contains(sequence) {
      #expect(spool.ledger.stored.contains(sequence), "seed \(seed): durable \(sequence) is gone")
    }
    let next = try spool.append([0]) { _ in false }
    #expect(
      next.sequence > (model.given.keys.max() ?? 0), "seed \(seed): number given out twice")
  }
}
