package import DeviceProtocol
import TelemetryModel

extension Subscription {
  /// The least updates a second that may be asked for: rows wait in memory until then.
  package static let minRate = 0.01

  /// What a request asks for, and where its history begins.
  ///
  /// - Throws: what is wrong, with the field.
  package static func wanted(
    _ params: SubscribeParams
  ) throws(RPCError) -> (Subscription, Since) {
    if let names = params.groupBy {
      guard params.resolution != .raw else {
        throw RPCError(
          .invalidField, "groupBy merges windows; ask for a resolution of 1s or longer",
          field: "params.groupBy")
      }
      guard Set(names).count == names.count else {
        throw RPCError(.invalidField, "a label is named twice", field: "params.groupBy")
      }
    }
    if let rate = params.maxRate, rate < minRate {
      throw RPCError(
        .limitExceeded, "updates that seldom would have to wait in memory",
        field: "params.maxRate", limit: minRate)
    }
    let subscription = Subscription(
      query: SeriesQuery(
        devices: globs(params.query.devices), metrics: globs(params.query.metrics),
        labels: params.query.labels.mapValues { Glob($0) }),
      resolution: params.resolution, functions: params.functions, groupBy: params.groupBy,
      maxRate: params.maxRate)
    return (subscription, try since(params.since))
  }

  /// Patterns so that lists of which any may fit are equal where they mean the same.
  private static func globs(_ patterns: [String]?) -> [Glob]? {
    guard let patterns, !patterns.contains("*") else { return nil }
    return Set(patterns).sorted().map { Glob($0) }
  }

  private static func since(_ since: SubscribeParams.Since) throws(RPCError) -> Since {
    switch since {
    case .now: return .now
    case .time(let time): return .time(time)
    case .cursor(let text):
      guard let cursor = Cursor(text) else {
        throw RPCError(
          .invalidField, "expected a cursor, a time, or a relative time (-10m)",
          field: "params.since")
      }
      return .cursor(cursor)
    }
  }
}
