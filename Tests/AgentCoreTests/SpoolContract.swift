import AgentCore
import DeviceProtocol
import TestValues
import Testing

extension SequenceRanges {
  /// `[1...3, 7...7]` reads better in tests.
  init(_ ranges: ClosedRange<UInt64>...) {
    self.init(ranges.compactMap { SequenceRange(from: $0.lowerBound, to: $0.upperBound) })
  }
}

/// What every spool must do, run on each implementation. The spool given is empty and holds four
/// packs or 400 bytes.
struct SpoolContract {
  let makeSpool: () throws -> any Spool

  static let small = [UInt8](repeating: UInt8(ascii: "p"), count: 10)

  func numbersPacks() throws {
    var spool = try makeSpool()
    for expected in 1...4 as ClosedRange<UInt64> {
      let spooled = try spool.append([UInt8(expected)]) { _ in false }
      #expect(spooled == SpooledPack(sequence: expected, dropped: SequenceRanges()))
    }
    #expect(spool.ledger.stored == SequenceRanges(1...4))
    let third = spool.pack(3)
    #expect(third == [3])
    let unknown = spool.pack(5)
    #expect(unknown == nil)
  }

  func dropsOldest() throws {
    var spool = try makeSpool()
    for _ in 1...4 { _ = try spool.append(Self.small) { _ in false } }
    let fifth = try spool.append(Self.small) { _ in false }
    #expect(fifth == SpooledPack(sequence: 5, dropped: SequenceRanges(1...1)))
    let sixth = try spool.append(Self.small) { $0 == 2 || $0 == 3 }
    #expect(sixth.dropped == SequenceRanges(4...4), "2 and 3 are on their way")
    let seventh = try spool.append(Self.small) { _ in true }
    #expect(seventh.dropped == SequenceRanges(2...2), "all are on their way: the oldest goes")
    #expect(
      spool.ledger.gaps.map(\.range) == SequenceRanges(1...2, 4...4).ranges)
    #expect(spool.ledger.gaps.allSatisfy { $0.reason == "spool full" })
    let gone = spool.pack(1)
    #expect(gone == nil)
  }

  func boundsBytes() throws {
    var spool = try makeSpool()
    for _ in 1...3 { _ = try spool.append([UInt8](repeating: 1, count: 120)) { _ in false } }
    let large = try spool.append([UInt8](repeating: 1, count: 200)) { _ in false }
    #expect(large.dropped == SequenceRanges(1...2))
    let huge = try spool.append([UInt8](repeating: 1, count: 500)) { _ in false }
    #expect(huge.sequence == 5)
    #expect(huge.dropped.contains(5), "larger than the spool")
    #expect(spool.ledger.stored.contains(5) == false)
  }

  func acknowledges() throws {
    var spool = try makeSpool()
    for _ in 1...4 { _ = try spool.append(Self.small) { _ in false } }
    spool.acknowledge(SequenceRanges(2...3))
    #expect(spool.ledger.stored == SequenceRanges(1...1, 4...4))
    #expect(spool.ledger.acknowledged == SequenceRanges(2...3))
    let gone = spool.pack(2)
    #expect(gone == nil)
    spool.acknowledge(SequenceRanges(1...1_000_000_000_000))
    #expect(spool.ledger.acknowledged == SequenceRanges(1...4))
    let next = try spool.append(Self.small) { _ in false }
    #expect(next == SpooledPack(sequence: 5, dropped: SequenceRanges()))
    #expect(spool.ledger.stored == SequenceRanges(5...5), "a future number is not acknowledged")
  }

  func confirmsGaps() throws {
    var spool = try makeSpool()
    for _ in 1...6 { _ = try spool.append(Self.small) { _ in false } }
    spool.giveUp(4, reason: .tooLarge)
    #expect(spool.ledger.gaps.map(\.reason) == ["spool full", "pack too large"])
    spool.acknowledge(SequenceRanges(1...2))
    #expect(spool.ledger.gaps.map(\.range) == SequenceRanges(4...4).ranges)
    spool.acknowledge(SequenceRanges(4...4))
    #expect(spool.ledger.gaps.isEmpty)
  }
}

