import DeviceProtocol
import TelemetryModel

/// Turns packs into one batch, as a pure machine: sorts out what has been seen, what is refused, and
/// who is told what after the commit.
///
/// The caller opens a spool with what the store has of it before packs of it are added.
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

  private struct Spool {
    var key: SpoolKey
    /// All packs of the spool that are stored once this batch is.
    var ranges: SequenceRanges
    /// Whether this batch stores any of them.
    var isChanged = false
  }

  private(set) var batch: IngestBatch
  private(set) var refusals: [Refused] = []
  private(set) var duplicatePacks = 0
  private(set) var packs = 0
  private(set) var acks: [Ack] = []
  private var spools: [Spool] = []
  private var spoolIndex: [SpoolKey: Int] = [:]
  private var ackIndex: [ObjectIdentifier: Int] = [:]

  init(
    commit: CommitNumber, received: Timestamp, devices: [StoredDevice], changes: [DeviceChange]
  ) {
    batch = IngestBatch(commit: commit, received: received)
    batch.devices = devices
    batch.take(changes)
  }

  /// The number of a spool that is open already.
  func spool(_ key: SpoolKey) -> Int? { spoolIndex[key] }

  /// Opens a spool with the packs of it that are stored; returns its number.
  mutating func open(_ key: SpoolKey, stored: SequenceRanges) -> Int {
    spoolIndex[key] = spools.count
    spools.append(Spool(key: key, ranges: stored))
    return spools.count - 1
  }

  /// Counts a pack, unless it was counted before; acks it either way.
  mutating func add(
    _ pack: IncomingPack, spool: Int, catalog: SeriesCatalog, isDevice: (String) -> Bool
  ) {
    ack(pack.seq, to: pack.origin)
    guard spools[spool].ranges.insert(pack.seq) else {
      duplicatePacks += 1
      return
    }
    spools[spool].isChanged = true
    packs += 1
    batch.samples.append(contentsOf: pack.samples)
    batch.texts.append(contentsOf: pack.texts)
    var refusal = pack.refusal
    for reading in pack.unresolved {
      do {
        var sample = reading.sample
        sample.series = try series(of: reading, pack.device, catalog: catalog, isDevice: isDevice)
        if let text = reading.text {
          batch.texts.append(TextSample(sample, text))
        } else {
          batch.samples.append(sample)
        }
      } catch {
        refusal.count(record: reading.record, of: pack.seq, error.code, error.text)
      }
    }
    if let refusal { refuse(pack, refusal) }
  }

  /// Keeps what a gap says of packs that are not stored, once; acks it either way, so that the device
  /// does not tell it again. A pack that was given up and comes after all does not count any more.
  mutating func add(_ incoming: IncomingGap, spool: Int) {
    let gap = incoming.gap
    ack(gap.range, to: incoming.origin)
    let lost = spools[spool].ranges.missing(in: gap.range)
    guard !lost.isEmpty else { return }
    for range in lost.ranges {
      var part = gap
      part.range = range
      batch.gaps.append(part)
    }
    spools[spool].ranges.insert(gap.range)
    spools[spool].isChanged = true
  }

  /// The whole batch, with what is stored of each spool that it changes.
  consuming func finished() -> BatchAssembly {
    batch.acked = spools.filter(\.isChanged).map {
      AckedPacks(device: $0.key.device, epoch: $0.key.epoch, ranges: $0.ranges)
    }
    return self
  }

  private struct ReadingRefusal: Error {
    var code: PackRefusal.Code
    var text: String
  }

  private mutating func series(
    of reading: UnresolvedReading, _ device: DeviceID, catalog: SeriesCatalog,
    isDevice: (String) -> Bool
  ) throws(ReadingRefusal) -> SeriesID {
    let metric = try metric(reading.name, of: device, isDevice: isDevice)
    switch catalog.resolve(
      device: device, metric: metric, unit: reading.unit, kind: reading.kind)
    {
    case .known(let id): return id
    case .added(let new):
      batch.newSeries.append(new)
      return new.id
    case .unitChanged(let was):
      throw ReadingRefusal(
        code: .unitChanged,
        text: "\(metric) is in \(was ?? "no unit"), not in \(reading.unit ?? "no unit")")
    }
  }

  private func metric(
    _ name: String, of device: DeviceID, isDevice: (String) -> Bool
  ) throws(ReadingRefusal) -> MetricName {
    let resolved: ResolvedName
    do {
      resolved = try ResolvedName(name, sender: device) { isDevice(String($0)) }
    } catch {
      throw ReadingRefusal(code: .badName, text: "\(error)")
    }
    switch resolved {
    case .own(let metric):
      return metric
    case .other(let other, _):
      throw ReadingRefusal(
        code: .badName, text: "\(name) stands under another device, \(other)")
    }
  }

  private mutating func refuse(_ pack: IncomingPack, _ refusal: PackRefusal) {
    refusals.append(Refused(device: pack.device, origin: pack.origin, refusal: refusal))
    batch.gaps.append(
      StoredGap(
        device: pack.device, epoch: pack.epoch,
        range: SequenceRange(pack.seq),
        reason: "refused: \(refusal.code.rawValue) (\(refusal.count) records)",
        reported: batch.received))
  }

  private mutating func ack(_ seq: UInt64, to origin: any PackOrigin) {
    acks[ackIndex(of: origin)].ranges.insert(seq)
  }

  private mutating func ack(_ range: SequenceRange, to origin: any PackOrigin) {
    acks[ackIndex(of: origin)].ranges.insert(range)
  }

  private mutating func ackIndex(of origin: any PackOrigin) -> Int {
    let id = ObjectIdentifier(origin)
    if let index = ackIndex[id] { return index }
    ackIndex[id] = acks.count
    acks.append(Ack(origin: origin, ranges: SequenceRanges()))
    return acks.count - 1
  }
}

/// A device's spool: the sequence that packs are numbered in.
struct SpoolKey: Hashable, Sendable {
  var device: DeviceID
  var epoch: String
}
