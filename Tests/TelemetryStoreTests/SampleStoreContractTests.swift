import BrokerCore
import DeviceProtocol
import TelemetryModel
import TestValues
import Testing

/// What every `SampleStore` promises, asked through the port alone: ``StoreFixture/port()`` says whose
/// promises they are.
@Suite("Sample store contract")
struct SampleStoreContractTests {
  private let fixture: StoreFixture

  init() throws {
    fixture = try StoreFixture()
  }

  private func raw(
    _ series: [Int64] = [1], limit: Int = 1000, after: HistoryPosition? = nil,
    sinceCommit: CommitNumber? = nil, throughCommit: CommitNumber? = nil
  ) -> HistoryRequest {
    HistoryRequest(
      series: series.map { SeriesID($0) }, from: fixture.start, to: .distantFuture,
      resolution: .raw, functions: [], limitRows: limit, after: after, sinceCommit: sinceCommit,
      throughCommit: throughCommit)
  }

  @Test("An empty store opens empty")
  func empty() async throws {
    let store = try fixture.port()
    let contents = try await store.open()
    #expect(contents.lastCommit == CommitNumber(0))
    #expect(contents.series.isEmpty)
    #expect(try await store.history(raw()).rows.isEmpty)
    #expect(try await store.ackedRanges(device: fixture.pi, epoch: "e1").isEmpty)
    try await store.close()
    try await store.close()
    await #expect(throws: StoreError.self) { try await store.history(raw()) }
    await #expect(throws: StoreError.self) { try await store.commit(fixture.batch(1, [(0, 1)])) }
  }

