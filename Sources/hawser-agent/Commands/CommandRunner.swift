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
  private let configuration: AgentConfiguration
  private let loop: any EventLoop
  private unowned let host: any CommandHost
  private let programs: ProgramDeed
  private let lines = OutputLines()
  /// Reboots that were begun: their end is the machine's.
  private var reboots: Set<String> = []
  private var diagnoses: [String: Task<Void, Never>] = [:]

  init(_ configuration: AgentConfiguration, host: any CommandHost, on loop: any EventLoop) {
    self.configuration = configuration
    self.host = host
    self.loop = loop
    programs = ProgramDeed(atOnce: configuration.profile.atOnce, on: loop)
  }

  /// Begins the work of a command.
  func run(_ job: CommandJob) {
    switch configuration.profile.deed(job.name) {
    case .readNow:
      let count = host.readNow()
      end(job.id, CommandResult(.succeeded, output: "\(count) readings"))
    case .setInterval: setInterval(job)
    case .restartAgent:
      // The answer that it runs goes first.
      let host = host
      later { host.restart() }
    case .reboot(let template): reboot(job, template)
    case .run(let template):
      programs.run(
        job, template, progressed: { [host] in host.printed($0, by: job.id) },
        ended: { [host] in host.ended(job.id, $0) })
    case .diagnose: diagnose(job)
    case .setOutput: setOutput(job)
    case nil: end(job.id, CommandResult(.failed, reason: "there is no such command"))
    }
  }

  /// Stops the work of a command, if it can be stopped.
  func stop(_ command: String) {
    if programs.stop(command) { return }
    if reboots.remove(command) != nil {
      end(command, CommandResult(.failed, reason: "the machine goes on"))
    }
    if let task = diagnoses.removeValue(forKey: command) {
      task.cancel()
      end(command, CommandResult(.cancelled))
    }
  }

  private func setInterval(_ job: CommandJob) {
    let seconds = job.params["seconds"]?.number
    do throws(SpoolFailure) {
      let interval = try host.setInterval(seconds.map { .fromSeconds($0) })
      end(job.id, CommandResult(.succeeded, output: "every \(interval.inSeconds) s"))
    } catch {
      end(job.id, CommandResult(.failed, reason: "it would not survive a restart: \(error)"))
    }
  }

  /// Where the program says that the machine will go down, the command's end is that it does.
  private func reboot(_ job: CommandJob, _ template: ProgramTemplate) {
    programs.run(
      job, template, progressed: { [host] in host.printed($0, by: job.id) },
      ended: { [self] result in
        guard result.outcome == .succeeded else { return host.ended(job.id, result) }
        reboots.insert(job.id)
      })
  }

  private func setOutput(_ job: CommandJob) {
    guard let line = job.params["line"]?.string, let value = job.params["value"]?.bool else {
      return end(job.id, CommandResult(.rejected, reason: "expected a line and a value"))
    }
    do throws(OutputLines.Failure) {
      try lines.set(line, to: value)
      end(job.id, CommandResult(.succeeded, output: "\(line) is \(value ? "on" : "off")"))
    } catch {
      end(job.id, CommandResult(.failed, reason: error.description))
    }
  }

  private func diagnose(_ job: CommandJob) {
    let runner = NIOLoopBound(self, eventLoop: loop)
    let (configuration, loop) = (configuration, loop)
    diagnoses[job.id] = Task {
      let steps = PathDiagnosis.Step.allCases.count
      var tail = OutputTail()
      var count = 0
      var diagnosis = PathDiagnosis(configuration, idle: nil) { finding in
        let line = Array("\(finding.summary)\n".utf8)
        tail.append(line)
        count += 1
        let percent = Double(min(100 * count / steps, 100))
        loop.execute {
          runner.value.host.progressed(
            job.id, percent: percent, text: finding.step.rawValue, output: line[...])
        }
      }
      await diagnosis.run()
      for fault in diagnosis.faults {
        tail.append(Array("\(fault.code): \(fault.text) What to do: \(fault.remedy)\n".utf8))
      }
      // A fault that was found is a success of the search for it.
      let result = CommandResult(
        .succeeded, exitCode: Int(diagnosis.faults.first { $0.exitCode != 0 }?.exitCode ?? 0),
        printed: tail)
      loop.execute {
        guard runner.value.diagnoses.removeValue(forKey: job.id) != nil else { return }
        runner.value.host.ended(job.id, result)
      }
    }
  }

  private func end(_ command: String, _ result: CommandResult) {
    let host = host
    later { host.ended(command, result) }
  }

  private func later(_ body: @escaping () -> Void) {
    loop.assumeIsolated().execute(body)
  }
}

extension CommandHost {
  /// A command printed something.
  fileprivate func printed(_ output: ArraySlice<UInt8>, by command: String) {
    progressed(command, percent: nil, text: nil, output: output)
  }
}
