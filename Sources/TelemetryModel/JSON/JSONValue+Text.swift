extension JSONValue {
  /// Parses a whole JSON text.
  ///
  /// - Throws: faults of grammar, a key twice in one object, nesting beyond `JSONReader.maxDepth`.
  package init(parsing bytes: Span<UInt8>) throws(JSONError) {
    var reader = JSONReader()
    self = try reader.value(bytes)
    try reader.end(bytes)
  }

  /// Appends the value as JSON text.
  package func write(into writer: inout JSONWriter) {
    switch self {
    case .null: writer.writeNull()
    case .bool(let value): writer.write(value)
    case .number(let value): writer.write(value)
    case .string(let value): writer.write(value)
    case .array(let elements):
      writer.beginArray()
      for element in elements {
        writer.element()
        element.write(into: &writer)
      }
      writer.endArray()
    case .object(let object):
      writer.beginObject()
      for member in object.members {
        writer.key(member.key)
        member.value.write(into: &writer)
      }
      writer.endObject()
    }
  }

  /// The value as JSON text.
  package var json: [UInt8] {
    var writer = JSONWriter()
    write(into: &writer)
    return writer.bytes
  }
}

extension JSONValue: CustomStringConvertible {
  /// The value as JSON text.
  package var description: String { String(decoding: json, as: UTF8.self) }
}

extension JSONReader {
  /// Reads one value of whatever kind as a tree.
  ///
  /// - Throws: as `JSONValue.init(parsing:)`.
  package mutating func value(
    _ bytes: Span<UInt8>, depth: Int = 0
  ) throws(JSONError) -> JSONValue {
    switch try peek(bytes) {
    case UInt8(ascii: "{"):
      guard depth < JSONReader.maxDepth else { throw failure(.tooDeep) }
      return .object(try object(bytes, depth: depth))
    case UInt8(ascii: "["):
      guard depth < JSONReader.maxDepth else { throw failure(.tooDeep) }
      try enterArray(bytes)
      var elements: [JSONValue] = []
      while try nextElement(bytes, first: elements.isEmpty) {
        elements.append(try value(bytes, depth: depth + 1))
      }
      return .array(elements)
    case UInt8(ascii: "\""): return .string(try string(bytes).string(bytes))
    case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool(try bool(bytes))
    case UInt8(ascii: "n"):
      _ = try takeNull(bytes)
      return .null
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number(bytes))
    default: throw failure(.unexpectedByte)
    }
  }

  private mutating func object(
    _ bytes: Span<UInt8>, depth: Int
  ) throws(JSONError) -> JSONObject {
    try enterObject(bytes)
    var object = JSONObject()
    var seen: Set<String> = []
    while let span = try nextKey(bytes, first: object.members.isEmpty) {
      let key = try span.string(bytes)
      guard seen.insert(key).inserted else {
        throw JSONError(.duplicateKey, at: span.range.lowerBound)
      }
      object.append(key: key, value: try value(bytes, depth: depth + 1))
    }
    return object
  }
}
