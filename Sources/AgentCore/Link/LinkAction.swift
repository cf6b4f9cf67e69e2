package import DeviceProtocol

/// One attempt to be linked and what came of it. Events name the attempt they belong to, so that
/// the late words of an old connection change nothing.
package struct LinkAttempt: Hashable, Sendable {
  /// Counts the attempts of this process, from 1.
  package let number: Int

  /// An attempt; 0 is before the first.
  package init(number: Int) {
    self.number = number
  }
}

/// What the shell around a `LinkMachine` has to do, in order.
package enum LinkAction: Hashable, Sendable {
  /// Connect to the broker; report `opened` or `ended` for this attempt.
  case connect(LinkAttempt)
  /// Send a message over the present connection.
  case send(AgentMessage)
  /// Send a pack over the present connection.
  case sendPack(sequence: UInt64, lane: Lane, pack: [UInt8])
  /// Close the connection of an attempt, whose further events do not matter any more.
  case close(LinkAttempt, CloseReason, detail: String)
  /// Tell people.
  case report(LinkReport)
  /// The link is over for good; the process may end.
  case finished
}

/// What people may want to know, for the log.
package enum LinkReport: Hashable, Sendable {
  /// The link is up.
  case up(Welcome)
  /// An attempt or a link ended; the next attempt comes after the wait, or never.
  case down(LinkEnd, ending: LinkEnding, retryAfter: Duration?)
  /// Packs were given up.
  case lost(SequenceRange, LossReason)
  /// The broker answered a request with an error.
  case refused(RPCError)
  /// The broker sent something that is not understood, and that does no harm.
  case ignored(String)
  /// The spool's storage does not work.
  case spoolFailed(SpoolFailure)
}
