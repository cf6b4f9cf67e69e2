import BrokerCore
import DeviceProtocol
import Synchronization
import TelemetryModel

/// A device that keeps a journal as the protocol asks, and counts how often each command acted.
final class ModelDevice: Sendable {
  /// How it answers.
  enum Manner: CaseIterable, Sendable {
    /// With the end, at once.
    case quick
    /// That it has it; the end comes as a report, until that is confirmed.
    case reporting
    /// With the end at once, and as a report too.
    case both
    /// That it runs; it ends when it is told to stop.
    case untilStopped
  }

  let id: DeviceID
  private let manner: Manner
  private let state = Mutex(State())

  struct State {
    var journal: [String: CommandState] = [:]
    var unconfirmed: [String: CommandFinished] = [:]
    var reports: [String: String] = [:]
    var acts: [String: Int] = [:]
    var number = 0
  }

  init(_ id: DeviceID, _ manner: Manner) {
    self.id = id
    self.manner = manner
  }

  func acts(of command: String) -> Int { state.withLock { $0.acts[command, default: 0] } }

  /// Whether every report was confirmed.
  var isConfirmed: Bool { state.withLock { $0.unconfirmed.isEmpty } }

  /// What the device sends when a link has come up: what was not confirmed.
  func linked() -> [AgentMessage] {
    state.withLock { state in
      state.unconfirmed.values.map { ModelDevice.report($0, &state) }
    }
  }

  private static func report(_ end: CommandFinished, _ state: inout State) -> AgentMessage {
    state.number += 1
    state.reports["\(state.number)"] = end.command
    return .commandFinished(id: "\(state.number)", end)
  }

  /// Takes a message of the broker's; returns its answers.
  func received(_ message: BrokerMessage) -> [AgentMessage] {
    state.withLock { state in
      switch message {
      case .command(let id, let request):
        if let known = state.journal[request.command] {
          return [.response(id: id, .result(known.json))]
        }
        return begin(id, request.command, &state)
      case .cancelCommand(let id, let command):
        return cancel(id, command, &state)
      case .commandFinishedReply(let id), .error(.some(let id), _):
        if let command = state.reports.removeValue(forKey: id) { state.unconfirmed[command] = nil }
        return []
      default: return []
      }
    }
  }

  private func begin(_ id: String, _ command: String, _ state: inout State) -> [AgentMessage] {
    state.acts[command, default: 0] += 1
    let end = CommandFinished(command: command, outcome: .succeeded, output: "done")
    let ended = CommandState(state: .finished, outcome: .succeeded, output: "done")
    switch manner {
    case .quick:
      state.journal[command] = ended
      return [.response(id: id, .result(ended.json))]
    case .both:
      state.journal[command] = ended
      state.unconfirmed[command] = end
      return [.response(id: id, .result(ended.json)), ModelDevice.report(end, &state)]
    case .reporting:
      state.journal[command] = ended
      state.unconfirmed[command] = end
      return [
        .response(id: id, .result(CommandState(state: .accepted).json)),
        .commandProgress(CommandProgress(command: command, percent: 50)),
        ModelDevice.report(end, &state),
      ]
    case .untilStopped:
      let running = CommandState(state: .running)
      state.journal[command] = running
      return [.response(id: id, .result(running.json))]
    }
  }

  private func cancel(_ id: String, _ command: String, _ state: inout State) -> [AgentMessage] {
    let cancelled = CommandState(state: .finished, outcome: .cancelled)
    guard let known = state.journal[command] else {
      state.journal[command] = cancelled
      return [.response(id: id, .result(cancelled.json))]
    }
    guard known.state == .running else { return [.response(id: id, .result(known.json))] }
    let end = CommandFinished(command: command, outcome: .cancelled)
    state.journal[command] = cancelled
    state.unconfirmed[command] = end
    return [.response(id: id, .result(known.json)), ModelDevice.report(end, &state)]
  }
}

/// A link between a device and a desk whose broker may be dead. What the broker sends is answered at
/// once, on the thread that sends it.
final class ModelLink: DeviceLinkHandle {
  let fence = LinkFence()
  let lastHeard = Timestamp.distantPast
  private let device: ModelDevice
  private let broker: MortalBroker
  private let desk: Mutex<CommandDesk?>

  init(_ device: ModelDevice, to desk: CommandDesk, of broker: MortalBroker) {
    self.device = device
    self.broker = broker
    self.desk = Mutex(desk)
    desk.linkOpened(
      device.id, generation: 1,
      profile: ProfileSummary(name: "m", version: "1", commands: [CommandDeclaration(name: "do")]),
      link: self)
    tell(device.linked())
  }

  /// Each message can be the last thing a broker sends or hears.
  func send(_ message: BrokerMessage) {
    guard broker.step() else { return }
    tell(device.received(message))
  }

  private func tell(_ messages: [AgentMessage]) {
    guard let desk = desk.withLock({ $0 }) else { return }
    for message in messages {
      guard broker.step() else { return }
      switch message {
      case .response(let id, let response): desk.commandResponse(id, response, from: device.id)
      case .commandProgress(let progress): desk.commandProgress(progress, from: device.id)
      case .commandFinished(let id, let end):
        desk.commandFinished(id, end, from: device.id, over: self)
      default: break
      }
    }
  }

  func packsCommitted(_ ranges: SequenceRanges) {}
  func replacedByNewerLink() {}
  func revoked() {}
  func handedOverToNewerLink() {}
  func goodbye(_ bye: Bye, _ reason: CloseReason) {}
}
