import DeviceProtocol
package import TelemetryModel

/// One command for many devices, as it was ordered; never changes.
package struct RolloutPlan: Hashable, Sendable {
  /// Its id (a UUID of version 7).
  package var id: String
  /// Which command, with which parameters.
  package var wish: CommandWish
  /// Which devices: labels' values by patterns…
  package var labels: [String: String]
  /// …and names by patterns; nil for all.
  package var devices: [String]?
  /// When it was ordered.
  package var created: Timestamp
  /// When nothing of it is to be started any more, by the broker's clock.
  package var expires: Timestamp
  /// Who ordered it.
  package var actor: String
  /// How many devices carry it out at a time; absent ones do not count.
  package var concurrency: Int
  /// After how many devices the rest waits until they are done; nil for never.
  package var wave: Int?
  /// How long it waits between two waves.
  package var pause: Duration
  /// It stops once a larger share of devices than this failed, 0…1; nil for never.
  package var maxFailureRate: Double?

  /// The order as it was given.
  package var order: JSONValue

  /// The plan of an order.
  package init(
    _ order: RolloutWish, id: String, actor: String, created: Timestamp, expires: Timestamp
  ) {
    self.id = id
    self.created = created
    self.expires = expires
    self.actor = actor
    wish = order.wish
    labels = order.labels
    devices = order.devices
    concurrency = order.concurrency
    wave = order.wave
    pause = order.pause
    maxFailureRate = order.maxFailureRate
    self.order = order.json
  }

  /// Which devices, as a query.
  package var query: SeriesQuery {
    SeriesQuery(devices: devices?.map { Glob($0) }, labels: labels.mapValues { Glob($0) })
  }
}

/// What somebody orders for a fleet, as in
/// `{to: {labels?, devices?}, name, params | arguments, ttl?, concurrency?, wave?, pause?,
/// maxFailureRate?}`.
package struct RolloutWish: Sendable {
  /// The most devices at a time.
  static let maxConcurrency = 10_000

  /// Which command.
  package var wish: CommandWish
  /// The order as it was given.
  package let json: JSONValue
  var labels: [String: String] = [:]
  var devices: [String]?
  var concurrency = 10
  var wave: Int?
  var pause = Duration.zero
  var maxFailureRate: Double? = 0.1

  /// Reads an order.
  ///
  /// - Throws: what is wrong, by field.
  package init(json: JSONValue) throws(CommandRefusal) {
    self.json = json
    guard let object = json.object else { throw .malformed("", "expected an object") }
    let own = ["to", "concurrency", "wave", "pause", "maxFailureRate"]
    var order = JSONObject()
    for member in object.members where !own.contains(member.key) {
      order[member.key] = member.value
    }
    wish = try CommandWish(json: .object(order))
    try readTarget(object["to"])
    concurrency =
      try RolloutWish.count("concurrency", of: object, upTo: RolloutWish.maxConcurrency)
      ?? concurrency
    wave = try RolloutWish.count("wave", of: object, upTo: Int(Int32.max))
    pause = try RolloutWish.pause(object)
    switch object["maxFailureRate"] {
    case nil: break
    case .null?: maxFailureRate = nil
    case .number(let rate)? where rate >= 0 && rate <= 1: maxFailureRate = rate
    default: throw .malformed("maxFailureRate", "expected a share from 0 to 1, or null for never")
    }
  }

  private mutating func readTarget(_ to: JSONValue?) throws(CommandRefusal) {
    guard let object = to?.object else {
      throw .malformed("to", "expected {labels: {KEY: PATTERN}} or {devices: [PATTERN]} or both")
    }
    for member in object.members where member.key != "labels" && member.key != "devices" {
      throw .malformed("to.\(member.key.prefix(64))", "unknown; known are labels and devices")
    }
    let given = object["labels"]
    guard given == nil || given?.object?.members.isEmpty == false else {
      throw .malformed("to.labels", "expected {KEY: PATTERN}")
    }
    for member in given?.object?.members ?? [] {
      guard let pattern = member.value.string else {
        throw .malformed("to.labels.\(member.key.prefix(64))", "expected a pattern")
      }
      labels[member.key] = pattern
    }
    if let list = object["devices"] {
      let patterns = list.array?.compactMap(\.string)
      guard let patterns, patterns.count == list.array?.count,
        (1...ProtocolLimits.maxGlobs).contains(patterns.count)
      else { throw .malformed("to.devices", "expected patterns of names") }
      devices = patterns
    }
    guard !labels.isEmpty || devices != nil else {
      throw .malformed("to", "expected labels or devices; {devices: [\"*\"]} is all of them")
    }
  }

  private static func count(
    _ key: String, of object: JSONObject, upTo limit: Int
  ) throws(CommandRefusal) -> Int? {
    switch object[key] {
    case nil, .null?: return nil
    case .number(let number)?:
      if let count = Int(exactly: number), count >= 1, count <= limit { return count }
      fallthrough
    default: throw .malformed(key, "expected a whole number from 1 to \(limit)")
    }
  }

  private static func pause(_ object: JSONObject) throws(CommandRefusal) -> Duration {
    if case .number(0)? = object["pause"] { return .zero }
    return try CommandWish.seconds("pause", of: object) ?? .zero
  }
}
