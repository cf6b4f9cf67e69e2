package import DeviceProtocol
package import TelemetryModel

/// Where telemetry is kept: the port that an embedded or a remote store plugs into.
///
/// One writer calls ``commit(_:)`` and ``open()``, one call at a time; any number of readers call
/// the rest at any moment and never hold the writer up. All methods throw ``StoreError``, or
/// `CancellationError` where their task was cancelled before they had an answer.
package protocol SampleStore: Sendable {
  /// Opens the store, migrating it if it is older, and returns what the broker keeps in memory.
  func open() async throws -> StoreContents

  /// Writes one batch in one transaction. When it returns, the batch survives a power cut; when it
  /// throws, nothing of it was written.
  func commit(_ batch: IngestBatch) async throws

  /// The packs of a device's epoch that are stored: the ones that must not count again.
  func ackedRanges(device: DeviceID, epoch: String) async throws -> SequenceRanges

  /// Reads rows of the given series, oldest first within a series, all as of one commit.
  func history(_ request: HistoryRequest) async throws -> HistoryPage

  /// The state of every window that begins in a span, as of one commit; what a live feed starts
  /// from. Sketches are made only where percentiles will be asked for.
  func windows(
    of series: [SeriesID], resolution: Resolution, from: Timestamp, to: Timestamp, withSketch: Bool
  ) async throws -> WindowStates

  /// Packs that devices gave up, in a span of time by when the broker was told.
  func gaps(devices: [DeviceID], from: Timestamp, to: Timestamp) async throws -> [StoredGap]

  /// Bytes on disk, everything included.
  func sizeBytes() async throws -> Int64

  /// What the store takes up, and what it gave up to stay within its limits.
  func usage() async throws -> StoreUsage

  /// Flushes and closes; later calls throw.
  func close() async throws
}

extension SampleStore {
  /// The size, for stores that know no more.
  package func usage() async throws -> StoreUsage {
    StoreUsage(bytes: try await sizeBytes())
  }
}

/// What went wrong in a store, in the terms its callers act on.
package enum StoreError: Error, CustomStringConvertible, Sendable {
  /// The disk is full, read-only or failing; the same call may succeed later.
  case unavailable(String)
  /// The file is not a store of ours, is corrupt, or is newer than this program.
  case unusable(String)

  /// One sentence for a log or an operator.
  package var description: String {
    switch self {
    case .unavailable(let text): "the store is unavailable: \(text)"
    case .unusable(let text): "the store cannot be used: \(text)"
    }
  }
}

/// What a store holds that the broker keeps in memory.
package struct StoreContents: Sendable {
  /// The newest commit in the store; 0 in an empty one.
  package var lastCommit: CommitNumber
  /// Every series.
  package var series: [Series]
  /// Every device ever seen.
  package var devices: [StoredDevice]
  /// When the newest readings came that are not folded yet; nil where there are none.
  package var lastReceived: Timestamp?
  /// The broker's runs on this store, of which the last begins with this opening.
  package var runs: StoreRuns

  /// Names all parts.
  package init(
    lastCommit: CommitNumber, series: [Series], devices: [StoredDevice],
    lastReceived: Timestamp? = nil, runs: StoreRuns = StoreRuns()
  ) {
    self.runs = runs
    self.lastCommit = lastCommit
    self.series = series
    self.devices = devices
    self.lastReceived = lastReceived
  }
}

/// A device as the store remembers it between runs.
package struct StoredDevice: Hashable, Sendable {
  /// Which device.
  package var id: DeviceID
  /// Its labels, from its last `hello`.
  package var labels: [String: String]
  /// The agent's name and version, from its last `hello`.
  package var agent: Software?
  /// When its last link began or ended.
  package var lastSeen: Timestamp
  /// When and why its last link ended; nil where it has one, or had one when the broker ended without
  /// being able to say so.
  package var departure: Departure?
  /// The labels that operators have set; read by `open`, written by `IngestBatch.operatorLabels`
  /// alone.
  package var operatorLabels: [String: String]

  /// The end of a device's last link.
  package struct Departure: Hashable, Sendable {
    /// When.
    package var at: Timestamp
    /// Why.
    package var cause: LinkEndCause

    /// Names both.
    package init(at: Timestamp, cause: LinkEndCause) {
      self.at = at
      self.cause = cause
    }
  }

  /// Names all parts.
  package init(
    id: DeviceID, labels: [String: String], agent: Software?, lastSeen: Timestamp,
    operatorLabels: [String: String] = [:], departure: Departure? = nil
  ) {
    self.departure = departure
    self.operatorLabels = operatorLabels
    self.id = id
    self.labels = labels
    self.agent = agent
    self.lastSeen = lastSeen
  }
}

/// Packs a device gave up or the broker refused: lost, and said so.
package struct StoredGap: Hashable, Sendable {
  /// Whose packs.
  package var device: DeviceID
  /// The spool they were numbered in.
  package var epoch: String
  /// The packs.
  package var range: SequenceRange
  /// Why, as the device or the broker said.
  package var reason: String
  /// When the broker was told.
  package var reported: Timestamp

  /// Names all parts.
  package init(
    device: DeviceID, epoch: String, range: SequenceRange, reason: String, reported: Timestamp
  ) {
    self.device = device
    self.epoch = epoch
    self.range = range
    self.reason = reason
    self.reported = reported
  }
}
