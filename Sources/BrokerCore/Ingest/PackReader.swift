package import DeviceProtocol
package import TelemetryModel

/// Decodes the packs of one link, as a pure machine: a pack goes in as it stands in its message,
/// readings of known series come out.
///
/// A device says the same names in the same order every second. So the series of a reading is
/// nearly always the one that followed the last time: no string is made, nothing is hashed, no lock
/// is taken. What is new to the link is looked up; what is new to the broker is left to the
/// pipeline, which alone makes series.
package struct PackReader: Sendable {
  /// Where a pack comes from, and what its message says of it.
  package struct Source: Sendable {
    /// The spool that its number belongs to.
    package var epoch: String
    /// Its number in the epoch.
    package var seq: UInt64
    /// As it was measured, or later from the spool.
    package var lane: Lane
    /// When it arrived, by the broker's clock.
    package var received: Timestamp
    /// The link that gets the ack.
    package var origin: any PackOrigin

    /// Names all parts.
    package init(
      epoch: String, seq: UInt64, lane: Lane, received: Timestamp, origin: any PackOrigin
    ) {
      self.epoch = epoch
      self.seq = seq
      self.lane = lane
      self.received = received
      self.origin = origin
    }
  }

  private let device: DeviceID
  private let catalog: SeriesCatalog
  private let registry: DeviceRegistry
  private let maxFuture: Duration
  private var memory = SeriesMemory()
  private var isClockOff = false

  /// For a link of a device; readings may lie `maxFuture` ahead of the broker's clock.
  package init(
    device: DeviceID, catalog: SeriesCatalog, registry: DeviceRegistry, maxFuture: Duration
  ) {
    self.device = device
    self.catalog = catalog
    self.registry = registry
    self.maxFuture = maxFuture
  }

  /// Takes what the device says of its clocks, at the moment it says so: readings of a clock that is
  /// off by more than readings may lie in the future are marked.
  package mutating func heard(_ clock: ClockReport?, now: Timestamp) {
    guard let wall = clock?.wall else { return }
    isClockOff = wall > now + maxFuture || wall < now - maxFuture
  }

  /// Decodes one pack, which is all of `bytes`. A pack that is not SenML has no readings and says
  /// why in its refusal; readings that lie too far in the future are left out and counted there.
  package mutating func read(
    _ bytes: Span<UInt8>, from source: Source, with decoder: PackDecoder
  ) -> IncomingPack {
    var pack = IncomingPack(
      device: device, epoch: source.epoch, seq: source.seq, samples: [], unresolved: [],
      received: source.received, origin: source.origin)
    do throws(SenMLError) {
      try decoder.senML.decode(bytes, now: source.received)
    } catch {
      pack.refusal = PackRefusal(
        seq: source.seq, record: error.record, count: 1, code: .malformed, text: "\(error)")
      return pack
    }
    memory.follow(decoder.senML.generation)
    take(decoder.senML, bytes, source, into: &pack)
    return pack
  }

  private mutating func take(
    _ decoder: borrowing SenMLPackDecoder, _ bytes: Span<UInt8>, _ source: Source,
    into pack: inout IncomingPack
  ) {
    let latest = source.received + maxFuture
    // Windows of a second that begin before this have closed.
    let closed = WindowTable.frontier(.s1, at: source.received)
    let rows = decoder.rows.span
    pack.samples.reserveCapacity(rows.count)
    for index in rows.indices {
      let row = rows[index]
      guard row.time <= latest else {
        pack.refusal.count(
          record: Int(row.record), of: source.seq, .farFuture,
          "\(decoder.name(row.nameID)): time is too far ahead of the broker's clock")
        continue
      }
      var quality: SampleQuality = source.lane == .backfill || row.time < closed ? .late : []
      if row.hasRelativeTime {
        quality.insert(.relativeTime)
      } else if isClockOff {
        quality.insert(.clockOff)
      }
      switch row.kind {
      case .number, .bool:
        let sample = Sample(
          series: .none, time: row.time, value: row.number, quality: quality)
        place(sample, row, isSum: false, decoder, into: &pack)
      case .string, .data:
        let sample = Sample(series: .none, time: row.time, value: 0, quality: quality)
        placeText(sample, PackReader.text(decoder.value(of: row, in: bytes)), row, decoder, &pack)
      case .none: break
      }
      if let sum = row.sum {
        let sample = Sample(series: .none, time: row.time, value: sum, quality: quality)
        place(sample, row, isSum: true, decoder, into: &pack)
      }
    }
  }

  /// Finds a reading's series and puts it into the pack.
  @inline(__always)
  private mutating func place(
    _ reading: Sample, _ row: SenMLRow, isSum: Bool, _ decoder: borrowing SenMLPackDecoder,
    into pack: inout IncomingPack
  ) {
    var sample = reading
    let key = SeriesMemory.Key(name: row.nameID, unit: row.unitID, isSum: isSum)
    if let series = memory.find(key) {
      sample.series = series
      pack.samples.append(sample)
    } else {
      lookUp(sample, nil, row, key, decoder, into: &pack)
    }
  }

  private static func text(_ value: SenMLValue?) -> TextSample.Value? {
    switch value {
    case .string(let string): .string(string)
    case .data(let data): .data(data)
    case .number, .bool, nil: nil
    }
  }

  /// The same for a reading whose value is `text`.
  @inline(never)
  private mutating func placeText(
    _ reading: Sample, _ text: TextSample.Value?, _ row: SenMLRow,
    _ decoder: borrowing SenMLPackDecoder, _ pack: inout IncomingPack
  ) {
    guard let text else { return }
    let key = SeriesMemory.Key(name: row.nameID, unit: row.unitID, isSum: false)
    guard let series = memory.find(key) else {
      return lookUp(reading, text, row, key, decoder, into: &pack)
    }
    var sample = reading
    sample.series = series
    pack.texts.append(TextSample(sample, text))
  }

  @inline(never)
  private mutating func lookUp(
    _ reading: Sample, _ text: TextSample.Value?, _ row: SenMLRow, _ key: SeriesMemory.Key,
    _ decoder: borrowing SenMLPackDecoder, into pack: inout IncomingPack
  ) {
    var name = decoder.name(row.nameID)
    var unit = decoder.unit(row.unitID)
    if key.isSum {
      name += PackReader.sumSuffix
      unit = SenMLUnits.timesSeconds(unit)
    }
    // Once something of the pack waits for the pipeline, so does the rest: it may be of the same
    // series, which the pipeline may be making at this very moment.
    if pack.unresolved.isEmpty,
      let resolved = try? ResolvedName(
        name, sender: device, isDevice: { registry.isKnown(String($0)) }),
      case .own(let metric) = resolved,
      case .known(let series) = catalog.find(device: device, metric: metric, unit: unit)
    {
      memory.learn(key, series)
      var sample = reading
      sample.series = series
      if let text {
        pack.texts.append(TextSample(sample, text))
      } else {
        pack.samples.append(sample)
      }
      return
    }
    var unresolved = UnresolvedReading(
      record: Int(row.record), name: name, unit: unit, sample: reading, text: text)
    unresolved.isBoolean = row.kind == .bool && !key.isSum
    pack.unresolved.append(unresolved)
  }

  /// What the metric of a record's sum (`s`, the integral of its value over time) is called, behind
  /// the record's own name.
  package static let sumSuffix = ".sum"
}

/// A SenML decoder for the links of one event loop, or for whoever else reads one pack at a time:
/// its tables of names and units are shared by all devices. Not safe to use from two threads.
package final class PackDecoder {
  var senML: SenMLPackDecoder

  /// A decoder whose packs may have so many records.
  package init(maxRecords: Int = 10_000) {
    senML = SenMLPackDecoder(maxRecords: maxRecords)
  }
}
