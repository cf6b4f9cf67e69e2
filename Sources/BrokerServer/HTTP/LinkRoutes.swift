import BrokerCore
import DeviceProtocol
import Hummingbird
import TelemetryModel

/// `/v1/links`: how links end, by cause, transport and network, and what each device has learnt of its
/// path.
struct LinkRoutes {
  /// The most kinds of ends in one answer; the rarest are left out, and counted together.
  static let maxEnds = 1_000

  let registry: DeviceRegistry
  let statistics: LinkStatistics
  /// The clock by which ends are counted: it never jumps.
  let steady: @Sendable () -> Timestamp

  func add(to router: Router<BrokerRequestContext>) {
    router.get("v1/links") { request, _ in try list(request) }
  }

  private func list(_ request: Request) throws -> Response {
    let query = try QueryParameters(
      request, known: ["from", "to", "network", "device", "limit", "cursor"])
    let limit = try query.integer("limit", in: 1...DeviceRoutes.maxPage, default: 100)
    let now = steady()
    let counts = statistics.counts
    let to = try query.time("to", now: now) ?? now
    let from = try query.time("from", now: now) ?? min(counts.since, to)
    guard from <= to else { throw Problem.contradiction("from", "from is after to.") }
    let networks = try query.texts("network", atMost: ProtocolLimits.maxGlobs)?.map { Glob($0) }
    let isWanted: (NetworkKey) -> Bool = { key in
      guard let networks else { return true }
      return networks.contains { $0.matches(key.name ?? "") }
    }
    let devices = try query.globs("device")
    let after = try query.deviceCursor("cursor")
    let found = registry.linkHistories { status, history in
      (devices?.contains { $0.matches(status.device.string) } ?? true)
        && (networks == nil || history.network.map(isWanted) ?? false)
        && (after.map { status.device > $0 } ?? true)
    }
    let page = found.prefix(limit)
    let summary = counts.ends(from: from, to: to, where: isWanted)
    return Response.json { json in
      json.object { json in
        json.key("since")
        json.write(counts.since)
        json.key("from")
        json.write(summary.range.lowerBound)
        json.key("to")
        json.write(summary.range.upperBound)
        // What was counted belongs to the whole, and goes with its first page.
        if after == nil { LinksJSON.writeEnds(summary.ends, limit: LinkRoutes.maxEnds, to: &json) }
        json.key("devices")
        json.array { json in
          for (status, history) in page {
            json.element()
            LinksJSON.write(status, history, to: &json)
          }
        }
        if found.count > page.count, let last = page.last {
          json.key("next")
          json.write(last.status.device.string)
        }
      }
    }
  }
}
