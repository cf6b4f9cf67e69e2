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
  /// Connect to the broker this way; report `opened` or `ended` for this attempt. Several attempts
  /// can be open at a time: the link, its successor, a spare one that is being silent.
  case connect(LinkAttempt, TransportRung)
  /// Send a message over the connection of an attempt.
  case send(AgentMessage, on: LinkAttempt)
  /// Send a pack over the connection of an attempt.
  case sendPack(sequence: UInt64, lane: Lane, pack: [UInt8], on: LinkAttempt)
  /// Close the connection of an attempt, whose further events do not matter any more.
  case close(LinkAttempt, CloseReason, detail: String)
  /// Begin the work of a command; report `commandProgressed` and, always once, `commandEnded`.
  case run(CommandJob)
  /// Stop the work of a command, which ends as `cancelled` then if it was not over already.
  case stop(command: String)
  /// Tell people.
  case report(LinkReport)
  /// Keep what was learnt, in place of what was kept before; seldom.
  case remember(AgentMemory)
  /// The link is over for good; the process may end.
  case finished
}

/// What people may want to know, for the log.
package enum LinkReport: Hashable, Sendable {
  /// The link is up.
  case up(Welcome)
  /// An attempt or a link ended; the next attempt comes after the wait, or never.
  case down(LinkEnd, ending: LinkEnding, retryAfter: Duration?)
  /// A link took over from the one before it, which still worked.
  case handedOver(TransportRung)
  /// A link that should have taken over did not come about; the present one goes on.
  case notHandedOver(LinkEnding)
  /// Messages go another way from now on.
  case otherWay(TransportRung)
  /// Something new is known of the path.
  case learnt(PathReport)
  /// A spare link was silent for so long; whether it lived.
  case probed(silence: Duration, survived: Bool)
  /// Packs were given up.
  case lost(SequenceRange, LossReason)
  /// The broker answered a request with an error.
  case refused(RPCError)
  /// The broker sent something that is not understood, and that does no harm.
  case ignored(String)
  /// Something about a command.
  case command(CommandReport)
  /// The spool's storage does not work.
  case spoolFailed(SpoolFailure)
  /// Packs are numbered anew, in a spool of this epoch; whether it survives the process.
  case otherEpoch(String, isDurable: Bool)
  /// What was written to the disk since the last such report.
  case stateWritten(SpoolWear, during: Duration)
}
