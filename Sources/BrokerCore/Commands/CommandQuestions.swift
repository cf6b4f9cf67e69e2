import TelemetryModel

/// Requests to devices whose answers are awaited, by their ids.
struct CommandQuestions: Sendable {
  /// What was asked.
  enum Question: Hashable, Sendable {
    /// To begin this command.
    case command(String)
    /// To stop this command.
    case cancel(String)

    var command: String {
      switch self {
      case .command(let id), .cancel(let id): id
      }
    }
  }

  private let newRequestID: @Sendable () -> String
  private var asked: [String: (device: DeviceID, question: Question)] = [:]
  private var byCommand: [String: [String]] = [:]

  init(newRequestID: @escaping @Sendable () -> String) {
    self.newRequestID = newRequestID
  }

  /// The id of a new request.
  mutating func ask(_ question: Question, of device: DeviceID) -> String {
    let id = newRequestID()
    asked[id] = (device, question)
    byCommand[question.command, default: []].append(id)
    return id
  }

  /// What an answer is the answer to, once; nil where nothing was asked, or of another device.
  mutating func answered(_ id: String, by device: DeviceID) -> Question? {
    guard let (expected, question) = asked[id], expected == device else { return nil }
    asked[id] = nil
    return question
  }

  /// Answers to what was asked about a command are of no interest any more.
  mutating func drop(about command: String) {
    for id in byCommand.removeValue(forKey: command) ?? [] { asked[id] = nil }
  }
}
