import BrokerCore
import DeviceProtocol
import HTTPTypes
import Hummingbird
import NIOCore
import TelemetryModel

/// `/v1/history`: readings and windows as JSON, CSV or SenML.
///
/// The first slice is read before anything is answered, so that a store that cannot be read is told
/// as 503. A longer answer is written as it is read; when its reader goes away, reading stops.
struct HistoryRoutes {
  /// The most series that are answered one by one; groups may have any number.
  static let maxSeries = 10_000
  /// Tells where to go on behind a table or a pack, which have no place for it.
  static let nextField = "Hawser-Next"

  let store: any SampleStore
  let catalog: SeriesCatalog
  let registry: DeviceRegistry
  let now: @Sendable () -> Timestamp
  /// How long the store keeps readings or windows; nil for ever.
  let kept: @Sendable (Resolution) -> Duration?

  func add(to router: Router<BrokerRequestContext>) {
    router.get("v1/history") { request, _ in try await history(request) }
  }

  private func history(_ request: Request) async throws -> Response {
    let query = try HistoryQuery(
      QueryParameters(request, known: HistoryQuery.known, mayBeEmpty: ["groupBy"]),
      accept: request.headers[.accept], now: now(), kept: kept)
    let series = catalog.all { query.filter.matches($0, labels: registry.labels(of: $0.device)) }
    let groups = query.groupBy.map { names in
      var groups = SeriesGroups(by: names)
      for series in series { groups.add(series, labels: registry.labels(of: series.device)) }
      return groups
    }
    guard groups != nil || series.count <= HistoryRoutes.maxSeries else {
      throw Problem(
        status: .unprocessableContent, code: "limitExceeded",
        detail: """
          These are \(series.count) series, more than the \(HistoryRoutes.maxSeries) of one answer; \
          narrow device, metric or label, or merge them with groupBy.
          """, field: "metric")
    }
    let plan = HistoryWalk.Plan(
      series: series.map(\.id), groups: groups, from: query.from, to: query.to,
      resolution: query.resolution, functions: query.functions, limitRows: query.limitRows,
      after: query.cursor?.position, throughCommit: query.cursor?.commit)
    var walk = HistoryWalk(plan, store: store)
    var document = HistoryDocument(
      query, series: series, groups: groups, labels: registry.labels(of:))
    let gaps: [StoredGap]
    do {
      document.write(try await walk.slice())
      gaps =
        query.format == .json
        ? try await store.gaps(
          devices: Set(series.map(\.device)).sorted(), from: query.from, to: query.to) : []
    } catch is StoreError {
      throw Problem.storeUnavailable
    }
    let headers: HTTPFields = [
      .contentType: query.format.contentType, .cacheControl: "no-store", .vary: "Accept",
    ]
    guard !walk.isFinished else {
      return whole(&document, walk, gaps, headers)
    }
    return Response(
      status: .ok, headers: headers,
      body: streamed(document, walk, gaps, instead: request.body))
  }

  /// An answer that is complete already.
  private func whole(
    _ document: inout HistoryDocument, _ walk: HistoryWalk, _ gaps: [StoredGap],
    _ headers: HTTPFields
  ) -> Response {
    let next = next(after: walk, document.query)
    document.end(gaps: gaps, next: next)
    var headers = headers
    if let next, let name = HTTPField.Name(HistoryRoutes.nextField) { headers[name] = next }
    return Response(
      status: .ok, headers: headers,
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: document.take())))
  }

  /// An answer that is written while it is read. Watching whether the client is still there uses up
  /// the connection, which is closed behind the answer.
  private func streamed(
    _ begun: HistoryDocument, _ started: HistoryWalk, _ gaps: [StoredGap],
    instead body: RequestBody
  ) -> ResponseBody {
    ResponseBody { writer in
      let next = try await body.consumeWithCancellationOnInboundClose { _ in
        var document = begun
        var walk = started
        while !walk.isFinished {
          try await writer.write(ByteBuffer(bytes: document.take()))
          document.write(try await walk.slice())
        }
        let next = self.next(after: walk, document.query)
        document.end(gaps: gaps, next: next)
        try await writer.write(ByteBuffer(bytes: document.take()))
        return next
      }
      var trailers = HTTPFields()
      if let next, let name = HTTPField.Name(HistoryRoutes.nextField) { trailers[name] = next }
      try await writer.finish(trailers.isEmpty ? nil : trailers)
    }
  }

  private func next(after walk: HistoryWalk, _ query: HistoryQuery) -> String? {
    walk.next.map {
      HistoryCursor(position: $0, from: query.from, to: query.to, commit: walk.commit).text
    }
  }
}
