import Hummingbird

/// The forms in which history is answered.
enum HistoryFormat: String, CaseIterable {
  case json
  case csv
  case senML = "senml"

  var mediaType: String {
    switch self {
    case .json: "application/json"
    case .csv: "text/csv"
    case .senML: "application/senml+json"
    }
  }

  /// The header's value: what a table's first line is belongs to its type (RFC 4180 §3).
  var contentType: String {
    self == .csv ? "text/csv; charset=utf-8; header=present" : mediaType
  }

  /// The most rows that may be asked for, whatever the form.
  static let mostRows = 10_000_000

  /// JSON is read whole by whoever asks; tables and packs may be as long as a disk, since nothing is
  /// kept in memory for them.
  var maxRows: Int { self == .json ? 100_000 : HistoryFormat.mostRows }
  var defaultRows: Int { self == .json ? 10_000 : 1_000_000 }

  /// The form that `format` names, or else the one that the header wants most (RFC 9110 §12.5.1).
  ///
  /// - Throws: 400 for an unknown `format`, 406 where none of the forms is wanted.
  static func chosen(_ name: String?, accept: String?) throws(Problem) -> HistoryFormat {
    if let name {
      guard let format = HistoryFormat(rawValue: name) else {
        let known = allCases.map(\.rawValue).joined(separator: ", ")
        throw .badRequest("format", "format is one of \(known).")
      }
      return format
    }
    guard let accept, !accept.isEmpty else { return .json }
    let wanted = allCases.map { ($0, $0.weight(in: accept)) }
    guard let best = wanted.max(by: { $0.1 < $1.1 })?.1, best > 0,
      let first = wanted.first(where: { $0.1 == best })
    else {
      let known = allCases.map(\.mediaType).joined(separator: ", ")
      throw Problem(
        status: .notAcceptable, code: "notAcceptable", detail: "History comes as \(known).",
        field: "Accept")
    }
    return first.0
  }

  /// How much the header wants this form, 0…1; the most specific range that fits counts.
  private func weight(in accept: String) -> Double {
    var found: (precision: Int, weight: Double) = (0, 0)
    for range in accept.split(separator: ",") {
      let parts = range.split(separator: ";").map { $0.filter { $0 != " " }.lowercased() }
      guard let type = parts.first, let precision = precision(of: type) else { continue }
      let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.map {
        min(max(Double($0.dropFirst(2)) ?? 1, 0), 1)
      }
      if precision > found.precision { found = (precision, weight ?? 1) }
    }
    return found.weight
  }

  private func precision(of range: String) -> Int? {
    let kind = mediaType.split(separator: "/")[0]
    return range == mediaType ? 3 : range == "\(kind)/*" ? 2 : range == "*/*" ? 1 : nil
  }
}
