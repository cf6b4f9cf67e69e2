import BrokerCore
import DeviceProtocol
import Hummingbird
import TelemetryModel

/// `/v1/devices` and `/v1/devices/{id}`.
struct DeviceRoutes {
  static let maxPage = 1_000

  let registry: DeviceRegistry

  func add(to router: Router<BrokerRequestContext>) {
    router.get("v1/devices") { request, _ in try list(request) }
    router.get("v1/devices/:id") { _, context in
      let id = try context.parameters.require("id")
      guard let device = try? DeviceID(id), let status = registry[device] else {
        throw Problem.notFound("There is no device \(id).")
      }
      return Response.json { DeviceJSON.write(status, to: &$0) }
    }
  }

  private func list(_ request: Request) throws -> Response {
    let query = try QueryParameters(
      request, known: ["device", "label", "state", "limit", "cursor"])
    let limit = try query.integer("limit", in: 1...DeviceRoutes.maxPage, default: 100)
    var presence: DeviceStatus.Presence?
    if let text = query["state"] {
      guard let known = DeviceStatus.Presence(rawValue: text) else {
        throw Problem.badRequest("state", "state is online or offline.")
      }
      presence = known
    }
    let filter = SeriesQuery(devices: query.globs("device"), labels: try labels(query["label"]))
    let after = query["cursor"]
    let found = registry.all { status in
      (presence.map { $0 == status.presence } ?? true)
        && filter.matches(device: status.device, labels: status.labels)
        && (after.map { status.device.string > $0 } ?? true)
    }
    let page = found.prefix(limit)
    return Response.json { json in
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

  /// `key:glob`, several separated by commas.
  private func labels(_ text: String?) throws(Problem) -> [String: Glob] {
    var labels: [String: Glob] = [:]
    for part in text?.split(separator: ",") ?? [] {
      guard let colon = part.firstIndex(of: ":"), colon != part.startIndex else {
        throw .badRequest("label", "label is KEY:VALUE, for example site:lab.")
      }
      labels[String(part[..<colon])] = Glob(String(part[part.index(after: colon)...]))
    }
    return labels
  }
}
