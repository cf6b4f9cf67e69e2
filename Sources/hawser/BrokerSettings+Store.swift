import BrokerCore
import Settings
import TelemetryStore

/// The keys of the store: how long things are kept, and how large it may become.
extension BrokerSettings {
  private static func kept(
    _ name: String, _ resolution: String, days: Int64, atLeast shortest: Duration
  ) -> Setting<Duration> {
    Setting(
      "store.retention.\(name)", .duration(shortest...(.seconds(36_500 * 86_400))),
      default: .seconds(days * 86_400), "How long \(resolution) are kept.")
  }

  static let maxStoreBytes = Setting<Int?>(
    "store.maxBytes", .optional(.size((16 << 20)...(1 << 50))), default: nil,
    """
    The largest the store may become on disk; null for as large as the disk. Before it grows past \
    this the oldest readings are given up, then the shortest windows, which the log and /metrics say.
    """)
  static let foldReadings = Setting(
    "store.foldReadings", .int(1_000...100_000_000), default: 2_000_000, unit: "readings",
    """
    Readings wait in the journal for ten minutes before they are compressed, or until this many wait; \
    each takes 24 bytes of memory and about 11 on disk.
    """)
  static let keepRaw = kept(
    "raw", "readings themselves, and so windows of a second,", days: 1, atLeast: .seconds(3_600))
  static let keep10s = kept("10s", "windows of ten seconds", days: 7, atLeast: .seconds(3_600))
  static let keep1m = kept("1m", "windows of a minute", days: 30, atLeast: .seconds(3_600))
  static let keep10m = kept("10m", "windows of ten minutes", days: 180, atLeast: .seconds(86_400))
  static let keep1h = kept("1h", "windows of an hour", days: 730, atLeast: .seconds(86_400))

  /// How the store keeps it.
  static func store(_ settings: Settings) -> SQLiteStore.Configuration {
    var configuration = SQLiteStore.Configuration()
    configuration.limits = storeLimits(settings)
    configuration.foldReadings = settings[foldReadings]
    return configuration
  }

  /// What the store keeps.
  static func storeLimits(_ settings: Settings) -> StoreLimits {
    var limits = StoreLimits()
    limits.raw = settings[keepRaw]
    limits.s10 = settings[keep10s]
    limits.m1 = settings[keep1m]
    limits.m10 = settings[keep10m]
    limits.h1 = settings[keep1h]
    limits.maxBytes = settings[maxStoreBytes].map(Int64.init)
    return limits
  }
}