  @Test("What was committed is there after the store is opened again")
  func reopened() async throws {
    let first = try fixture.port()
    _ = try await first.open()
    var batch = fixture.batch(
      1, new: [try fixture.series(1, "temp")], [(0, 20), (1000, 21)], acked: 2)
    batch.devices = [
      StoredDevice(
        id: fixture.pi, labels: ["site": "lab"], agent: Software(name: "a", version: "2"),
        lastSeen: fixture.start,
        departure: StoredDevice.Departure(at: fixture.start, cause: .silent))
    ]
    batch.gaps = [
      StoredGap(
        device: fixture.pi, epoch: "e1", range: SequenceRange(9), reason: "spool full",
        reported: fixture.start)
    ]
    try await first.commit(batch)
    try await first.close()

    let second = try fixture.port()
    let contents = try await second.open()
    #expect(contents.lastCommit == CommitNumber(1))
    #expect(contents.series == batch.newSeries)
    #expect(contents.devices == batch.devices)
    #expect(contents.lastReceived == batch.received)
    #expect(try await second.history(raw()).rows.map(\.values) == [[20], [21]])
    #expect(
      try await second.ackedRanges(device: fixture.pi, epoch: "e1") == SequenceRanges(upTo: 2))
    let gaps = try await second.gaps(
      devices: [fixture.pi], from: fixture.start, to: .distantFuture)
    #expect(gaps == batch.gaps)
  }

  @Test("A batch that cannot be written leaves nothing of itself")
  func atomic() async throws {
    let store = try fixture.port()
    _ = try await store.open()
    try await store.commit(
      fixture.batch(1, new: [try fixture.series(1, "temp")], [(0, 20)], acked: 1))
    // The same series number again cannot be written; the readings before it must not stay.
    let bad = fixture.batch(2, new: [try fixture.series(1, "other")], [(500, 1)], acked: 2)
    await #expect(throws: StoreError.self) { try await store.commit(bad) }
    #expect(try await store.history(raw()).rows.count == 1)
    #expect(
      try await store.ackedRanges(device: fixture.pi, epoch: "e1") == SequenceRanges(upTo: 1))
    #expect(try await store.history(raw()).commit == CommitNumber(1))
  }

  @Test("Pages follow each other without a hole or a repeat, readings of one time among them")
  func pages() async throws {
    let store = try fixture.port()
    _ = try await store.open()
    let readings = (0..<50).map { ($0 / 4 * 100, Double($0)) }
    try await store.commit(
      fixture.batch(
        1, new: [try fixture.series(1, "temp"), try fixture.series(2, "hum")], readings)
    )
    try await store.commit(fixture.batch(2, series: 2, readings))
    for limit in [1, 3, 7, 50, 99, 100, 101] {
      var values: [Double?] = []
      var after: HistoryPosition?
      repeat {
        let page = try await store.history(raw([1, 2], limit: limit, after: after))
        #expect(page.rows.count <= limit)
        values += page.rows.map { $0.values[0] }
        after = page.next
      } while after != nil
      #expect(values == (readings + readings).map { $0.1 }, "limit \(limit)")
    }
  }

  @Test("Every opening is a run of its own, and what earlier ones committed is known as theirs")
  func runs() async throws {
    var tags: [UInt32] = []
    for commit in [1, 2, 3] as [Int64] {
      let store = try fixture.port()
      let contents = try await store.open()
      let runs = contents.runs
      tags.append(try #require(runs.current))
      for (place, tag) in tags.enumerated() {
        #expect(runs.holds(CommitNumber(Int64(place)), of: tag))
        #expect(runs.holds(CommitNumber(commit), of: tag) == (tag == tags.last))
      }
      #expect(!runs.holds(CommitNumber(1), of: tags[0] ^ 1))
      try await store.commit(
        fixture.batch(
          commit, new: commit == 1 ? [try fixture.series(1, "temp")] : [], [(Int(commit), 5)]))
      try await store.close()
    }
    #expect(Set(tags).count == 3)
  }

  @Test("A place that no page has ended at is no harm, nor is a limit without end")
  func placesOfStrangers() async throws {
    let store = try fixture.port()
    _ = try await store.open()
    try await store.commit(
      fixture.batch(1, new: [try fixture.series(1, "temp")], [(0, 1.0), (100, 2.0)]))
    for repeats in [0, 1, Int.max] {
      for time in [Timestamp.distantPast, fixture.start, .distantFuture] {
        let after = HistoryPosition(series: SeriesID(1), time: time, repeats: repeats)
        var request = raw([1], limit: .max, after: after)
        request.withTexts = true
        #expect(try await store.history(request).rows.count <= 2)
      }
    }
  }

  @Test("Texts stand among numbers by time, as of a commit, on pages of any length")
  func texts() async throws {
    let store = try fixture.port()
    _ = try await store.open()
    var random = Seeded(11)
    var right: [(time: Timestamp, isText: Bool, place: Int, commit: Int64)] = []
    for commit in 1...12 as ClosedRange<Int64> {
      var batch = fixture.batch(commit, [])
      if commit == 1 { batch.newSeries = [try fixture.series(1, "state")] }
      for _ in 0..<20 {
        let time = fixture.start + .seconds(Int.random(in: 0..<60, using: &random))
        let place = right.count
        let isText = Bool.random(using: &random)
        if isText {
          batch.texts.append(
            TextSample(series: SeriesID(1), time: time, value: .string("\(place)")))
        } else {
          batch.samples.append(Sample(series: SeriesID(1), time: time, value: Double(place)))
        }
        right.append((time, isText, place, commit))
      }
      try await store.commit(batch)
    }
    right.sort { ($0.time, $0.isText ? 1 : 0, $0.place) < ($1.time, $1.isText ? 1 : 0, $1.place) }
    func said(_ row: HistoryRow) -> String {
      if case .string(let text) = row.text { return "text \(text)" }
      return "\(Int(row.values[0] ?? -1))"
    }
    for (limit, bytes, last) in [
      (1, .max, 12), (3, .max, 7), (1_000, .max, 12), (1_000, .max, 4), (1_000, 0, 12), (7, 9, 12),
    ] as [(Int, Int, Int64)] {
      var rows: [String] = []
      var request = raw(limit: limit, throughCommit: CommitNumber(last))
      request.withTexts = true
      request.limitTextBytes = bytes
      repeat {
        let page = try await store.history(request)
        rows += page.rows.map(said)
        // Nothing stands behind the text that is one too many.
        let lengths = page.rows.dropLast().map { $0.text?.byteCount ?? 0 }
        #expect(lengths.reduce(0, +) <= bytes)
        request.after = page.next
      } while request.after != nil
      let expected = right.filter { $0.commit <= last }
        .map { $0.isText ? "text \($0.place)" : "\($0.place)" }
      #expect(rows == expected, "limit \(limit), \(bytes) bytes, commit \(last)")
    }
    #expect(try await store.history(raw()).rows.allSatisfy { $0.text == nil })
  }

  @Test("Windows hold the readings of their span, whatever order those came in")
  func windows() async throws {
    let store = try fixture.port()
    _ = try await store.open()
    try await store.commit(
      fixture.batch(
        1, new: [try fixture.series(1, "temp")], [(2500, 5), (100, 1), (900, 3), (1000, 7)]))
    let page = try await store.history(
      HistoryRequest(
        series: [SeriesID(1)], from: fixture.start, to: fixture.start + .seconds(3),
        resolution: .s1, functions: [.last, .count, .min, .max, .mean, .p50], limitRows: 10))
    #expect(
      page.rows.map(\.time) == [0, 1, 2].map { fixture.start + .seconds($0) })
    #expect(page.rows.first.map { Array($0.values.prefix(5)) } == [3, 2, 1, 3, 2])
    #expect(page.rows.last?.values.first == 5)
    let states = try await store.windows(
      of: [SeriesID(1)], resolution: .s1, from: fixture.start + .seconds(1),
      to: fixture.start + .seconds(2), withSketch: false)
    #expect(states.entries.map(\.start) == [fixture.start + .seconds(1)])
    #expect(states.commit == CommitNumber(1))
  }

  @Test("A window counts if it begins in the span asked for")
  func windowBounds() async throws {
    let store = try fixture.port()
    _ = try await store.open()
    try await store.commit(
      fixture.batch(1, new: [try fixture.series(1, "temp")], [(0, 1), (1500, 2), (2100, 3)]))
    let page = try await store.history(
      HistoryRequest(
        series: [SeriesID(1)], from: fixture.start + .milliseconds(1),
        to: fixture.start + .milliseconds(1500), resolution: .s1, functions: [.count],
        limitRows: 10))
    #expect(page.rows.map(\.time) == [fixture.start + .seconds(1)])
  }

  @Test("What was committed after a commit can be asked for alone")
  func sinceCommit() async throws {
    let store = try fixture.port()
    _ = try await store.open()
    try await store.commit(fixture.batch(1, new: [try fixture.series(1, "temp")], [(5000, 1)]))
    try await store.commit(fixture.batch(2, [(100, 2)]))
    let page = try await store.history(raw(sinceCommit: CommitNumber(1)))
    #expect(page.rows.map { $0.values[0] } == [2])
    #expect(page.commit == CommitNumber(2))
  }

  @Test("Pages can be held at one commit, whatever is committed while they are read")
  func throughCommit() async throws {
    let store = try fixture.port()
    _ = try await store.open()
    try await store.commit(
      fixture.batch(1, new: [try fixture.series(1, "temp")], [(0, 1), (3000, 4), (3000, 5)]))
    try await store.commit(fixture.batch(2, [(1000, 2), (3000, 6)]))
    let held = CommitNumber(2)
    var values: [Double?] = []
    var page = try await store.history(raw(limit: 2, throughCommit: held))
    values += page.rows.map { $0.values[0] }
    try await store.commit(fixture.batch(3, [(500, 9), (3000, 9), (4000, 9)]))
    while let next = page.next {
      page = try await store.history(raw(limit: 1, after: next, throughCommit: held))
      values += page.rows.map { $0.values[0] }
    }
    #expect(values == [1, 2, 4, 5, 6])
    let between = try await store.history(
      raw(sinceCommit: CommitNumber(1), throughCommit: CommitNumber(2)))
    #expect(between.rows.map { $0.values[0] } == [2, 6])
    let rest = try await store.history(raw(sinceCommit: held))
    #expect(rest.rows.map { $0.values[0] } == [9, 9, 9])
  }

  @Test("Operators' labels are kept beside the device's own, and go when it is forgotten")
  func operatorLabels() async throws {
    let store = try fixture.port()
    _ = try await store.open()
    let device = StoredDevice(
      id: fixture.pi, labels: ["site": "lab"], agent: nil, lastSeen: fixture.start)
    var batch = fixture.batch(1, [])
    batch.devices = [device]
    batch.operatorLabels = [fixture.pi: ["site": "roof"]]
    try await store.commit(batch)
    // The next hello writes the device anew, without a say in the operators' labels.
    batch = fixture.batch(2, [])
    batch.devices = [device]
    try await store.commit(batch)
    #expect(try await store.open().devices.map(\.operatorLabels) == [["site": "roof"]])
    batch = fixture.batch(3, [])
    batch.forgotten = [fixture.pi]
    try await store.commit(batch)
    #expect(try await store.open().devices.isEmpty)
    batch = fixture.batch(4, [])
    batch.forgotten = [fixture.pi]
    batch.devices = [device]
    try await store.commit(batch)
    #expect(try await store.open().devices == [device])
  }
}
