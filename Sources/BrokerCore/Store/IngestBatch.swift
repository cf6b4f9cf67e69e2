package import DeviceProtocol
package import TelemetryModel

/// Counts the durable transactions of a store: 1, 2, 3…, kept over restarts.
///
/// What was committed up to a number is what a reader at that number sees; live feeds go on from
/// there. It is the first half of every cursor.
package struct CommitNumber: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The number; 0 stands before the first commit.
  package var number: Int64

  /// Wraps a number.
  package init(_ number: Int64) {
    self.number = number
  }

  /// The next commit's number.
  package var next: CommitNumber {
    CommitNumber(number + 1)
  }

  /// Orders by time of commit.
  package static func < (left: CommitNumber, right: CommitNumber) -> Bool {
    left.number < right.number
  }

  /// The bare number.
  package var description: String {
    String(number)
  }
}

/// Everything that goes into one durable transaction.
package struct IngestBatch: Sendable {
  /// The number that this transaction is to have.
  package var commit: CommitNumber
  /// When its readings came, by the broker's clock: a batch gathers a fraction of a second.
  package var received: Timestamp
  /// Series seen for the first time.
  package var newSeries: [Series] = []
  /// Readings, in the order they arrived.
  package var samples: [Sample] = []
  /// Readings of text or bytes, in the order they arrived.
  package var texts: [TextSample] = []
  /// Packs that are in this batch, by device and epoch: what makes a pack count once.
  package var acked: [AckedPacks] = []
  /// Packs given up or refused.
  package var gaps: [StoredGap] = []
  /// Devices that are new or have changed.
  package var devices: [StoredDevice] = []
  /// Devices to be forgotten, before ``devices`` are written: their readings stay.
  package var forgotten: [DeviceID] = []
  /// Devices whose labels an operator has set, with all of those labels; written after ``devices``.
  package var operatorLabels: [DeviceID: [String: String]] = [:]

  /// An empty batch.
  package init(commit: CommitNumber, received: Timestamp) {
    self.commit = commit
    self.received = received
  }

  /// Whether there is nothing to write.
  package var isEmpty: Bool {
    newSeries.isEmpty && samples.isEmpty && texts.isEmpty && acked.isEmpty && gaps.isEmpty
      && devices.isEmpty && forgotten.isEmpty && operatorLabels.isEmpty
  }
}

/// Packs of one device's epoch.
package struct AckedPacks: Hashable, Sendable {
  /// Whose packs.
  package var device: DeviceID
  /// The spool they are numbered in.
  package var epoch: String
  /// All packs of the epoch that are stored once this batch is: the new ones merged into the old.
  package var ranges: SequenceRanges

  /// Names all parts.
  package init(device: DeviceID, epoch: String, ranges: SequenceRanges) {
    self.device = device
    self.epoch = epoch
    self.ranges = ranges
  }
}
