package import TelemetryModel

// hawser.device.v1 on one screen. Every message is one JSON-RPC 2.0 object in one text message.
//
//   agent                                                                          broker
//   ── hello {agent, boot, epoch, acked, clock, profile, labels, lastLink,
//             resume?, path?} ───────────────────────────────────────────────────────► request
//   ◄── {session, generation, acked, now, heartbeat, window, maxMessage, server} ───── result
//   ── telemetry {seq, lane: live|backfill, pack: [SenML…]} ─────────────────────────► notification
//   ◄── ack {acked: [[from,to],…]}          once the packs would survive a power cut ─ notification
//   ── gap {from, to, reason}               packs given up ──────────────────────────► notification
//   ── heartbeat {mono} ─────────────────────────────────────────────────────────────► request
//   ◄── {mono, now} ────────────────────────────────────────────────────────────────── result
//   ◄── command {command, name, params, expires, remaining, attempt} ───────────────── request
//   ── {state: accepted|running|finished|rejected, outcome?, …} ─────────────────────► result
//   ── commandProgress {command, percent?, text?, output?} ──────────────────────────► notification
//   ── commandFinished {command, outcome, exitCode?, output?, outputBytes?, reason?} ► request
//   ◄── {} ─────────────────────────────────────────────────────────────────────────── result
//   ◄── cancelCommand {command} ────────────────────────────────────────────────────── request
//   ── {state, …} ───────────────────────────────────────────────────────────────────► result
//   ◄── bye {reason, reconnectAfter: {min,max}}   before a planned close ───────────── notification
//
// A spare link, on which an agent tries how long the path lets a silent connection live, says
// `probe` instead of `hello`. It is no session: it only answers heartbeats.
//
//   ── probe {silence} ──────────────────────────────────────────────────────────────► request
//   ◄── {} ─────────────────────────────────────────────────────────────────────────── result
//   (nothing either way for `silence` seconds, then heartbeat and its result)
//
// Ids are strings. Unknown requests are answered with -32601; unknown notifications and fields are
// ignored, so that both sides can be upgraded in either order. Times are seconds since 1970.

/// What an agent sends to the broker.
package enum AgentMessage: Hashable, Sendable {
  /// Opens the session.
  case hello(id: String, Hello)
  /// A pack of readings. `pack` is where its SenML array stands in the message, so that it can be
  /// decoded in place.
  case telemetry(seq: UInt64, lane: Lane, pack: Range<Int>)
  /// Packs given up.
  case gap(Gap)
  /// A sign of life, with the device's monotonic clock.
  case heartbeat(id: String, monoSeconds: Double)
  /// Makes this a spare link, which will be silent for so long and then says heartbeat.
  case probe(id: String, silenceSeconds: Double)
  /// News of a running command.
  case commandProgress(CommandProgress)
  /// The end of a command, to be confirmed.
  case commandFinished(id: String, CommandFinished)
  /// The answer to a request of the broker's; `CommandState` reads the results of commands.
  case response(id: String, RPCResponse)
  /// A request this side does not know: answer `RPCError.unknownMethod`.
  case unknownRequest(id: String, method: String)
  /// A notification this side does not know, or an error without an id: nothing to be done.
  case ignored(method: String)
}

/// What the broker sends to an agent.
///
/// On the wire, results say only the id they answer. The decoder therefore yields `response`, and
/// who asked reads it with `Welcome(json:)`, `HeartbeatReply(json:)`; the cases `welcome`,
/// `heartbeatReply` and `commandFinishedReply` are for writing.
package enum BrokerMessage: Hashable, Sendable {
  /// Answers `hello`.
  case welcome(id: String, Welcome)
  /// These packs would survive a power cut of the broker.
  case ack(SequenceRanges)
  /// Answers `heartbeat`: the clock it came with, and the broker's wall clock.
  case heartbeatReply(id: String, monoSeconds: Double, nowSeconds: Double)
  /// The link will be closed as planned.
  case bye(Bye)
  /// Asks the agent to carry out a command.
  case command(id: String, CommandRequest)
  /// Asks the agent to stop a command.
  case cancelCommand(id: String, commandID: String)
  /// Confirms `commandFinished`.
  case commandFinishedReply(id: String)
  /// Refuses a request; without an id, a message that could not be read.
  case error(id: String?, RPCError)
  /// The result of a request of the agent's, still untyped.
  case response(id: String, JSONValue)
  /// A request this side does not know: answer `RPCError.unknownMethod`.
  case unknownRequest(id: String, method: String)
  /// A notification this side does not know: nothing to be done.
  case ignored(method: String)
}

/// The broker's answer to a heartbeat.
package struct HeartbeatReply: Hashable, Sendable {
  /// The monotonic clock that the heartbeat came with, in seconds.
  package var monoSeconds: Double
  /// The broker's wall clock.
  package var now: Timestamp

  /// Reads the result of `heartbeat`.
  ///
  /// - Throws: the first field that is missing or wrong.
  package init(json: JSONValue) throws(ProtocolError) {
    let fields = try Fields(json, path: "result")
    monoSeconds = try fields.number("mono")
    now = Timestamp(seconds: try fields.number("now"))
  }
}
