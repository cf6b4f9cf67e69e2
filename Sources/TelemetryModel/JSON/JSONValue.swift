/// A JSON value as a tree, for what is rare: results, parameters of commands, configuration.
///
/// The stream of readings never goes through it.
package enum JSONValue: Hashable, Sendable {
  case null
  case bool(Bool)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)
}

/// The members of a JSON object, in the order they were written; keys occur once.
package struct JSONObject: Hashable, Sendable {
  /// One member.
  package struct Member: Hashable, Sendable {
    /// Its name.
    package var key: String
    /// Its value.
    package var value: JSONValue

    /// A member.
    package init(key: String, value: JSONValue) {
      self.key = key
      self.value = value
    }
  }

  /// The members in order.
  package private(set) var members: [Member] = []

  /// An object without members.
  package init() {}

  /// The value under `key`; setting nil removes the member, setting a new key appends it.
  package subscript(key: String) -> JSONValue? {
    get { members.first { $0.key == key }?.value }
    set {
      guard let index = members.firstIndex(where: { $0.key == key }) else {
        if let newValue { members.append(Member(key: key, value: newValue)) }
        return
      }
      if let newValue {
        members[index].value = newValue
      } else {
        members.remove(at: index)
      }
    }
  }

  /// Appends a member whose key is known to be new.
  mutating func append(key: String, value: JSONValue) {
    members.append(Member(key: key, value: value))
  }
}

extension JSONValue {
  /// The member `key` of an object; nil where it is missing or this is no object.
  package subscript(key: String) -> JSONValue? {
    guard case .object(let object) = self else { return nil }
    return object[key]
  }

  /// The number, if this is one.
  package var number: Double? {
    guard case .number(let value) = self else { return nil }
    return value
  }

  /// The string, if this is one.
  package var string: String? {
    guard case .string(let value) = self else { return nil }
    return value
  }

  /// The truth value, if this is one.
  package var bool: Bool? {
    guard case .bool(let value) = self else { return nil }
    return value
  }

  /// The elements, if this is an array.
  package var array: [JSONValue]? {
    guard case .array(let value) = self else { return nil }
    return value
  }

  /// The members, if this is an object.
  package var object: JSONObject? {
    guard case .object(let value) = self else { return nil }
    return value
  }

  /// The number if it is whole, not negative and at most 2^53 − 1, beyond which JSON numbers are
  /// not exact everywhere (RFC 7493 §2.2).
  package var wholeNumber: UInt64? {
    guard let value = number, value >= 0, value <= 0x1p53 - 1, value.rounded() == value else {
      return nil
    }
    return UInt64(value)
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByFloatLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral, ExpressibleByNilLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  /// A string.
  package init(stringLiteral value: String) { self = .string(value) }
  /// A number.
  package init(floatLiteral value: Double) { self = .number(value) }
  /// A number.
  package init(integerLiteral value: Int) { self = .number(Double(value)) }
  /// A truth value.
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  /// `null`.
  package init(nilLiteral: ()) { self = .null }
  /// An array.
  package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  /// An object; of equal keys the last one counts.
  package init(dictionaryLiteral elements: (String, JSONValue)...) {
    var object = JSONObject()
    for (key, value) in elements { object[key] = value }
    self = .object(object)
  }
}
