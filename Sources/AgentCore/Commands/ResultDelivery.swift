import DeviceProtocol

/// Results of commands on their way to the broker: a few at a time, each until it is confirmed, and
/// over every new link again.
struct ResultDelivery: Sendable {
  private struct Letter {
    let command: String
    let attempt: LinkAttempt
    let again: Duration
  }

  /// By the id of the request.
  private var letters: [String: Letter] = [:]
  /// Commands whose results the broker does not take now, and when they are told again.
  private var refused: [String: Duration] = [:]

  /// The most results on their way at a time.
  static let most = 4
  /// When a result is told again that nobody answered, or that could not be taken.
  static let patience = Duration.seconds(30)

  var isEmpty: Bool { letters.isEmpty }

  /// When there may be something to be told again.
  var deadline: Duration? { (letters.values.map(\.again) + refused.values).min() }

  /// Which results are to be told now, of those that the broker does not know, oldest first.
  mutating func due(_ unconfirmed: [String], at now: Duration) -> [String] {
    letters = letters.filter { $0.value.again > now }
    refused = refused.filter { $0.value > now }
    let busy = Set(letters.values.map(\.command)).union(refused.keys)
    return Array(
      unconfirmed.filter { !busy.contains($0) }.prefix(max(Self.most - letters.count, 0)))
  }

  mutating func sent(_ command: String, as id: String, on attempt: LinkAttempt, at now: Duration) {
    letters[key(id, attempt)] = Letter(
      command: command, attempt: attempt, again: now + Self.patience)
  }

  /// The broker answered a request.
  /// - Returns: the command whose result it was; nil where it was something else.
  mutating func answered(_ id: String, on attempt: LinkAttempt) -> String? {
    letters.removeValue(forKey: key(id, attempt))?.command
  }

  /// The broker cannot take a result now.
  mutating func postpone(_ command: String, at now: Duration) {
    refused[command] = now + Self.patience
  }

  /// There is a new link: what was not answered goes over it.
  mutating func begin() {
    letters = [:]
    refused = [:]
  }

  private func key(_ id: String, _ attempt: LinkAttempt) -> String { "\(attempt.number) \(id)" }
}
