import BrokerCore
import DeviceProtocol
import Hummingbird
import TelemetryModel

/// A request's query, read once and strictly: unknown and repeated names are errors, so that a
/// misspelt filter never silently shows everything.
struct QueryParameters {
  private let values: [String: String]

  /// `known` are the names that this request takes.
  ///
  /// - Throws: a problem that names the parameter.
  init(_ request: Request, known: Set<String>) throws(Problem) {
    var values: [String: String] = [:]
    for (name, value) in request.uri.queryParameters {
      let name = String(name)
      guard known.contains(name) else {
        throw .badRequest(
          name,
          "There is no parameter \(name); known are \(known.sorted().joined(separator: ", ")).")
      }
      guard values.updateValue(String(value), forKey: name) == nil else {
        throw .badRequest(name, "\(name) is given twice.")
      }
    }
    self.values = values
  }

  subscript(name: String) -> String? {
    guard let value = values[name], !value.isEmpty else { return nil }
    return value
  }

  /// Names or globs, separated by commas; nil where there are none.
  func globs(_ name: String) -> [Glob]? {
    self[name].map { $0.split(separator: ",").map { Glob(String($0)) } }
  }

  /// Names or globs as they were written, separated by commas; nil where there are none.
  func words(_ name: String) -> [String]? {
    self[name].map { $0.split(separator: ",").map(String.init) }
  }

  /// Names separated by commas; nil where the parameter is missing, none where it is empty.
  func list(_ name: String) -> [String]? {
    values[name].map { $0.split(separator: ",").map(String.init) }
  }

  /// `key:glob`, several separated by commas.
  func labels(_ name: String) throws(Problem) -> [String: String] {
    var labels: [String: String] = [:]
    for part in self[name]?.split(separator: ",") ?? [] {
      guard let colon = part.firstIndex(of: ":"), colon != part.startIndex else {
        throw .badRequest(name, "\(name) is KEY:VALUE, for example site:lab.")
      }
      labels[String(part[..<colon])] = String(part[part.index(after: colon)...])
    }
    return labels
  }

  /// `raw` or a window's length; windows of a second where there is none.
  func resolution(_ name: String) throws(Problem) -> Resolution {
    guard let text = self[name] else { return .s1 }
    guard let resolution = Resolution(rawValue: text) else {
      let known = Resolution.allCases.map(\.rawValue).joined(separator: ", ")
      throw .badRequest(name, "\(name) is one of \(known).")
    }
    return resolution
  }

  /// Functions separated by commas.
  func functions(
    _ name: String, default fallback: [AggregateFunction]
  ) throws(Problem) -> [AggregateFunction] {
    var functions: [AggregateFunction] = []
    for word in words(name) ?? [] {
      guard let function = AggregateFunction(rawValue: word) else {
        let known = AggregateFunction.allCases.map(\.rawValue).joined(separator: ", ")
        throw .badRequest(name, "\(word) is none of \(known).")
      }
      functions.append(function)
    }
    return functions.isEmpty ? fallback : functions
  }

  /// One of a closed set of words.
  func word<Word: RawRepresentable & CaseIterable>(_ name: String) throws(Problem) -> Word?
  where Word.RawValue == String {
    guard let text = self[name] else { return nil }
    guard let word = Word(rawValue: text) else {
      let known = Word.allCases.map(\.rawValue).joined(separator: ", ")
      throw .badRequest(name, "\(name) is one of \(known).")
    }
    return word
  }

  /// A whole number within bounds.
  func integer(_ name: String, in range: ClosedRange<Int>, default fallback: Int) throws(Problem)
    -> Int
  {
    guard let text = self[name] else { return fallback }
    guard let value = Int(text), range.contains(value) else {
      throw .badRequest(
        name, "\(name) is a whole number from \(range.lowerBound) to \(range.upperBound).")
    }
    return value
  }

  /// A time: seconds since 1970, RFC 3339, or relative to now (`-10m`).
  func time(_ name: String, now: Timestamp) throws(Problem) -> Timestamp? {
    guard let text = self[name] else { return nil }
    guard let time = TimeText.parse(text, now: now) else {
      throw .badRequest(
        name,
        "\(name) is a time: seconds since 1970, RFC 3339 (2026-01-31T12:00:00Z) or relative (-10m)."
      )
    }
    return time
  }
}
