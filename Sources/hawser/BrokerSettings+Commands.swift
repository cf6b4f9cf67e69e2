import BrokerCore
import Settings

/// The keys of commands: how long they wait, may run, and are waited for.
extension BrokerSettings {
  static let commandTTL = Setting(
    "commands.ttl", .duration(.seconds(1)...(.seconds(30 * 86_400))), default: .seconds(3_600),
    "How long a command waits to be started where its order does not say.")
  static let commandRunLimit = Setting(
    "commands.runLimit", .duration(.seconds(1)...(.seconds(86_400))), default: .seconds(600),
    "How long a command may run where its device's profile does not say.")
  static let commandAnswerGrace = Setting(
    "commands.answerGrace", .duration(.milliseconds(100)...(.seconds(3_600))),
    default: .seconds(30),
    """
    How long past its time, and its limit to run, a command's outcome is waited for; then it is \
    unknown until the device says more.
    """)

  /// How commands are kept and ended.
  static func commands(_ settings: Settings) -> CommandDesk.Policy {
    var policy = CommandDesk.Policy()
    policy.ttl = settings[commandTTL]
    policy.life.runLimit = settings[commandRunLimit]
    policy.life.answerGrace = settings[commandAnswerGrace]
    return policy
  }
}
