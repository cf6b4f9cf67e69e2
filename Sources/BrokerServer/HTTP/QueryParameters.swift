import BrokerCore
import DeviceProtocol
import Hummingbird
import TelemetryModel

/// A request's query, read once and strictly: unknown, repeated and empty parameters are errors, so that
/// a misspelt filter never silently shows everything.
///
/// What is taken here is what the patterns of `openapi.json` say, to the letter.
struct QueryParameters {
  private let values: [String: String]

  /// `known` are the names that this request takes; only those that `mayBeEmpty` names may be.
  ///
  /// - Throws: a problem that names the parameter.
  init(
    _ request: Request, known: Set<String> = [], mayBeEmpty: Set<String> = []
  ) throws(Problem) {
    var values: [String: String] = [:]
    for (name, value) in request.uri.queryParameters {
      let name = String(name)
      guard known.contains(name) else {
        let list = known.isEmpty ? "none" : known.sorted().joined(separator: ", ")
        throw .badRequest(name, "There is no parameter \(name); known are \(list).")
      }
      guard !value.isEmpty || mayBeEmpty.contains(name) else {
        throw .badRequest(name, "\(name) is empty.")
      }
      guard values.updateValue(String(value), forKey: name) == nil else {
        throw .badRequest(name, "\(name) is given twice.")
      }
    }
    self.values = values
  }

  subscript(name: String) -> String? { values[name] }

  /// What is separated by commas; nil where the parameter is missing, nothing where it may be empty and
  /// is.
  func words(_ name: String) throws(Problem) -> [String]? {
    guard let text = values[name] else { return nil }
    guard !text.isEmpty else { return [] }
    let words = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard words.allSatisfy({ !$0.isEmpty }) else {
      throw .badRequest(name, "Between two commas of \(name) there is nothing.")
    }
    return words
  }

  /// Names or patterns of names, separated by commas; nil where there are none.
  func patterns(_ name: String) throws(Problem) -> [String]? {
    guard let patterns = try texts(name, atMost: ProtocolLimits.maxGlobs) else { return nil }
    guard patterns.allSatisfy({ $0.utf8.allSatisfy(QueryParameters.standsInPatterns) }) else {
      throw .badRequest(
        name, "\(name) is names or patterns: letters, digits and - : . / _ with * and ?.")
    }
    return patterns
  }

  private static func standsInPatterns(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "-")...UInt8(ascii: ":"), UInt8(ascii: "_"), UInt8(ascii: "*"),
      UInt8(ascii: "?"):
      true
    default: false
    }
  }

  /// The same as ``patterns(_:)``, ready to be matched.
  func globs(_ name: String) throws(Problem) -> [Glob]? {
    try patterns(name)?.map { Glob($0) }
  }

  /// Texts of any kind but with commas in them, separated by commas; nil where there are none.
  func texts(_ name: String, atMost count: Int) throws(Problem) -> [String]? {
    guard let texts = try words(name) else { return nil }
    let limit = ProtocolLimits.maxGlobBytes
    guard texts.count <= count, texts.allSatisfy({ $0.unicodeScalars.count <= limit }) else {
      throw .badRequest(name, "\(name) is up to \(count) texts of up to \(limit) characters.")
    }
    return texts
  }

  /// `key:glob`, several separated by commas.
  func labels(_ name: String) throws(Problem) -> [String: String] {
    var labels: [String: String] = [:]
    let parts = try words(name) ?? []
    let limit = ProtocolLimits.maxLabelBytes
    for part in parts {
      guard let colon = part.firstIndex(of: ":"), colon != part.startIndex else {
        throw .badRequest(name, "\(name) is KEY:VALUE, for example site:lab.")
      }
      let (key, pattern) = (part[..<colon], part[part.index(after: colon)...])
      guard key.unicodeScalars.count <= limit, pattern.unicodeScalars.count <= limit else {
        throw .badRequest(name, "Keys and values of \(name) have up to \(limit) characters.")
      }
      labels[String(key)] = String(pattern)
    }
    guard parts.count <= ProtocolLimits.maxLabels else {
      throw .badRequest(name, "\(name) is up to \(ProtocolLimits.maxLabels) labels.")
    }
    return labels
  }

  /// Labels to merge devices by; nil where nothing is merged, none where all of them are.
  func groupBy(_ name: String) throws(Problem) -> [String]? {
    guard let names = try texts(name, atMost: ProtocolLimits.maxLabels) else { return nil }
    guard Set(names).count == names.count else {
      throw .contradiction(name, "A label is named twice.")
    }
    return names
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
    for word in try words(name) ?? [] {
      guard let function = AggregateFunction(rawValue: word) else {
        let known = AggregateFunction.allCases.map(\.rawValue).joined(separator: ", ")
        throw .badRequest(name, "\(word) is none of \(known).")
      }
      guard !functions.contains(function) else {
        throw .contradiction(name, "\(word) is named twice.")
      }
      functions.append(function)
    }
    let limit = AggregateFunction.allCases.count
    guard functions.count <= limit else {
      throw .badRequest(name, "\(name) is up to \(limit) functions.")
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

  /// A whole number within bounds, of digits alone.
  func integer(_ name: String, in range: ClosedRange<Int>, default fallback: Int) throws(Problem)
    -> Int
  {
    guard let text = self[name] else { return fallback }
    guard let value = Int64(digits: text).map(Int.init), range.contains(value) else {
      throw .badRequest(
        name, "\(name) is a whole number from \(range.lowerBound) to \(range.upperBound).")
    }
    return value
  }

  /// A place in a list, as an earlier answer gave it.
  func cursor(_ name: String) throws(Problem) -> Int64? {
    guard let text = self[name] else { return nil }
    guard let cursor = Int64(digits: text) else { throw .foreignCursor(name) }
    return cursor
  }

  /// A place in a list of devices: the name of the last one before.
  func deviceCursor(_ name: String) throws(Problem) -> DeviceID? {
    guard let text = self[name] else { return nil }
    guard let device = try? DeviceID(text) else { throw .foreignCursor(name) }
    return device
  }

  /// The name of one device.
  func device(_ name: String) throws(Problem) -> DeviceID? {
    guard let text = self[name] else { return nil }
    guard let device = try? DeviceID(text) else {
      throw .badRequest(name, "\(name) is the name of one device (RFC 8428 4.5.1).")
    }
    return device
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

extension Int64 {
  /// The number that 1 to 18 digits write, or as many as `limit`, where it may be so with a minus sign
  /// before them; nil for anything else.
  init?(digits text: some StringProtocol, atMost limit: Int = 18, signed: Bool = false) {
    let isNegative = signed && text.first == "-"
    let digits = isNegative ? text.utf8.dropFirst() : text.utf8[...]
    guard (1...limit).contains(digits.count),
      digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
    else { return nil }
    let number = digits.reduce(0 as Int64) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    self = isNegative ? -number : number
  }
}
