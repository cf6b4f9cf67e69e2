package import DeviceProtocol
import Synchronization
package import TelemetryModel

/// A device's live link, as the registry and others reach it from any thread.
package protocol DeviceLinkHandle: AnyObject, Sendable {
  /// Shut by the registry in the moment in which a newer link wins.
  var fence: LinkFence { get }

  /// When anything was heard of the device over this link, by the clock that never jumps.
  var lastHeard: Timestamp { get }

  /// Sends a message to the device; nothing happens where the link is over, was handed over or is
  /// fenced. A request carries an id from ``BrokerRequestID``; its answer comes to the
  /// ``DeviceCommandSink``.
  func send(_ message: BrokerMessage)

  /// Acks packs of the link's epoch that an older link carried.
  func packsCommitted(_ ranges: SequenceRanges)

  /// Closes the link with 4503, because a newer one took over.
  func replacedByNewerLink()

  /// Closes the link with 4501, because an operator had the device forgotten.
  func revoked()

  /// Leaves the link readable for a moment: a newer one took over by naming its session.
  func handedOverToNewerLink()

  /// Says `bye` and closes the link once what it took is acked: 1012 where the broker stops, 1013
  /// where it has too much to do.
  func goodbye(_ bye: Bye, _ reason: CloseReason)
}

/// What keeps a replaced link from changing anything, however late its own event loop learns that it
/// was replaced. Safe from any thread.
package final class LinkFence: Sendable {
  private let shut = Atomic(false)

  /// An open fence.
  package init() {}

  /// Whether the link may change nothing any more.
  package var isShut: Bool { shut.load(ordering: .acquiring) }

  /// Shuts it for good.
  package func close() { shut.store(true, ordering: .releasing) }
}

/// Names of the requests that the broker sends to agents: unique in this run of the broker, so that
/// answers that come late, over whatever link, are never taken for others.
package enum BrokerRequestID {
  private static let count = Atomic<UInt64>(0)

  /// The next name; from any thread.
  package static func next() -> String {
    "b\(count.add(1, ordering: .relaxed).newValue)"
  }
}

/// Who wants to know what devices say of commands. Called on links' event loops, must return at once.
package protocol DeviceCommandSink: AnyObject, Sendable {
  /// A device's link is open, by `hello` or by taking over from an older one; `profile` is what its
  /// hello says.
  func linkOpened(
    _ device: DeviceID, generation: UInt64, profile: ProfileSummary?, link: any DeviceLinkHandle)

  /// That link is over.
  func linkClosed(_ device: DeviceID, generation: UInt64)

  /// A device answered a request of the broker's.
  func commandResponse(_ id: String, _ response: RPCResponse, from device: DeviceID)

  /// A device says how far a command is.
  func commandProgress(_ progress: CommandProgress, from device: DeviceID)

  /// A device says how a command ended. Whoever has made that durable confirms it over the link with
  /// `commandFinishedReply`; the agent repeats it until then.
  func commandFinished(
    _ id: String, _ finished: CommandFinished, from device: DeviceID,
    over link: any DeviceLinkHandle)
}
