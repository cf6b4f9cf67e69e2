import BrokerCore
import DeviceProtocol
import TelemetryModel
import TestValues
import Testing

@Suite("Pack reader")
struct PackReaderTests {
  private final class Origin: PackOrigin {
    func packsCommitted(_ ranges: SequenceRanges) {}
    func recordsRefused(_ refusal: PackRefusal) {}
  }

  private let device: DeviceID
  private let catalog = SeriesCatalog()
  private let registry = DeviceRegistry()
  private let decoder = PackDecoder()
  private let origin = Origin()
  private let now = Timestamp(seconds: 1_800_000_000.5)

  init() throws {
    device = try DeviceID("pi-7")
  }

  private func makeReader() -> PackReader {
    PackReader(device: device, catalog: catalog, registry: registry, maxFuture: .seconds(600))
  }

  private func read(
    _ pack: String, _ reader: inout PackReader, seq: UInt64 = 1, lane: Lane = .live
  ) -> IncomingPack {
    let bytes = Array(pack.utf8)
    let source = PackReader.Source(
      epoch: "e1", seq: seq, lane: lane, received: now, origin: origin)
    return reader.read(bytes.span, from: source, with: decoder)
  }

  @discardableResult
  private func know(_ metric: String, unit: String? = nil) throws -> SeriesID {
    switch catalog.resolve(device: device, metric: try MetricName(metric), unit: unit) {
    case .added(let series): return series.id
    case .known(let id): return id
    case .unitChanged(let was): throw PackRefusalText(text: "\(metric) is in \(was ?? "none")")
    }
  }

  private struct PackRefusalText: Error {
    var text: String
  }

  @Test("finds the series of names in whatever order, number and company they come")
  func findsSeries() throws {
    for count in [1, 3, 8, 9, 40] {
      var random = Seeded(UInt64(count))
      var reader = makeReader()
      let names = (0..<count).map { "m\(count).\($0)" }
      let known = try names.map { try know($0, unit: "Cel") }
      for seq in 1...50 as ClosedRange<UInt64> {
        var order = Array(0..<count)
        if Bool.random(using: &random) { order.shuffle(using: &random) }
        if Bool.random(using: &random) {
          order = order.filter { _ in Int.random(in: 0..<4, using: &random) > 0 }
        }
        let records = order.map {
          #"{"n":"\#(names[$0])","u":"Cel","v":\#($0),"t":1800000000}"#
        }
        let pack = read("[\(records.joined(separator: ","))]", &reader, seq: seq)
        #expect(pack.samples.map(\.series) == order.map { known[$0] }, "seed \(count)")
        #expect(pack.samples.map(\.value) == order.map(Double.init), "seed \(count)")
        #expect(pack.unresolved.isEmpty && pack.refusal == nil, "seed \(count)")
      }
    }
  }

  @Test("leaves new names, other units and bad names to the pipeline, with what follows them")
  func leavesTheRest() throws {
    let temp = try know("temp", unit: "Cel")
    var reader = makeReader()
    let pack = read(
      """
      [{"bn":"pi-7/","bt":1800000000},{"n":"temp","u":"Cel","v":1},{"n":"hum","u":"%RH","v":2},
      {"n":"temp","u":"K","v":3},{"n":"hum","u":"%RH","v":4},{"n":"temp","u":"Cel","v":5}]
      """, &reader)
    #expect(pack.samples.map(\.series) == [temp, temp])
    #expect(pack.samples.map(\.value) == [1, 5])
    #expect(pack.unresolved.map(\.record) == [2, 3, 4])
    #expect(pack.unresolved.map(\.name) == ["pi-7/hum", "pi-7/temp", "pi-7/hum"])
    #expect(pack.unresolved.map(\.unit) == ["%RH", "K", "%RH"])
    #expect(pack.count == 5)
  }

