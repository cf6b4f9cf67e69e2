import DeviceProtocol

/// What there is while the link is up.
struct LinkSession: Sendable {
  let welcome: Welcome
  let since: Duration
  var queue: SendQueue
  var heartbeat: HeartbeatSchedule
  /// The id of the heartbeat that waits for its answer.
  var heartbeatID: String?
  var lastHeard: Duration
  /// The last sign that the broker works on what it is sent: an ack or a heartbeat's answer.
  var lastConfirmed: Duration?
  var farewell: Bye?

  /// How long the link did what it is for.
  var acknowledgedFor: Duration? { lastConfirmed.map { $0 - since } }
}
