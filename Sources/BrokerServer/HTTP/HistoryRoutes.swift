import BrokerCore
import DeviceProtocol
import Hummingbird
import TelemetryModel

/// `/v1/series` and `/v1/history`.
struct HistoryRoutes {
  static let maxRows = 100_000
  static let defaultSpan: Duration = .seconds(600)

  let store: any SampleStore
  let catalog: SeriesCatalog
  let registry: DeviceRegistry
  let now: @Sendable () -> Timestamp

  func add(to router: Router<BasicRequestContext>) {
    router.get("v1/history") { request, _ in try await history(request) }
    router.get("v1/series") { request, _ in
      let query = try QueryParameters(request, known: ["device", "metric"])
      let series = matching(query)
      return Response.json { json in
        json.object { json in
          json.key("series")
          write(series, to: &json)
        }
      }
    }
  }

  private func matching(_ query: QueryParameters) -> [Series] {
    let filter = SeriesQuery(devices: query.globs("device"), metrics: query.globs("metric"))
    return catalog.all { filter.matches($0, labels: registry.labels(of: $0.device)) }
  }

  private func history(_ request: Request) async throws -> Response {
    let query = try QueryParameters(
      request,
      known: ["device", "metric", "from", "to", "resolution", "functions", "limit", "cursor"])
    let now = now()
    let to = try query.time("to", now: now) ?? now
    let from = try query.time("from", now: now) ?? to - HistoryRoutes.defaultSpan
    guard from <= to else { throw Problem.badRequest("from", "from is after to.") }
    let resolution = try resolution(query["resolution"])
    let functions = try functions(query["functions"])
    let series = matching(query)
    let wanted = HistoryRequest(
      series: series.map(\.id), from: from, to: to, resolution: resolution,
      functions: resolution == .raw ? [] : functions,
      limitRows: try query.integer("limit", in: 1...HistoryRoutes.maxRows, default: 10_000),
      after: try cursor(query["cursor"]))
    let page: HistoryPage
    let gaps: [StoredGap]
    do {
      page = try await store.history(wanted)
      gaps = try await store.gaps(
        devices: Set(series.map(\.device)).sorted(), from: from, to: to)
    } catch is StoreError {
      throw Problem.storeUnavailable
    }
    return Response.json { json in
      write(page, of: series, wanted, gaps, to: &json)
    }
  }

  private func resolution(_ text: String?) throws(Problem) -> Resolution {
    guard let text else { return .s1 }
    guard let resolution = Resolution(rawValue: text) else {
      let known = Resolution.allCases.map(\.rawValue).joined(separator: ", ")
      throw .badRequest("resolution", "resolution is one of \(known).")
    }
    return resolution
  }

  private func functions(_ text: String?) throws(Problem) -> [AggregateFunction] {
    guard let text else { return [.last, .mean, .min, .max] }
    var functions: [AggregateFunction] = []
    for name in text.split(separator: ",") {
      guard let function = AggregateFunction(rawValue: String(name)) else {
        let known = AggregateFunction.allCases.map(\.rawValue).joined(separator: ", ")
        throw .badRequest("functions", "\(name) is none of \(known).")
      }
      functions.append(function)
    }
    return functions
  }

  /// `SERIES-MICROSECONDS-REPEATS`, as `next` gave it.
  private func cursor(_ text: String?) throws(Problem) -> HistoryPosition? {
    guard let text else { return nil }
    let parts = text.split(separator: "_").compactMap { Int64($0) }
    guard parts.count == 3, let repeats = Int(exactly: parts[2]), repeats >= 0 else {
      throw .badRequest("cursor", "cursor is the next of an earlier answer.")
    }
    return HistoryPosition(
      series: SeriesID(parts[0]), time: Timestamp(microseconds: parts[1]), repeats: repeats)
  }

  private func write(_ series: [Series], to json: inout JSONWriter) {
    json.array { json in
      for series in series {
        json.element()
        SeriesJSON.write(series, labels: registry.labels(of: series.device), to: &json)
      }
    }
  }

  private func write(
    _ page: HistoryPage, of series: [Series], _ request: HistoryRequest, _ gaps: [StoredGap],
    to json: inout JSONWriter
  ) {
    json.object { json in
      json.key("series")
      write(series, to: &json)
      json.key("columns")
      json.array { json in
        json.element()
        json.write("series")
        for column in request.columns {
          json.element()
          json.write(column)
        }
      }
      json.key("rows")
      json.array { json in
        for row in page.rows {
          json.element()
          SeriesJSON.write(row, to: &json)
        }
      }
      json.key("gaps")
      json.array { json in
        for gap in gaps {
          json.element()
          SeriesJSON.write(gap, to: &json)
        }
      }
      if let next = page.next {
        json.key("next")
        json.write("\(next.series)_\(next.time.microseconds)_\(next.repeats)")
      }
    }
  }
}

extension HistoryRequest {
  /// The columns behind the series.
  fileprivate var columns: [String] {
    resolution == .raw ? ["time", "value"] : ["windowStart"] + functions.map(\.rawValue)
  }
}
