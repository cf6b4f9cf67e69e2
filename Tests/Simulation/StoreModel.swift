import DeviceProtocol

/// The broker's durable state, as the real store keeps it: which packs of an epoch are stored or
/// given up, in the same transaction as their readings.
struct StoreModel {
  struct Epoch {
    /// Packs that need not come again: stored or given up.
    var settled = SequenceRanges()
    var givenUp = SequenceRanges()
    /// Which reading each stored pack held.
    var readings: [UInt64: Int] = [:]
  }

  /// What waits for a commit.
  enum Write {
    case pack(sequence: UInt64, reading: Int)
    case gap(SequenceRange)
  }

  private(set) var epochs: [String: Epoch] = [:]
  /// How often each reading was stored.
  private(set) var timesStored: [Int] = []

  subscript(epoch: String) -> Epoch { epochs[epoch] ?? Epoch() }

  /// One write of a transaction. Returns what is wrong with it, in words, or nil.
  mutating func apply(_ write: Write, of epoch: String) -> String? {
    switch write {
    case .pack(let sequence, let reading):
      if epochs[epoch, default: Epoch()].settled.contains(sequence) {
        guard let known = epochs[epoch]?.readings[sequence], known != reading else { return nil }
        return "pack \(sequence) of \(epoch) came with reading \(reading), before with \(known)"
      }
      epochs[epoch, default: Epoch()].settled.insert(sequence)
      epochs[epoch]?.readings[sequence] = reading
      while timesStored.count <= reading { timesStored.append(0) }
      timesStored[reading] += 1
      return timesStored[reading] == 1 ? nil : "reading \(reading) was stored twice"
    case .gap(let range):
      let lost = epochs[epoch, default: Epoch()].settled.missing(in: range)
      epochs[epoch, default: Epoch()].givenUp.merge(lost)
      epochs[epoch]?.settled.insert(range)
      return nil
    }
  }

  func isStored(_ reading: Int) -> Bool { reading < timesStored.count && timesStored[reading] > 0 }
}
