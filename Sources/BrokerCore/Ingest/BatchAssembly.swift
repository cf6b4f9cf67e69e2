import DeviceProtocol
import TelemetryModel

/// Turns packs into one batch, as a pure machine: sorts out what has been seen, what is refused, and
/// who is told what after the commit.
struct BatchAssembly {
  struct Ack {
    var origin: any PackOrigin
    var ranges: SequenceRanges
  }

  struct Refused {
    var device: DeviceID
    var origin: any PackOrigin
    var refusal: PackRefusal
  }

  private struct SpoolKey: Hashable {
    var device: DeviceID
    var epoch: String
  }

  var batch: IngestBatch
  private(set) var refusals: [Refused] = []
  private(set) var duplicatePacks = 0
  private(set) var packs = 0
  private var received: Timestamp
  private var ranges: [SpoolKey: SequenceRanges] = [:]
  private var ackIndex: [ObjectIdentifier: Int] = [:]
  private(set) var acks: [Ack] = []

  init(commit: CommitNumber, received: Timestamp) {
    batch = IngestBatch(commit: commit, received: received)
    self.received = received
  }

  /// Counts a pack, unless it was counted before; acks it either way.
  mutating func add(
    _ pack: IncomingPack, stored: SequenceRanges, catalog: SeriesCatalog,
    isDevice: (String) -> Bool, maxFuture: Duration
  ) {
    ack(SequenceRange(pack.seq), to: pack.origin)
    let key = SpoolKey(device: pack.device, epoch: pack.epoch)
    var known = ranges[key] ?? stored
    guard !known.contains(pack.seq) else {
      duplicatePacks += 1
      return
    }
    known.insert(pack.seq)
    ranges[key] = known
    packs += 1
    setAcked(key, known)
    var refusal = pack.malformed
    for (index, record) in pack.records.enumerated() {
      do {
        try add(record, of: pack, catalog: catalog, isDevice: isDevice, maxFuture: maxFuture)
      } catch {
        if refusal == nil {
          refusal = PackRefusal(
            seq: pack.seq, record: index, count: 0, code: error.code, text: error.text)
        }
        refusal?.count += 1
      }
    }
    if let refusal { refuse(pack, refusal) }
  }

  /// Keeps what a gap says of packs that are not stored, once; acks it either way, so that the device
  /// does not tell it again. A pack that was given up and comes after all does not count any more.
  mutating func add(_ incoming: IncomingGap, stored: SequenceRanges) {
    let gap = incoming.gap
    ack(gap.range, to: incoming.origin)
    let key = SpoolKey(device: gap.device, epoch: gap.epoch)
    var known = ranges[key] ?? stored
    let lost = known.missing(in: gap.range)
    guard !lost.isEmpty else { return }
    for range in lost.ranges {
      var part = gap
      part.range = range
      batch.gaps.append(part)
    }
    known.insert(gap.range)
    ranges[key] = known
    setAcked(key, known)
  }

  private struct RecordRefusal: Error {
    var code: PackRefusal.Code
    var text: String
  }

  private mutating func add(
    _ record: SenMLRecord, of pack: IncomingPack, catalog: SeriesCatalog,
    isDevice: (String) -> Bool, maxFuture: Duration
  ) throws(RecordRefusal) {
    let value: Double
    switch record.value {
    case .number(let number): value = number
    case .bool(let flag): value = flag ? 1 : 0
    case .string, .data:
      throw RecordRefusal(
        code: .unsupportedValue, text: "\(record.name): only numbers and booleans are stored")
    case nil:
      guard let sum = record.sum else { return }
      value = sum
    }
    guard record.time <= pack.received + maxFuture else {
      throw RecordRefusal(
        code: .farFuture, text: "\(record.name): time is too far ahead of the broker's clock")
    }
    let metric = try metric(record.name, of: pack.device, isDevice: isDevice)
    let series: SeriesID
    switch catalog.resolve(device: pack.device, metric: metric, unit: record.unit) {
    case .known(let id): series = id
    case .added(let new):
      batch.newSeries.append(new)
      series = new.id
    case .unitChanged(let was):
      throw RecordRefusal(
        code: .unitChanged,
        text: "\(metric) is in \(was ?? "no unit"), not in \(record.unit ?? "no unit")")
    }
    batch.samples.append(Sample(series: series, time: record.time, value: value))
  }

  private func metric(
    _ name: String, of device: DeviceID, isDevice: (String) -> Bool
  ) throws(RecordRefusal) -> MetricName {
    let resolved: ResolvedName
    do {
      resolved = try ResolvedName(name, sender: device) { isDevice(String($0)) }
    } catch {
      throw RecordRefusal(code: .badName, text: "\(error)")
    }
    switch resolved {
    case .own(let metric):
      return metric
    case .other(let other, _):
      throw RecordRefusal(
        code: .badName, text: "\(name) stands under another device, \(other)")
    }
  }

  private mutating func refuse(_ pack: IncomingPack, _ refusal: PackRefusal) {
    refusals.append(Refused(device: pack.device, origin: pack.origin, refusal: refusal))
    batch.gaps.append(
      StoredGap(
        device: pack.device, epoch: pack.epoch,
        range: SequenceRange(pack.seq),
        reason: "refused: \(refusal.code.rawValue) (\(refusal.count) records)", reported: received))
  }

  private mutating func setAcked(_ key: SpoolKey, _ known: SequenceRanges) {
    let packs = AckedPacks(device: key.device, epoch: key.epoch, ranges: known)
    if let index = ackedIndex[key] {
      batch.acked[index] = packs
    } else {
      ackedIndex[key] = batch.acked.count
      batch.acked.append(packs)
    }
  }

  private var ackedIndex: [SpoolKey: Int] = [:]

  private mutating func ack(_ range: SequenceRange, to origin: any PackOrigin) {
    let id = ObjectIdentifier(origin)
    if let index = ackIndex[id] {
      acks[index].ranges.insert(range)
    } else {
      ackIndex[id] = acks.count
      acks.append(Ack(origin: origin, ranges: SequenceRanges([range])))
    }
  }
}
