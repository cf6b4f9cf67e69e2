import DeviceProtocol
import Simulation
import TelemetryModel
import Testing

@testable import AgentCore

/// A desk with its own clock, over a disk that outlives it, and short words for what tests do.
struct DeskHarness {
  static let boot = "boot"
  var configuration: CommandDesk.Configuration
  var desk: CommandDesk
  var folder: PowerCutFolder?
  var now = CommandDesk.Moment(
    monotonic: .seconds(1000), broker: Timestamp(seconds: 1_800_000_000))

  init(
    folder: PowerCutFolder? = PowerCutFolder(), limits: CommandJournal.Limits = .init(),
    configure: (inout CommandDesk.Configuration) -> Void = { _ in }
  ) {
    configuration = CommandDesk.Configuration(boot: Self.boot)
    configuration.commands = [
      CommandSpec(
        CommandDeclaration(
          name: "blink", timeoutSeconds: 30,
          params: [
            CommandParameter(
              name: "times", kind: .integer, min: 1, max: 9, defaultValue: 3)
          ])),
      CommandSpec(CommandDeclaration(name: "look", idempotent: true)),
      CommandSpec(CommandDeclaration(name: "restart", danger: .disruptive), ending: .agent),
      CommandSpec(CommandDeclaration(name: "reboot", danger: .dangerous), ending: .boot),
    ]
    configure(&configuration)
    self.folder = folder
    desk = CommandDesk(configuration, journal: Self.journal(folder, limits))
  }

  static func journal(
    _ folder: PowerCutFolder?, _ limits: CommandJournal.Limits = .init()
  ) -> CommandJournal {
    guard let folder else { return CommandJournal(limits: limits) }
    return CommandJournal(limits: limits) { () throws(SpoolFailure) in folder }
  }

  mutating func advance(_ duration: Duration) {
    now.monotonic += duration
    now.broker = now.broker.map { $0 + duration }
  }

  func request(
    _ id: String, _ name: String = "blink", _ params: JSONValue = [:],
    expiresIn: Duration = .seconds(60), attempt: Int = 1
  ) -> CommandRequest {
    CommandRequest(
      command: id, name: name, params: params.object ?? JSONObject(),
      expires: (now.broker ?? Timestamp(seconds: 1_800_000_000)) + expiresIn,
      remainingSeconds: expiresIn.inSeconds, attempt: attempt)
  }

  @discardableResult
  mutating func receive(
    _ id: String, _ name: String = "blink", _ params: JSONValue = [:],
    expiresIn: Duration = .seconds(60), attempt: Int = 1
  ) -> (answer: CommandState, steps: [CommandStep]) {
    desk.received(
      request(id, name, params, expiresIn: expiresIn, attempt: attempt), at: now)
  }

  @discardableResult
  mutating func cancel(_ id: String) -> (answer: CommandState, steps: [CommandStep]) {
    desk.cancelled(id, at: now)
  }

  @discardableResult
  mutating func end(
    _ id: String, _ outcome: CommandOutcome = .succeeded, output: String? = nil
  ) -> [CommandStep] {
    desk.ended(id, CommandResult(outcome, output: output), at: now)
  }

  mutating func tick(after duration: Duration = .zero) -> [CommandStep] {
    advance(duration)
    return desk.tick(at: now)
  }

  func outcome(_ id: String) -> CommandOutcome? { desk.journal[id]?.result?.outcome }

  /// The agent ends and begins again, with what is on the disk, perhaps on another boot and without
  /// knowing the broker's time.
  @discardableResult
  mutating func restart(
    boot: String = boot, files: [String: [UInt8]]? = nil, knowsTime: Bool = true
  ) -> [CommandStep] {
    if let folder { self.folder = PowerCutFolder(files ?? folder.contents) }
    configuration.boot = boot
    if !knowsTime { now.broker = nil }
    desk = CommandDesk(configuration, journal: Self.journal(folder, desk.journal.limits))
    return desk.start(at: now)
  }
}

extension [CommandStep] {
  /// The ids of the work that begins.
  var runs: [String] {
    compactMap { if case .run(let job) = $0 { job.id } else { nil } }
  }

  var stops: [String] {
    compactMap { if case .stop(let id) = $0 { id } else { nil } }
  }

  var news: [CommandProgress] {
    compactMap { if case .progress(let progress) = $0 { progress } else { nil } }
  }
}
