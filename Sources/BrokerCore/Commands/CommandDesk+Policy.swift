import DeviceProtocol
import TelemetryModel

extension CommandDesk {
  /// Constants.
  package struct Policy: Sendable {
    /// Constants of commands.
    package var life = CommandLife.Policy()
    /// How long an order waits to be started where nobody says.
    package var ttl: Duration = .seconds(3_600)
    /// The longest that somebody may say.
    package var longestTTL: Duration = .seconds(30 * 86_400)
    /// The most commands that may wait for one device.
    package var maxWaiting = 1_000
    /// How long to wait until a store that failed is tried again.
    package var retryAfter: Duration = .seconds(1)
    /// Refused reports of one device are audited at most this often.
    package var refusalInterval: Duration = .seconds(10)

    /// The defaults above.
    package init() {}
  }
}

extension CommandDesk.Policy {
  /// How long a command may run.
  func runLimit(of declaration: CommandDeclaration) -> Duration {
    guard let seconds = declaration.timeoutSeconds, seconds > 0 else { return life.runLimit }
    return min(.fromSeconds(seconds), life.longestRun)
  }
}
