package import TelemetryModel

/// What a dashboard sends to the broker (hawser.live.v1).
package enum LiveRequest: Hashable, Sendable {
  /// Proves who asks; first, unless the upgrade did.
  case authenticate(id: String, token: String)
  /// Asks for history and live data.
  case subscribe(id: String, SubscribeParams)
  /// Ends a subscription.
  case unsubscribe(id: String, subscription: String)
  /// Asks for every device, and to be told of their changes.
  case watchDevices(id: String)
  /// Something about commands.
  case command(id: String, CommandCall)
  /// A sign of life, with the client's monotonic clock, for clients that cannot see pings.
  case heartbeat(id: String, monoSeconds: Double)
  /// A request this side does not know: answer `RPCError.unknownMethod`.
  case unknownRequest(id: String, method: String)
  /// A notification or an answer this side does not know: nothing to be done.
  case ignored

  /// Reads a message; relative times count back from `now`.
  ///
  /// - Throws: what is wrong, with the field; with the request's id, where it can be answered.
  package static func decode(
    _ bytes: Span<UInt8>, now: Timestamp
  ) throws(ProtocolError) -> LiveRequest {
    let envelope = try Envelope(bytes)
    guard let method = envelope.method, let id = envelope.id else { return .ignored }
    do throws(ProtocolError) {
      switch method {
      case "authenticate":
        let fields = try envelope.fields(bytes)
        return .authenticate(
          id: id,
          token: try fields.string("token", maxBytes: ProtocolLimits.maxAccessTokenBytes))
      case "subscribe":
        return .subscribe(id: id, try SubscribeParams(try envelope.fields(bytes), now: now))
      case "unsubscribe":
        return .unsubscribe(
          id: id, subscription: try envelope.fields(bytes).token("subscription"))
      case "watchDevices": return .watchDevices(id: id)
      case "heartbeat":
        return .heartbeat(
          id: id, monoSeconds: try envelope.fields(bytes).optionalNumber("mono") ?? 0)
      default:
        let call = try CommandCall(method) { () throws(ProtocolError) in
          try envelope.fields(bytes)
        }
        return call.map { .command(id: id, $0) } ?? .unknownRequest(id: id, method: method)
      }
    } catch {
      throw error.answering(id)
    }
  }
}

/// What a subscription is to show.
package struct SubscribeParams: Hashable, Sendable {
  /// Which series, by patterns in which `*` stands for anything.
  package struct Query: Hashable, Sendable {
    /// Patterns of device names; nil for all.
    package var devices: [String]?
    /// Patterns of metric names; nil for all.
    package var metrics: [String]?
    /// Patterns of labels' values.
    package var labels: [String: String]

    /// Names all parts.
    package init(devices: [String]?, metrics: [String]?, labels: [String: String]) {
      self.devices = devices
      self.metrics = metrics
      self.labels = labels
    }
  }

  /// Where history begins.
  package enum Since: Hashable, Sendable {
    /// Without history.
    case now
    /// From a moment on.
    case time(Timestamp)
    /// From where an earlier subscription stood: a cursor that the broker gave.
    case cursor(String)
  }

  /// Which series.
  package var query: Query
  /// Readings or windows.
  package var resolution: Resolution
  /// A row's columns; `last` unless said otherwise.
  package var functions: [AggregateFunction]
  /// Labels by which devices are merged; nil for none.
  package var groupBy: [String]?
  /// The most updates a second; nil for every one.
  package var maxRate: Double?
  /// Where history begins.
  package var since: Since

  /// Windows of a second of some series, their last values, without history.
  package init(devices: [String]?, metrics: [String]?, labels: [String: String]) {
    query = Query(devices: devices, metrics: metrics, labels: labels)
    resolution = .s1
    functions = [.last]
    since = .now
  }

  init(_ fields: Fields, now: Timestamp) throws(ProtocolError) {
    query = try Query(try fields.optionalObject("query"))
    resolution = try fields.optionalChoice("resolution") ?? .s1
    functions = try SubscribeParams.functions(fields)
    groupBy = try fields.optionalStrings(
      "groupBy", maxCount: ProtocolLimits.maxLabels, maxBytes: ProtocolLimits.maxLabelBytes)
    maxRate = try fields.optionalNumber("maxRate")
    if let maxRate, !(maxRate > 0) {
      throw ProtocolError(field: fields.path(of: "maxRate"), "expected updates a second, over 0")
    }
    since = try SubscribeParams.since(fields, now: now)
  }

  private static func functions(_ fields: Fields) throws(ProtocolError) -> [AggregateFunction] {
    guard
      let names = try fields.optionalStrings(
        "functions", maxCount: AggregateFunction.allCases.count,
        maxBytes: ProtocolLimits.maxWordBytes), !names.isEmpty
    else { return [.last] }
    var functions: [AggregateFunction] = []
    for (index, name) in names.enumerated() {
      guard let function = AggregateFunction(rawValue: name) else {
        let known = AggregateFunction.allCases.map(\.rawValue).joined(separator: ", ")
        throw ProtocolError(
          field: "\(fields.path(of: "functions"))[\(index)]", "expected one of \(known)")
      }
      guard !functions.contains(function) else {
        throw ProtocolError(
          field: "\(fields.path(of: "functions"))[\(index)]", "\(name) is named twice")
      }
      functions.append(function)
    }
    return functions
  }

  private static func since(_ fields: Fields, now: Timestamp) throws(ProtocolError) -> Since {
    switch fields.object["since"] {
    case nil, .null?: return .now
    case .number(let seconds)?: return .time(Timestamp(seconds: seconds).clampedToDates)
    case .string(let text)?:
      return TimeText.parse(text, now: now).map { .time($0) } ?? .cursor(text)
    default:
      throw ProtocolError(
        field: fields.path(of: "since"), "expected a cursor, a time, or a relative time (-10m)")
    }
  }
}

extension SubscribeParams.Query {
  fileprivate init(_ fields: Fields?) throws(ProtocolError) {
    devices = try fields?.optionalStrings(
      "devices", maxCount: ProtocolLimits.maxGlobs, maxBytes: ProtocolLimits.maxGlobBytes)
    metrics = try fields?.optionalStrings(
      "metrics", maxCount: ProtocolLimits.maxGlobs, maxBytes: ProtocolLimits.maxGlobBytes)
    labels = try fields?.labels("labels") ?? [:]
  }
}