@Suite("Memory spool")
struct MemorySpoolTests {
  private let contract = SpoolContract {
    MemorySpool(epoch: "e", maxPacks: 4, maxBytes: 400)
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

  @Test("Whatever is appended, dropped and acknowledged, every number is in one state")
  func everyNumberOnce() {
    for seed in 0..<200 as Range<UInt64> {
      var random = Seeded(seed)
      var spool = MemorySpool(epoch: "e", maxPacks: 20, maxBytes: 1000)
      for _ in 0..<200 {
        if Int.random(in: 0..<3, using: &random) == 0 {
          let from = UInt64.random(in: 1...spool.ledger.nextSequence, using: &random)
          spool.acknowledge(SequenceRanges(from...(from + .random(in: 0...10, using: &random))))
        } else {
          let bytes = [UInt8](repeating: 0, count: .random(in: 1...100, using: &random))
          let even = UInt64.random(in: 0...1, using: &random)
          _ = spool.append(bytes) { $0 % 2 == even }
        }
        #expect(spool.storedBytes <= 1000 && spool.ledger.stored.count <= 20, "seed \(seed)")
        let gaps = SequenceRanges(spool.ledger.gaps.map(\.range))
        let counted = spool.ledger.stored.count + spool.ledger.acknowledged.count + gaps.count
        #expect(counted == spool.ledger.nextSequence - 1, "seed \(seed)")
      }
    }
  }

  @Test("A ledger that is found again knows what was acknowledged")
  func found() {
    let ledger = SpoolLedger(
      nextSequence: 10, stored: SequenceRanges(5...6, 9...9),
      lost: [.spoolFull: SequenceRanges(1...2)])
    #expect(ledger.acknowledged == SequenceRanges(3...4, 7...8))
    #expect(SpoolLedger(nextSequence: 1, stored: SequenceRanges()).acknowledged.isEmpty)
  }
}

@Suite("Send queue")
struct SendQueueTests {
  private let link = LinkAttempt(number: 1)

  private func spool(_ count: Int, bytes: Int = 10) -> MemorySpool {
    var spool = MemorySpool(epoch: "e", maxPacks: 1000, maxBytes: 1 << 20)
    for _ in 0..<count { _ = spool.append([UInt8](repeating: 1, count: bytes)) { _ in false } }
    return spool
  }

  @Test("The backlog goes newest first, behind what is new, and leaves a quarter of the window")
  func order() {
    var spool = spool(10)
    var queue = SendQueue(limits: WindowLimits(messages: 4, bytes: 1000), nextSequence: 11)
    var sent: [String] = []
    func pump() {
      while let next = queue.next(from: &spool, maxPackBytes: 1000, on: link) {
        sent.append("\(next.lane) \(next.sequence)")
      }
    }
    pump()
    #expect(sent == ["backfill 10", "backfill 9", "backfill 8"])
    _ = spool.append([1]) { _ in false }
    pump()
    #expect(sent.last == "live 11" && sent.count == 4)
    for range in [8...10, 11...11] as [ClosedRange<UInt64>] {
      spool.acknowledge(SequenceRanges(range))
      queue.acknowledge(SequenceRanges(range))
    }
    _ = spool.append([1]) { _ in false }
    pump()
    #expect(sent.suffix(3) == ["live 12", "backfill 7", "backfill 6"])
  }

  @Test("Everything is sent once and the window never exceeded, whatever comes back when")
  func exhaustive() {
    for seed in 0..<300 as Range<UInt64> {
      var random = Seeded(seed)
      let backlog = Int.random(in: 0...40, using: &random)
      var spool = spool(backlog, bytes: 30)
      let limits = WindowLimits(
        messages: .random(in: 1...8, using: &random), bytes: .random(in: 20...200, using: &random))
      var queue = SendQueue(limits: limits, nextSequence: spool.ledger.nextSequence)
      var inFlight: [UInt64: Int] = [:]
      var sent: Set<UInt64> = []
      var fresh = 20
      while !spool.ledger.stored.isEmpty || fresh > 0 {
        if fresh > 0, Bool.random(using: &random) {
          fresh -= 1
          _ = spool.append([UInt8](repeating: 2, count: 25)) { queue.isInFlight($0) }
        }
        while let next = queue.next(from: &spool, maxPackBytes: 1000, on: link) {
          #expect(sent.insert(next.sequence).inserted, "seed \(seed): \(next.sequence) twice")
          #expect((next.lane == .live) == (next.sequence > backlog))
          inFlight[next.sequence] = next.pack.count
          #expect(inFlight.count <= limits.messages)
          let bytes = inFlight.values.reduce(0, +)
          #expect(bytes <= limits.bytes || inFlight.count == 1)
        }
        if let acked = inFlight.keys.sorted().randomElement(using: &random) {
          inFlight.removeValue(forKey: acked)
          spool.acknowledge(SequenceRanges(acked...acked))
          queue.acknowledge(SequenceRanges(acked...acked))
        }
      }
      #expect(sent.count == backlog + 20, "seed \(seed)")
    }
  }

  @Test("A pack larger than any message is given up, the rest goes on")
  func tooLarge() {
    var spool = spool(1, bytes: 100)
    _ = spool.append([1, 2]) { _ in false }
    var queue = SendQueue(limits: WindowLimits(messages: 9, bytes: 1000), nextSequence: 1)
    #expect(queue.next(from: &spool, maxPackBytes: 50, on: link)?.sequence == 2)
    #expect(spool.ledger.gaps.map(\.reason) == ["pack too large"])
  }
}
