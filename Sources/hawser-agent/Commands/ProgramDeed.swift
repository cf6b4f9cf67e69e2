import AgentCore
import DeviceProtocol
import Glibc
import NIOCore
import NIOPosix
import TelemetryModel

/// Runs programs for commands, each on a thread of its own, since they are waited for.
final class ProgramDeed {
  private let loop: any EventLoop
  private let threads: NIOThreadPool
  private var runs: [String: ProgramRun] = [:]

  init(atOnce: Int, on loop: any EventLoop) {
    self.loop = loop
    // One for each command that may run, one for a program that does not end when told to.
    threads = NIOThreadPool(numberOfThreads: atOnce + 1)
  }

  /// Runs a program.
  /// - Parameters:
  ///   - job: the command.
  ///   - template: the program as the profile allows it.
  ///   - progressed: takes what it prints, on the loop.
  ///   - ended: takes the result, on the loop.
  func run(
    _ job: CommandJob, _ template: ProgramTemplate,
    progressed: @escaping (ArraySlice<UInt8>) -> Void, ended: @escaping (CommandResult) -> Void
  ) {
    let program: Program
    do throws(CommandFault) {
      let arguments = try template.arguments(job.params)
      do throws(Program.Refusal) {
        program = try Program(template, arguments, command: job.id)
      } catch {
        return later { ended(CommandResult(.failed, reason: error.description)) }
      }
    } catch {
      return later { ended(CommandResult(.rejected, reason: error.description)) }
    }
    let run = ProgramRun(program)
    runs[job.id] = run
    let loop = loop
    let hear = NIOLoopBound(progressed, eventLoop: loop)
    let over = NIOLoopBound(
      { [self] (result: CommandResult) in
        runs[job.id] = nil
        ended(result)
      }, eventLoop: loop)
    threads.start()
    threads.submit { _ in
      var tail = OutputTail()
      let result: CommandResult
      do throws(Program.Refusal) {
        let end = try run.run { piece in
          tail.append(piece)
          let piece = Array(piece)
          loop.execute { hear.value(piece[...]) }
        }
        result = Self.result(end, program.limits, tail)
      } catch {
        result = CommandResult(.failed, reason: error.description)
      }
      loop.execute { over.value(result) }
    }
  }

  /// Stops the program of a command; says whether there is one.
  func stop(_ command: String) -> Bool {
    runs[command]?.stop()
    return runs[command] != nil
  }

  private func later(_ body: @escaping () -> Void) {
    loop.assumeIsolated().execute(body)
  }

  /// What a program's end means.
  static func result(
    _ end: ProgramEnd, _ limits: ProgramTemplate.Limits, _ printed: OutputTail
  ) -> CommandResult {
    var result = CommandResult(.failed, exitCode: end.exitCode, printed: printed)
    switch end.signal {
    case _ where end.isFlooded:
      result.reason = "stopped, because it printed more than \(limits.outputBytes) bytes"
    case _ where end.wasStopped: result.outcome = .cancelled
    case SIGXCPU?:
      result.reason = "stopped, because it used more than \(limits.processorSeconds) s of processor"
    case SIGXFSZ?:
      result.reason = "stopped, because it wrote a file of more than \(limits.fileBytes) bytes"
    case let signal?:
      result.reason = "ended by signal \(signal) (\(String(cString: strsignal(signal))))"
    case nil where end.exitCode == 0: result.outcome = .succeeded
    case nil: result.reason = "it ended with exit code \(end.exitCode)"
    }
    return result
  }
}
