import BrokerCore
import Hummingbird
import TelemetryModel

/// `/v1/series`: what there is to be asked for.
struct SeriesRoutes {
  let catalog: SeriesCatalog
  let registry: DeviceRegistry

  func add(to router: Router<BrokerRequestContext>) {
    router.get("v1/series") { request, _ in
      let query = try QueryParameters(request, known: ["device", "metric", "label"])
      let filter = SeriesQuery(
        devices: query.globs("device"), metrics: query.globs("metric"),
        labels: try query.labels("label").mapValues(Glob.init))
      let found = catalog.all { filter.matches($0, labels: registry.labels(of: $0.device)) }
      return Response.json { json in
        json.object { json in
          json.key("series")
          json.array { json in
            for series in found {
              json.element()
              SeriesJSON.write(series, labels: registry.labels(of: series.device), to: &json)
            }
          }
        }
      }
    }
  }
}
