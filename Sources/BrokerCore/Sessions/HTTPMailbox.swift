package import TelemetryModel

/// What waits for an agent that has no socket of its own but fetches its messages with HTTP requests,
/// and the requests that wait for something to fetch; a pure machine.
///
/// A GET is held until there is a line, for ``Policy/heldTime`` at most; a newer one ends it. A POST
/// is answered at once while a GET is held, as that one brings what comes later. Otherwise it waits
/// until all it brought is answered, for ``Policy/batchTime`` at most, so that an agent that can only
/// do short requests gets its acks with the request that earned them.
package struct HTTPMailbox: Sendable {
  /// How long requests may wait, and how much.
  package struct Policy: Sendable {
    /// How long a GET is held. Boxes on the path cut at 30 s and above.
    package var heldTime: Duration = .seconds(20)
    /// How long a POST waits for the acks of what it brought.
    package var batchTime: Duration = .seconds(1)
    /// How long the last lines of a closed session wait to be fetched.
    package var lingerTime: Duration = .seconds(30)
    /// The most bytes that may wait; an agent that fetches nothing is given up.
    package var maxBytes = 1 << 20

    /// The defaults above.
    package init() {}
  }

  /// Names a request that waits for its answer.
  package struct Ticket: Hashable, Sendable {
    let number: UInt64
  }

  /// A request that is to be answered with lines, each with its line feed; with none, a GET has no
  /// content.
  package struct Answer: Hashable, Sendable {
    /// Which request.
    package var ticket: Ticket
    /// All that waited.
    package var lines: [UInt8]

    /// Names both.
    package init(ticket: Ticket, lines: [UInt8]) {
      self.ticket = ticket
      self.lines = lines
    }
  }

  private let policy: Policy
  private var lines: [UInt8] = []
  private var held: (ticket: Ticket, until: Timestamp)?
  private var posts: [(ticket: Ticket, until: Timestamp)] = []
  private var tickets: UInt64 = 0
  private var closedAt: Timestamp?

  /// An empty mailbox.
  package init(policy: Policy = Policy()) {
    self.policy = policy
  }

  /// Adds a message; false where too much waits already.
  package mutating func put(_ message: [UInt8]) -> Bool {
    guard lines.count + message.count < policy.maxBytes else { return false }
    lines += message
    lines.append(UInt8(ascii: "\n"))
    return true
  }

  /// A GET has come.
  package mutating func get(now: Timestamp) -> (Ticket, [Answer]) {
    let ticket = nextTicket()
    let older = held.map { [Answer(ticket: $0.ticket, lines: [])] } ?? []
    held = (ticket, now + policy.heldTime)
    return (ticket, older)
  }

  /// A POST has come and what it brought was taken.
  package mutating func post(now: Timestamp) -> Ticket {
    let ticket = nextTicket()
    posts.append((ticket, held == nil ? now + policy.batchTime : now))
    return ticket
  }

  private mutating func nextTicket() -> Ticket {
    tickets += 1
    return Ticket(number: tickets)
  }

  /// Answers whom it can; to be called once all that belongs together was put. `isSettled` says that
  /// nothing is owed any more for what POSTs brought.
  package mutating func settle(isSettled: Bool, now: Timestamp) -> [Answer] {
    var answers: [Answer] = []
    // A POST that is due anyway takes the lines, and the GET stays.
    let isClosed = closedAt != nil
    let due = posts.filter { isSettled || isClosed || now >= $0.until }
    posts.removeAll { isSettled || isClosed || now >= $0.until }
    for post in due { answers.append(Answer(ticket: post.ticket, lines: takeLines())) }
    if let held, !lines.isEmpty || isClosed || now >= held.until {
      answers.append(Answer(ticket: held.ticket, lines: takeLines()))
      self.held = nil
    }
    return answers
  }

  private mutating func takeLines() -> [UInt8] {
    defer { lines = [] }
    return lines
  }

  /// A request's connection is gone: nothing is answered to it.
  package mutating func leave(_ ticket: Ticket) {
    if held?.ticket == ticket { held = nil }
    posts.removeAll { $0.ticket == ticket }
  }

  /// The session is over, and this is its last message; what waits may still be fetched. An agent
  /// that fetched nothing for long gets the last message alone.
  package mutating func close(last message: [UInt8], now: Timestamp) {
    guard closedAt == nil else { return }
    if !put(message) { lines = message + [UInt8(ascii: "\n")] }
    closedAt = now
  }

  /// Whether the session is over and everything fetched, or waited for long enough.
  package func isDone(now: Timestamp) -> Bool {
    guard let closedAt else { return false }
    return lines.isEmpty || now - closedAt >= policy.lingerTime
  }

  /// When ``settle(isSettled:now:)`` or ``isDone(now:)`` may change by time alone.
  package var deadline: Timestamp? {
    let waiting = (posts.map(\.until) + [held?.until].compactMap(\.self)).min()
    return waiting ?? closedAt.map { $0 + policy.lingerTime }
  }
}
