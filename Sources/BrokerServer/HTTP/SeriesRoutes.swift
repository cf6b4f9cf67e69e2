import BrokerCore
import Hummingbird
import TelemetryModel

/// `/v1/series`: what there is to be asked for.
struct SeriesRoutes {
  let catalog: SeriesCatalog
  let registry: DeviceRegistry
  let tags: EntityTags

  func add(to router: Router<BrokerRequestContext>) {
    router.get("v1/series") { request, _ in try list(request) }
  }

  private func list(_ request: Request) throws -> Response {
    let query = try QueryParameters(
      request, known: ["device", "metric", "label", "limit", "cursor"])
    let limit = try query.integer("limit", in: 1...DeviceRoutes.maxPage, default: 100)
    let filter = SeriesQuery(
      devices: try query.globs("device"), metrics: try query.globs("metric"),
      labels: try query.labels("label").mapValues(Glob.init))
    let after = try query.cursor("cursor").map { SeriesID($0) } ?? SeriesID.none
    // Labels belong to devices; series are only ever added.
    let tag = tags.tag(UInt64(catalog.count), registry.version)
    if let unchanged = tags.unchanged(request, tag) { return unchanged }
    let found = catalog.all {
      $0.id > after && filter.matches($0, labels: registry.labels(of: $0.device))
    }
    let page = found.prefix(limit)
    return Response.json(tag: tag) { json in
      json.object { json in
        json.key("series")
        json.array { json in
          for series in page {
            json.element()
            SeriesJSON.write(series, labels: registry.labels(of: series.device), to: &json)
          }
        }
        if found.count > page.count, let last = page.last {
          json.key("next")
          json.write(last.id.description)
        }
      }
    }
  }
}
