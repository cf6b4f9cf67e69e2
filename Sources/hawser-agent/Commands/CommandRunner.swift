import AgentCore
import DeviceProtocol
import NIOCore
import TelemetryModel

/// What commands do to the agent itself.
protocol CommandHost: AnyObject {
  /// Reads all sensors and stores the readings; returns how many there were.
  func readNow() -> Int
  /// Reads sensors at this distance from now on; nil as configured. Returns the distance in force.
  func setInterval(_ interval: Duration?) throws(SpoolFailure) -> Duration
  /// Ends in order and starts the program anew.
  func restart()
  /// The work of a command has news.
  func progressed(_ command: String, percent: Double?, text: String?, output: ArraySlice<UInt8>)
  /// The work of a command is over.
  func ended(_ command: String, _ result: CommandResult)
}

/// Does the work of commands that the desk has begun. Bound to the shell's event loop; whatever takes
/// long happens elsewhere, and ends are told in a later turn of the loop.
final class CommandRunner {
  private let profile: AgentProfile
  private let loop: any EventLoop
  private unowned let host: any CommandHost

  init(_ profile: AgentProfile, host: any CommandHost, on loop: any EventLoop) {
    self.profile = profile
    self.host = host
    self.loop = loop
  }

  /// Begins the work of a command.
  func run(_ job: CommandJob) {
    switch profile.deed(job.name) {
    case .readNow:
      let count = host.readNow()
      end(job, CommandResult(.succeeded, output: "\(count) readings"))
    case .setInterval: setInterval(job)
    case .restartAgent:
      // The answer that it runs goes first.
      let host = host
      loop.assumeIsolated().execute { host.restart() }
    case nil: end(job, CommandResult(.failed, reason: "there is no such command"))
    }
  }

  /// Stops the work of a command, if it can be stopped.
  func stop(_ command: String) {}

  private func setInterval(_ job: CommandJob) {
    let seconds = job.params["seconds"]?.number
    do throws(SpoolFailure) {
      let interval = try host.setInterval(seconds.map { .fromSeconds($0) })
      end(job, CommandResult(.succeeded, output: "every \(interval.inSeconds) s"))
    } catch {
      end(job, CommandResult(.failed, reason: "it would not survive a restart: \(error)"))
    }
  }

  private func end(_ job: CommandJob, _ result: CommandResult) {
    let host = host
    loop.assumeIsolated().execute { host.ended(job.id, result) }
  }
}
