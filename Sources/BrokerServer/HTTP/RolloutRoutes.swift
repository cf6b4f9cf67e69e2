import BrokerCore
import HTTPTypes
import Hummingbird
import TelemetryModel

/// `/v1/rollouts`: one command for many devices.
struct RolloutRoutes {
  let desk: CommandDesk

  func add(to router: Router<BrokerRequestContext>) {
    router.post("v1/rollouts") { request, context in
      _ = try QueryParameters(request)
      let body = try await CommandRoutes.json(of: request)
      let record = try await problems {
        try await desk.roll(out: try RolloutWish(json: body), by: context.actor)
      }
      var response = RolloutRoutes.response(record, status: .accepted)
      response.headers[.location] = "/v1/rollouts/\(record.plan.id)"
      return response
    }
    router.get("v1/rollouts") { request, _ in try await list(request) }
    router.get("v1/rollouts/:id") { request, context in
      _ = try QueryParameters(request)
      return RolloutRoutes.response(try await record(context), status: .ok)
    }
    router.get("v1/rollouts/:id/devices") { request, context in
      try await devices(request, context)
    }
    router.delete("v1/rollouts/:id") { try await act(.cancel, $0, $1) }
    router.post("v1/rollouts/:id/pause") { try await act(.pause, $0, $1) }
    router.post("v1/rollouts/:id/resume") { try await act(.resume, $0, $1) }
  }

  private func record(_ context: BrokerRequestContext) async throws -> RolloutRecord {
    let id = try context.parameters.require("id")
    guard let record = try await problems({ try await desk.rollout(id) }) else {
      throw Problem.notFound("There is no rollout \(id).")
    }
    return record
  }

  private func act(
    _ action: CommandDesk.RolloutAction, _ request: Request, _ context: BrokerRequestContext
  ) async throws -> Response {
    _ = try QueryParameters(request)
    let id = try context.parameters.require("id")
    let record = try await problems {
      try await desk.act(action, on: id, by: context.actor)
    }
    return RolloutRoutes.response(record, status: .ok)
  }

  private static func response(
    _ record: RolloutRecord, status: HTTPResponse.Status
  ) -> Response {
    Response.json(status: status) { RolloutJSON.write(record, to: &$0) }
  }

  private func list(_ request: Request) async throws -> Response {
    let query = try QueryParameters(request, known: ["limit", "cursor"])
    let limit = try query.integer("limit", in: 1...DeviceRoutes.maxPage, default: 100)
    let before = try query.cursor("cursor")
    let found = try await problems {
      try await desk.rollouts(before: before, limit: limit + 1)
    }
    return page(found, limit: limit, "rollouts", next: \.number) { RolloutJSON.write($0, to: &$1) }
  }

  private func devices(
    _ request: Request, _ context: BrokerRequestContext
  ) async throws -> Response {
    let query = try QueryParameters(request, known: ["limit", "cursor"])
    let limit = try query.integer("limit", in: 1...DeviceRoutes.maxPage, default: 100)
    let after = try query.cursor("cursor") ?? 0
    let id = try await record(context).plan.id
    let found = try await problems {
      try await desk.parts(of: id, after: after, limit: limit + 1)
    }
    return page(found, limit: limit, "devices", next: \.number) { RolloutJSON.write($0, to: &$1) }
  }

  private func page<Element>(
    _ found: [Element], limit: Int, _ name: String, next: (Element) -> Int64,
    _ write: (Element, inout JSONWriter) -> Void
  ) -> Response {
    let page = found.prefix(limit)
    return Response.json { json in
      json.object { json in
        json.key(name)
        json.array { json in
          for element in page {
            json.element()
            write(element, &json)
          }
        }
        if found.count > page.count, let last = page.last {
          json.key("next")
          json.write("\(next(last))")
        }
      }
    }
  }
}
