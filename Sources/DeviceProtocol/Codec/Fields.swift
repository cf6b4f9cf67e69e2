import TelemetryModel

/// The members of one JSON object of a message, read by name and kind; every fault names its field.
///
/// `null` counts as missing, and members nobody asks for are ignored.
struct Fields {
  let object: JSONObject
  /// The object's own place, such as `params.clock`.
  let path: String

  init(_ json: JSONValue, path: String) throws(ProtocolError) {
    guard case .object(let object) = json else {
      throw ProtocolError(field: path, "expected an object")
    }
    self.object = object
    self.path = path
  }

  /// An element of a list that may be given by its name alone.
  enum Entry {
    case name(String)
    case object(Fields)
  }

  func path(of key: String) -> String { "\(path).\(key)" }

  private func fault(_ key: String, _ message: String) -> ProtocolError {
    ProtocolError(field: path(of: key), message)
  }

  private func present(_ key: String) -> JSONValue? {
    guard let value = object[key], value != .null else { return nil }
    return value
  }

  private func required<Value>(_ key: String, _ value: Value?) throws(ProtocolError) -> Value {
    guard let value else { throw fault(key, "missing") }
    return value
  }

  func optionalString(_ key: String, maxBytes: Int) throws(ProtocolError) -> String? {
    guard let value = present(key) else { return nil }
    guard case .string(let string) = value else { throw fault(key, "expected a string") }
    guard string.utf8.count <= maxBytes else { throw fault(key, "longer than \(maxBytes) bytes") }
    return string
  }

  func string(_ key: String, maxBytes: Int) throws(ProtocolError) -> String {
    let string = try required(key, try optionalString(key, maxBytes: maxBytes))
    guard !string.isEmpty else { throw fault(key, "empty") }
    return string
  }

  /// An identifier: a string, or a whole number, taken as its digits.
  func optionalToken(_ key: String) throws(ProtocolError) -> String? {
    if let number = present(key)?.wholeNumber { return String(number) }
    return try optionalString(key, maxBytes: ProtocolLimits.maxTokenBytes)
  }

  func token(_ key: String) throws(ProtocolError) -> String {
    let token = try required(key, try optionalToken(key))
    guard !token.isEmpty else { throw fault(key, "empty") }
    return token
  }

  func optionalNumber(_ key: String) throws(ProtocolError) -> Double? {
    guard let value = present(key) else { return nil }
    guard case .number(let number) = value else { throw fault(key, "expected a number") }
    return number
  }

  func number(_ key: String) throws(ProtocolError) -> Double {
    try required(key, try optionalNumber(key))
  }

  func optionalBool(_ key: String) throws(ProtocolError) -> Bool? {
    guard let value = present(key) else { return nil }
    guard case .bool(let bool) = value else { throw fault(key, "expected true or false") }
    return bool
  }

  func optionalInteger(
    _ key: String, in range: ClosedRange<Int>
  ) throws(ProtocolError) -> Int? {
    guard let number = try optionalNumber(key) else { return nil }
    guard let integer = Int(exactly: number), range.contains(integer) else {
      throw fault(key, "expected a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return integer
  }

  func integer(_ key: String, in range: ClosedRange<Int>) throws(ProtocolError) -> Int {
    try required(key, try optionalInteger(key, in: range))
  }

  /// A number that counts from 1 and stays exact in every JSON.
  func sequence(_ key: String) throws(ProtocolError) -> UInt64 {
    let value = try required(key, present(key))
    guard let number = value.wholeNumber, number >= 1 else {
      throw fault(key, "expected a whole number from 1 to 2^53 - 1")
    }
    return number
  }

  /// Seconds, not negative and at most about 31 years.
  func duration(_ key: String) throws(ProtocolError) -> Duration {
    let seconds = try number(key)
    guard seconds >= 0, seconds <= 1e9 else { throw fault(key, "expected seconds, 0 to 1e9") }
    return .fromSeconds(seconds)
  }

  func optionalObject(_ key: String) throws(ProtocolError) -> Fields? {
    guard let value = present(key) else { return nil }
    return try Fields(value, path: path(of: key))
  }

  func object(_ key: String) throws(ProtocolError) -> Fields {
    try required(key, try optionalObject(key))
  }

  func optionalArray(
    _ key: String, maxCount: Int
  ) throws(ProtocolError) -> [JSONValue]? {
    guard let value = present(key) else { return nil }
    guard case .array(let elements) = value else { throw fault(key, "expected an array") }
    guard elements.count <= maxCount else { throw fault(key, "more than \(maxCount) elements") }
    return elements
  }

  func optionalStrings(
    _ key: String, maxCount: Int, maxBytes: Int
  ) throws(ProtocolError) -> [String]? {
    guard let elements = try optionalArray(key, maxCount: maxCount) else { return nil }
    var strings: [String] = []
    for (index, element) in elements.enumerated() {
      guard case .string(let string) = element, string.utf8.count <= maxBytes else {
        throw fault("\(key)[\(index)]", "expected a string of at most \(maxBytes) bytes")
      }
      strings.append(string)
    }
    return strings
  }

  func optionalRanges(_ key: String) throws(ProtocolError) -> SequenceRanges? {
    guard let value = present(key) else { return nil }
    return try SequenceRanges(json: value, field: path(of: key))
  }

  func optionalChoice<Choice: RawRepresentable<String> & CaseIterable>(
    _ key: String
  ) throws(ProtocolError) -> Choice? {
    guard let word = try optionalString(key, maxBytes: ProtocolLimits.maxWordBytes) else {
      return nil
    }
    guard let choice = Choice(rawValue: word) else {
      let words = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      throw fault(key, "expected one of \(words)")
    }
    return choice
  }

  func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ key: String
  ) throws(ProtocolError) -> Choice {
    try required(key, try optionalChoice(key))
  }

  /// Text under text.
  func labels(_ key: String) throws(ProtocolError) -> [String: String] {
    guard let fields = try optionalObject(key) else { return [:] }
    guard fields.object.members.count <= ProtocolLimits.maxLabels else {
      throw fault(key, "more than \(ProtocolLimits.maxLabels) labels")
    }
    var labels: [String: String] = [:]
    for member in fields.object.members {
      guard member.key.utf8.count <= ProtocolLimits.maxLabelBytes, !member.key.isEmpty else {
        throw fault(key, "a key is empty or over \(ProtocolLimits.maxLabelBytes) bytes")
      }
      labels[member.key] = try fields.optionalString(
        member.key, maxBytes: ProtocolLimits.maxLabelBytes)
    }
    return labels
  }

  func entries(_ key: String) throws(ProtocolError) -> [Entry] {
    guard let elements = try optionalArray(key, maxCount: ProtocolLimits.maxProfileEntries) else {
      return []
    }
    var entries: [Entry] = []
    for (index, element) in elements.enumerated() {
      if case .string(let name) = element {
        entries.append(.name(name))
      } else {
        entries.append(.object(try Fields(element, path: "\(path(of: key))[\(index)]")))
      }
    }
    return entries
  }
}

extension JSONWriter {
  mutating func member(_ key: StaticString, _ value: String?) {
    guard let value else { return }
    self.key(key)
    write(value)
  }

  mutating func member(_ key: StaticString, _ value: Double?) {
    guard let value else { return }
    self.key(key)
    write(value)
  }

  mutating func member(_ key: StaticString, _ value: Int?) {
    guard let value else { return }
    self.key(key)
    write(value)
  }

  mutating func member(_ key: StaticString, _ value: JSONValue?) {
    guard let value else { return }
    self.key(key)
    value.write(into: &self)
  }
}
