import DeviceProtocol
import TelemetryModel

/// A command's work in hand.
struct RunningCommand: Sendable {
  /// Why work is stopped.
  enum StopReason: Hashable, Sendable {
    /// The broker wants it.
    case cancelled
    /// It took longer than so long.
    case tooLong(Duration)
    /// The agent ends.
    case agentEnds

    func result(_ stopped: CommandResult) -> CommandResult {
      var result = stopped
      switch self {
      case .cancelled:
        result.outcome = .cancelled
        result.reason = "cancelled while it ran"
      case .tooLong(let allowed):
        result.outcome = .failed
        result.reason = "stopped, because it took longer than \(allowed.inSeconds) s"
      case .agentEnds:
        result.outcome = .failed
        result.reason = "stopped, because the agent was"
      }
      return result
    }
  }

  let ending: CommandSpec.Ending
  /// How long it may run.
  let allowed: Duration
  /// When that is over.
  let timeout: Duration?
  /// Whether it was told to stop, and until when that is waited for.
  var stop: (reason: StopReason, until: Duration)?
  var news: CommandNews

  init(
    ending: CommandSpec.Ending, allowed: Duration, began now: Duration, newsInterval: Duration
  ) {
    self.ending = ending
    self.allowed = allowed
    timeout = now + allowed
    news = CommandNews(interval: newsInterval, now: now)
  }

  var deadline: Duration? {
    let moments = [stop == nil ? timeout : nil, stop?.until, news.due]
    return moments.compactMap(\.self).min()
  }

  /// What its end means. Work that was over before it could be stopped counts as it is.
  func judge(_ result: CommandResult) -> CommandResult {
    guard let stop, result.outcome == .cancelled else { return result }
    return stop.reason.result(result)
  }

  /// It did not stop when told to.
  var givenUp: CommandResult {
    CommandResult(.unknown, reason: "it could not be stopped, and may go on")
  }
}

/// What is to be told of a running command, not more often than the interval.
struct CommandNews: Sendable {
  private let interval: Duration
  private var next: Duration
  private var percent: Double?
  private var text: String?
  private var output = OutputStream()

  init(interval: Duration, now: Duration) {
    self.interval = interval
    next = now
  }

  private var isEmpty: Bool { percent == nil && text == nil && output.isEmpty }

  /// When there will be something to tell; nil while there is nothing.
  var due: Duration? { isEmpty ? nil : next }

  mutating func add(percent: Double?, text: String?, output: ArraySlice<UInt8>) {
    if let percent, percent.isFinite { self.percent = min(max(percent, 0), 100) }
    if let text { self.text = CommandResult(.succeeded, reason: text).bounded.reason }
    self.output.append(output)
  }

  mutating func take(of id: String, at now: Duration) -> CommandProgress? {
    guard !isEmpty, now >= next else { return nil }
    next = now + interval
    return last(of: id)
  }

  /// What was not told yet.
  mutating func last(of id: String) -> CommandProgress? {
    guard !isEmpty else { return nil }
    defer {
      percent = nil
      text = nil
    }
    return CommandProgress(command: id, percent: percent, text: text, output: output.take())
  }
}
