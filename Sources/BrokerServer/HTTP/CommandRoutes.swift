import BrokerCore
import DeviceProtocol
import HTTPTypes
import Hummingbird
import TelemetryModel

/// `/v1/devices/{id}/commands`, `/v1/devices/{id}/abilities`, `/v1/commands`, `/v1/commands/{id}`.
struct CommandRoutes {
  /// The largest body of an order, in bytes.
  static let maxBody = 256 << 10
  /// The longest wait for news of a command.
  static let longestWait = 25
  /// The longest idempotency key, in bytes.
  static let maxKey = 255

  let desk: CommandDesk
  let registry: DeviceRegistry

  func add(to router: Router<BrokerRequestContext>) {
    router.post("v1/devices/:id/commands") { request, context in
      try await order(request, context)
    }
    router.get("v1/devices/:id/commands") { request, context in
      try await list(request, of: try context.device())
    }
    router.get("v1/devices/:id/abilities") { request, context in
      _ = try QueryParameters(request)
      return try await abilities(of: try present(try context.device()))
    }
    router.get("v1/commands") { request, _ in try await list(request, of: nil) }
    router.get("v1/commands/:id") { request, context in
      try await show(request, try context.parameters.require("id"))
    }
    router.delete("v1/commands/:id") { request, context in
      _ = try QueryParameters(request)
      let id = try context.parameters.require("id")
      let view = try await problems {
        try await desk.cancel(id, by: context.actor)
      }
      return response(view, status: view.record.command.status.state.isFinal ? .ok : .accepted)
    }
  }

  private func present(_ device: DeviceID) throws -> DeviceID {
    guard registry[device] != nil else { throw Problem.notFound("There is no device \(device).") }
    return device
  }

  private func order(
    _ request: Request, _ context: BrokerRequestContext
  ) async throws -> Response {
    // Whether there is such a device is the desk's to say: an order that was repeated after a crash of the
    // broker may be on disk before its device is.
    _ = try QueryParameters(request)
    let device = try context.device()
    let key = try CommandRoutes.idempotencyKey(of: request)
    let body = try await CommandRoutes.json(of: request)
    let (view, isRepeated) = try await problems {
      var wish = try CommandWish(json: body)
      wish.key = key
      return try await desk.order(wish, for: device, by: context.actor)
    }
    var response = response(view, status: .accepted)
    response.headers[.location] = "/v1/commands/\(view.record.command.order.id)"
    if isRepeated, let name = HTTPField.Name("Idempotency-Replayed") {
      response.headers[name] = "true"
    }
    return response
  }

  /// The key under which an order may be repeated; nil where there is none.
  static func idempotencyKey(of request: Request) throws -> String? {
    guard let name = HTTPField.Name("Idempotency-Key"), let key = request.headers[name] else {
      return nil
    }
    guard (1...maxKey).contains(key.utf8.count),
      key.utf8.allSatisfy({ (UInt8(ascii: "!")...UInt8(ascii: "~")).contains($0) })
    else {
      throw Problem.badRequest(
        "Idempotency-Key", "An idempotency key is 1 to \(maxKey) visible characters of ASCII.")
    }
    return key
  }

  /// A request's body as JSON.
  static func json(of request: Request) async throws -> JSONValue {
    let body = try await request.body.collect(upTo: maxBody)
    do {
      return try JSONValue(parsing: body.readableBytesUInt8Span)
    } catch {
      throw Problem(
        status: .badRequest, code: "malformed", detail: "The body is not JSON: \(error).")
    }
  }

  private func show(_ request: Request, _ id: String) async throws -> Response {
    let query = try QueryParameters(request, known: ["wait", "after"])
    let wait = try query.integer("wait", in: 0...CommandRoutes.longestWait, default: 0)
    let view = try await problems {
      try await desk.view(id, after: query["after"] ?? "", wait: .seconds(wait))
    }
    guard let view else { throw Problem.notFound("There is no command \(id).") }
    return response(view, status: .ok)
  }

  private func response(_ view: CommandView, status: HTTPResponse.Status) -> Response {
    Response.json(status: status) { CommandJSON.write(view, to: &$0) }
  }

  private func list(_ request: Request, of device: DeviceID?) async throws -> Response {
    var known: Set<String> = ["state", "rollout", "limit", "cursor"]
    if device == nil { known.insert("device") }
    let query = try QueryParameters(request, known: known)
    let limit = try query.integer("limit", in: 1...DeviceRoutes.maxPage, default: 100)
    var wanted = CommandQuery(device: device, rollout: query["rollout"], limit: limit + 1)
    if device == nil { wanted.device = try query.device("device") }
    if let text = query["state"] {
      guard let state = CommandPhase(rawValue: text) else {
        let words = CommandPhase.allCases.map(\.rawValue).joined(separator: ", ")
        throw Problem.badRequest("state", "state is one of \(words).")
      }
      wanted.state = state
    }
    wanted.before = try query.cursor("cursor")
    if let device { _ = try present(device) }
    let found = try await problems { [wanted] in try await desk.list(wanted) }
    let page = found.prefix(limit)
    return Response.json { json in
      json.object { json in
        json.key("commands")
        json.array { json in
          for entry in page {
            json.element()
            CommandJSON.write(entry.command, to: &json)
          }
        }
        if found.count > page.count, let last = page.last {
          json.key("next")
          json.write("\(last.number)")
        }
      }
    }
  }

  private func abilities(of device: DeviceID) async throws -> Response {
    let abilities = await desk.abilities(of: device)
    return Response.json { json in
      json.object { json in
        json.key("device")
        json.write(device.string)
        json.key("commands")
        json.array { json in
          for command in abilities?.commands ?? [] {
            json.element()
            command.write(into: &json)
          }
        }
        json.key("commandsAtOnce")
        json.write(abilities?.atOnce ?? 1)
      }
    }
  }
}

/// Turns refusals of the desk into problems.
func problems<Result>(_ body: () async throws -> Result) async throws -> Result {
  do {
    return try await body()
  } catch let refusal as CommandRefusal {
    throw Problem(refusal)
  }
}

extension Problem {
  init(_ refusal: CommandRefusal) {
    let status: HTTPResponse.Status =
      switch refusal {
      case .malformed: .badRequest
      case .unknownDevice, .notFound: .notFound
      case .unknownCommand, .unfit, .keyReused, .noDevice: .unprocessableContent
      case .tooMany: .tooManyRequests
      case .storeUnavailable: .serviceUnavailable
      case .ended, .wrongState: .conflict
      }
    self.init(status: status, code: refusal.code, detail: refusal.text, field: refusal.field)
  }
}

extension BrokerRequestContext {
  /// Who asks, as far as an open broker knows: where from.
  var actor: String { CommandDesk.actor(at: channel.remoteAddress?.ipAddress) }
}
