import BrokerCore
import DeviceProtocol
import HTTPTypes
import Hummingbird
import TelemetryModel

/// `/v1/devices` and `/v1/devices/{id}`.
struct DeviceRoutes {
  static let maxPage = 1_000
  /// The largest body of a change, in bytes.
  static let maxBodyBytes = 64 << 10

  let registry: DeviceRegistry
  let pipeline: IngestPipeline
  let tags: EntityTags

  func add(to router: Router<BrokerRequestContext>) {
    router.get("v1/devices") { request, _ in try list(request) }
    router.get("v1/devices/:id") { request, context in
      _ = try QueryParameters(request)
      return try answer(try context.device())
    }
    router.patch("v1/devices/:id") { request, context in try await relabel(request, context) }
    router.delete("v1/devices/:id") { request, context in try await forget(request, context) }
  }

  private func list(_ request: Request) throws -> Response {
    let query = try QueryParameters(
      request, known: ["device", "label", "state", "limit", "cursor"])
    let limit = try query.integer("limit", in: 1...DeviceRoutes.maxPage, default: 100)
    let presence: DeviceStatus.Presence? = try query.word("state")
    let filter = SeriesQuery(
      devices: try query.globs("device"), labels: try query.labels("label").mapValues(Glob.init))
    let after = try query.deviceCursor("cursor")
    let tag = tags.tag(registry.version)
    if let unchanged = tags.unchanged(request, tag) { return unchanged }
    let found = registry.all { status in
      (presence.map { $0 == status.presence } ?? true)
        && filter.matches(device: status.device, labels: status.labels)
        && (after.map { status.device > $0 } ?? true)
    }
    let page = found.prefix(limit)
    return Response.json(tag: tag) { json in
      json.object { json in
        json.key("devices")
        json.array { json in
          for status in page {
            json.element()
            DeviceJSON.write(status, to: &json)
          }
        }
        if found.count > page.count, let last = page.last {
          json.key("next")
          json.write(last.device.string)
        }
      }
    }
  }

  private func answer(_ device: DeviceID) throws -> Response {
    guard let status = registry[device] else { throw unknown(device) }
    return Response.json { DeviceJSON.write(status, registry.linkHistory(of: device), to: &$0) }
  }

  private func unknown(_ device: DeviceID) -> Problem {
    Problem.notFound("There is no device \(device).")
  }

  // MARK: - Changes

  /// `{"labels": {KEY: VALUE, KEY: null}}`, a merge patch (RFC 7396) of the operators' labels.
  private func relabel(
    _ request: Request, _ context: BrokerRequestContext
  ) async throws -> Response {
    _ = try QueryParameters(request)
    let device = try context.device()
    let patch = try DeviceRoutes.patch(try await json(request))
    guard let known = registry[device] else { throw unknown(device) }
    var labels = known.operatorLabels
    for (key, value) in patch { labels[key] = value }
    guard labels.count <= ProtocolLimits.maxLabels else {
      throw Problem.badRequest(
        "labels", "A device has at most \(ProtocolLimits.maxLabels) labels.")
    }
    guard
      let status = registry.changeOperatorLabels(
        of: device,
        { labels in
          for (key, value) in patch { labels[key] = value }
        })
    else { throw unknown(device) }
    try await commit(.operatorLabels(status.operatorLabels), of: device)
    return try answer(device)
  }

  private func forget(
    _ request: Request, _ context: BrokerRequestContext
  ) async throws -> Response {
    _ = try QueryParameters(request)
    let device = try context.device()
    guard registry.forget(device) else { throw unknown(device) }
    try await commit(.forget, of: device)
    return Response(status: .noContent)
  }

  /// Answers only when the change survives a power cut.
  private func commit(_ kind: DeviceChange.Kind, of device: DeviceID) async throws {
    let pipeline = pipeline
    let isDurable = await withCheckedContinuation { continuation in
      let change = DeviceChange(device: device, kind: kind) { continuation.resume(returning: $0) }
      if !pipeline.submit(change) { continuation.resume(returning: false) }
    }
    guard isDurable else { throw Problem.storeUnavailable }
  }

  private func json(_ request: Request) async throws -> JSONValue {
    let type = request.headers[.contentType]?.split(separator: ";").first
      .map { $0.filter { $0 != " " }.lowercased() }
    guard type == "application/json" || type == "application/merge-patch+json" else {
      throw Problem(
        status: .unsupportedMediaType, code: "unsupportedMediaType",
        detail: "The body is application/merge-patch+json or application/json.",
        field: "Content-Type")
    }
    let body = try await request.body.collect(upTo: DeviceRoutes.maxBodyBytes)
    do {
      return try JSONValue(parsing: body.readableBytesUInt8Span)
    } catch {
      throw Problem(
        status: .badRequest, code: "malformed", detail: "The body is not JSON: \(error).")
    }
  }

  private static func patch(_ json: JSONValue) throws -> [(key: String, value: String?)] {
    guard let object = json.object else {
      throw Problem.badRequest("labels", "The body is an object with labels.")
    }
    for member in object.members where member.key != "labels" {
      throw Problem.badRequest(
        member.key, "\(member.key) cannot be changed; labels can.")
    }
    let most = ProtocolLimits.maxLabels
    guard let labels = object["labels"]?.object, labels.members.count <= most else {
      throw Problem.badRequest(
        "labels", "labels is {KEY: TEXT} with up to \(most) keys; null takes one away.")
    }
    let limit = ProtocolLimits.maxLabelBytes
    return try labels.members.map { member in
      guard (1...limit).contains(member.key.unicodeScalars.count) else {
        throw Problem.badRequest("labels", "A label's key has 1 to \(limit) characters.")
      }
      switch member.value {
      case .null: return (member.key, nil)
      case .string(let text) where text.unicodeScalars.count <= limit: return (member.key, text)
      default:
        throw Problem.badRequest(
          "labels.\(member.key)", "A label is a text of at most \(limit) characters, or null.")
      }
    }
  }
}
