import AgentCore
import TelemetryModel

/// The distance between readings: as configured, or as a command set it, which survives a restart.
struct SampleInterval {
  private let configured: Duration
  private let file: StateFile?
  private var commanded: Duration?

  /// - Parameters:
  ///   - configured: the distance where no command has set one.
  ///   - path: the file in which a set one is kept; nil where nothing is kept.
  init(configured: Duration, path: String?) {
    self.configured = configured
    file = path.map(StateFile.init)
    guard let text = file?.read(), let seconds = Double(String(decoding: text, as: UTF8.self)),
      (0.05...86_400).contains(seconds)
    else { return }
    commanded = .fromSeconds(seconds)
  }

  /// The distance in force.
  var current: Duration { commanded ?? configured }

  /// Sets the distance, nil as configured, durably before it returns.
  mutating func set(_ interval: Duration?) throws(SpoolFailure) {
    try file?.replace(with: interval.map { Array("\($0.inSeconds)".utf8) } ?? [])
    commanded = interval
  }
}