  @Test(
    "keeps the readings of one series together, even if it becomes known half-way through a pack")
  func keepsOrder() throws {
    var reader = makeReader()
    let first = read(#"[{"n":"a","v":1},{"n":"b","v":2},{"n":"a","v":3}]"#, &reader)
    #expect(first.samples.isEmpty)
    #expect(first.unresolved.map(\.sample.value) == [1, 2, 3])
    try know("a")
    // `b` waits for the pipeline, and so does whatever this link has not met before.
    let second = read(#"[{"n":"b","v":1},{"n":"a","v":2}]"#, &reader, seq: 2)
    #expect(second.unresolved.map(\.name) == ["b", "a"])
    try know("b")
    let third = read(#"[{"n":"b","v":1},{"n":"a","v":2}]"#, &reader, seq: 3)
    #expect(third.samples.map(\.value) == [1, 2])
  }

  @Test("refuses what lies in the future; the first is told, by its place in the pack")
  func refuses() throws {
    try know("temp")
    var reader = makeReader()
    let pack = read(
      """
      [{"bn":"temp","bt":1800000000},{"v":1},{"v":2,"t":700},{"vs":"on","t":701},{"v":3}]
      """, &reader, seq: 9)
    #expect(pack.samples.map(\.value) == [1, 3])
    #expect(
      pack.refusal
        == PackRefusal(
          seq: 9, record: 2, count: 2, code: .farFuture,
          text: "temp: time is too far ahead of the broker's clock"))
    let malformed = read(#"[{"n":"temp","v":1},{"n":"temp","v":"x"}]"#, &reader, seq: 10)
    #expect(malformed.samples.isEmpty)
    #expect(malformed.refusal?.code == .malformed)
    #expect(malformed.refusal?.record == 1)
    #expect(malformed.refusal?.text.contains("field v") == true)
  }

  @Test("takes text and data beside numbers, of series known and unknown")
  func texts() throws {
    let door = try know("door")
    var reader = makeReader()
    let records = """
      [{"n":"door","bt":1800000000,"vs":"half \\"open\\" \\u00e9"},{"n":"door","vb":true},
      {"n":"door","vd":"AQL_"},{"n":"tag","vs":"","t":-2},{"n":"door","vs":"shut"}]
      """
    for seq in 1...2 as ClosedRange<UInt64> {
      let pack = read(records, &reader, seq: seq)
      #expect(pack.refusal == nil && pack.count == 5)
      #expect(pack.samples.map(\.value) == [1])
      #expect(
        pack.texts.map(\.value) == [
          .string("half \"open\" é"), .data([1, 2, 255]), .string("shut"),
        ])
      #expect(pack.texts.allSatisfy { $0.series == door && $0.quality.isEmpty })
      let tag = try #require(pack.unresolved.first)
      #expect(tag.name == "tag" && tag.record == 3)
      #expect(tag.text == .string("") && tag.sample.quality == .late)
    }
  }

  @Test("says how far the time of a reading can be trusted")
  func quality() throws {
    try know("a")
    var reader = makeReader()
    func qualities(_ records: String, lane: Lane = .live) -> [SampleQuality] {
      read(records, &reader, lane: lane).samples.map(\.quality)
    }
    // Now is half past the second: its window is open, the one before has closed.
    let records = """
      [{"n":"a","v":1,"t":1800000000.2},{"n":"a","v":1,"t":1799999999.9},{"n":"a","v":1,"t":-0.1},
      {"n":"a","v":1,"t":-10}]
      """
    #expect(
      qualities(records) == [[], [.late], [.relativeTime], [.relativeTime, .late]])
    #expect(qualities(records, lane: .backfill).allSatisfy { $0.contains(.late) })
    reader.heard(
      ClockReport(wall: now - .seconds(500), monoSeconds: 1, synced: false), now: now)
    #expect(qualities(records)[0] == [])
    reader.heard(
      ClockReport(wall: now - .seconds(86_400), monoSeconds: 1, synced: false), now: now)
    #expect(
      qualities(records)
        == [[.clockOff], [.clockOff, .late], [.relativeTime], [.relativeTime, .late]])
  }

  @Test("takes a record's sum as a reading of its own, in the unit times seconds")
  func sums() throws {
    let power = try know("power", unit: "W")
    let energy = try know("power.sum", unit: "J")
    let other = try know("flow.sum", unit: "kg.s")
    var reader = makeReader()
    let pack = read(
      """
      [{"n":"power","u":"kW","v":2,"s":7,"t":1800000000},{"n":"flow","u":"kg","s":3,"t":1800000000}]
      """, &reader)
    #expect(pack.samples.map(\.series) == [power, energy, other])
    #expect(pack.samples.map(\.value) == [2000, 7000, 3])
  }

  @Test("forgets the numbers of names when its decoder does")
  func followsGenerations() throws {
    var reader = makeReader()
    var others = makeReader()
    let known = try know("a")
    #expect(read(#"[{"n":"a","v":1}]"#, &reader).samples.map(\.series) == [known])
    // More names than a decoder keeps, so that it begins anew.
    for start in stride(from: 0, to: 140_000, by: 10_000) {
      let records = (start..<start + 10_000).map { #"{"n":"x\#($0)","v":1}"# }
      _ = read("[\(records.joined(separator: ","))]", &others)
    }
    let b = try know("b")
    #expect(
      read(#"[{"n":"b","v":1},{"n":"a","v":2}]"#, &reader).samples.map(\.series) == [b, known])
  }
}
