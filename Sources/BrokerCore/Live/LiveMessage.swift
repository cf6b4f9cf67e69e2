package import DeviceProtocol
package import TelemetryModel

/// One message of the broker to a reader of live data, in neither form yet: JSON-RPC on a WebSocket, or
/// an event of a stream.
package struct LiveMessage: Sendable {
  /// What a message is.
  package enum Kind: Sendable {
    /// The result of a request, by the request's id; `event` names it where there are no requests.
    case result(request: String, event: StaticString)
    /// The refusal of a request.
    case refusal(request: String, RPCError)
    /// A notification, by its method.
    case notification(StaticString)
  }

  /// What it is.
  package var kind: Kind
  /// The result, or the notification's params: one JSON object. Empty for a refusal.
  package var body: [UInt8]
  /// How far a reader has seen that has read this.
  package var cursor: Cursor?
  /// From where to where its rows reach: what is told of it where it is left out.
  package var span: Span?
  /// Whether it amends what was sent before.
  package var amends = false
  /// The command that it is news of: where it is left out, the reader is told of that later.
  package var command: String?

  /// A part of time.
  package struct Span: Hashable, Sendable {
    /// The first moment.
    package var from: Timestamp
    /// The moment behind it.
    package var to: Timestamp

    /// Names both.
    package init(from: Timestamp, to: Timestamp) {
      self.from = from
      self.to = to
    }

    /// The shortest part that holds both.
    package func union(_ other: Span) -> Span {
      Span(from: min(from, other.from), to: max(to, other.to))
    }
  }

  init(
    _ kind: Kind, cursor: Cursor? = nil, span: Span? = nil, amends: Bool = false,
    _ members: (inout JSONWriter) -> Void
  ) {
    self.kind = kind
    self.cursor = cursor
    self.span = span
    self.amends = amends
    var json = JSONWriter()
    json.object(members)
    body = json.bytes
  }

  /// The empty result of a request that asked for something to be done.
  package init(done request: String) {
    kind = .result(request: request, event: "done")
    body = Array("{}".utf8)
  }

  /// `gap`: what a slow reader was not sent.
  package static func slowReader(_ feed: FeedID, _ span: Span) -> LiveMessage {
    LiveEncoding.gap(feed, span, reason: "slow reader")
  }

  /// A message whose body is ready: one JSON object.
  init(_ kind: Kind, body: [UInt8]) {
    self.kind = kind
    self.body = body
  }

  /// A refusal.
  package init(refusing request: String, _ error: RPCError) {
    kind = .refusal(request: request, error)
    body = []
  }

  /// Whether it refuses something that may be granted a little later.
  package var isRefusedForNow: Bool {
    guard case .refusal(_, let error) = kind else { return false }
    return error.data?.code == RPCError.Word.busy.rawValue
  }

  /// The message on a WebSocket: JSON-RPC 2.0.
  package var rpc: [UInt8] {
    var json = JSONWriter()
    switch kind {
    case .result(let request, _): json.result(id: request) { $0.write(json: body) }
    case .refusal(let request, let error): return LiveAnswer.refusal(request, error)
    case .notification(let method): json.notification("\(method)") { $0.write(json: body) }
    }
    return json.bytes
  }

  /// The message as an event of a stream (WHATWG HTML, "Server-sent events"): its name is the
  /// notification's method, `subscribed` or `devices` for results; its id the cursor.
  package var event: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(body.count + 96)
    if let cursor { bytes += "id: \(cursor)\n".utf8 }
    var data = body
    switch kind {
    case .result(_, let name): bytes += "event: \(name)\n".utf8
    case .notification(let method): bytes += "event: \(method)\n".utf8
    case .refusal(_, let error):
      bytes += "event: refused\n".utf8
      data = LiveAnswer.object(error)
    }
    bytes += "data: ".utf8
    // JSON as it is written here has no line ends.
    bytes += data
    bytes += "\n\n".utf8
    return bytes
  }
}
