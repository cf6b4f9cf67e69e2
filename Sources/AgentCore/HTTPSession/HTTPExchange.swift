/// One request of a device session over HTTP. Bodies are messages, one a line.
package enum HTTPExchange: Hashable, Sendable {
  /// Begins the session; the body is the hello.
  case open([UInt8])
  /// Carries messages up; with none it asks whether there are any for the agent.
  case up(session: String, [UInt8])
  /// Waits for messages.
  case down(session: String)
  /// Ends the session.
  case end(session: String)
}

/// What an exchange was answered with.
package struct HTTPExchangeAnswer: Hashable, Sendable {
  /// The status.
  package var status: Int
  /// The wait that it asks for.
  package var retryAfter: Duration?
  /// Messages, one a line.
  package var body: [UInt8]

  /// An answer.
  package init(status: Int, retryAfter: Duration? = nil, body: [UInt8] = []) {
    self.status = status
    self.retryAfter = retryAfter
    self.body = body
  }

  /// The messages; blank lines are none.
  package var lines: [[UInt8]] {
    body.split(separator: UInt8(ascii: "\n")).compactMap { line in
      line.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D } ? nil : Array(line)
    }
  }
}

/// Where exchanges take place: one at a time each, over a connection of its own.
package enum HTTPLane: Hashable, Sendable, CaseIterable {
  /// What the agent has to say.
  case up
  /// Waiting for what the broker has to say.
  case down
}
