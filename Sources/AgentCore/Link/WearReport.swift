/// Counts what the state costs the disk, and says so every hour.
struct WearReport: Sendable {
  private static let every = Duration.seconds(3600)
  private(set) var due: Duration?
  private var last = SpoolWear()
  private var since = Duration.zero
  /// What was written beside the spool.
  private var beside = SpoolWear()

  mutating func start(_ wear: SpoolWear, at now: Duration) {
    last = wear
    since = now
    beside = SpoolWear()
    due = now + Self.every
  }

  /// A file of so many bytes was replaced.
  mutating func wrote(_ bytes: Int) {
    beside.bytes += bytes
    beside.syncs += 1
  }

  mutating func take(_ wear: SpoolWear, at now: Duration) -> LinkReport? {
    guard let due, now >= due else { return nil }
    var written = wear - last
    written.bytes += beside.bytes
    written.syncs += beside.syncs
    let report = LinkReport.stateWritten(written, during: now - since)
    start(wear, at: now)
    return report
  }
}
