import CYaml

/// Reads one YAML document through libyaml's event interface into nodes.
///
/// Aliases, complex keys, repeated keys and a second document are refused: configuration needs
/// none of them, and each is a way to say something other than what one reads.
struct YAMLParser: ~Copyable {
  static let maxDepth = 16

  // On the heap, because libyaml keeps pointers into its own struct.
  private let parser: UnsafeMutablePointer<yaml_parser_t>

  private init() {
    parser = .allocate(capacity: 1)
    yaml_parser_initialize(parser)
  }

  deinit {
    yaml_parser_delete(parser)
    parser.deallocate()
  }

  /// Parses the whole text; nil when it holds no document (empty, or comments alone).
  static func parse(_ bytes: [UInt8]) throws(YAMLError) -> YAMLNode? {
    let result = bytes.withUnsafeBufferPointer { buffer in
      Result { () throws(YAMLError) in
        let parser = YAMLParser()
        yaml_parser_set_input_string(parser.parser, buffer.baseAddress, buffer.count)
        return try parser.document(bytes)
      }
    }
    return try result.get()
  }

  private func document(_ bytes: [UInt8]) throws(YAMLError) -> YAMLNode? {
    _ = try next(bytes)  // stream start
    guard try next(bytes).kind == YAML_DOCUMENT_START_EVENT else { return nil }
    let root = try node(try next(bytes), depth: 0, bytes)
    _ = try next(bytes)  // document end
    let after = try next(bytes)
    guard after.kind == YAML_STREAM_END_EVENT else {
      throw after.error("a second document; a configuration file holds one")
    }
    return root
  }

  private func node(_ event: Event, depth: Int, _ bytes: [UInt8]) throws(YAMLError) -> YAMLNode {
    guard depth < Self.maxDepth else {
      throw event.error("nested deeper than \(Self.maxDepth) levels")
    }
    switch event.kind {
    case YAML_SCALAR_EVENT:
      return YAMLNode(line: event.line, content: .scalar(event.text, isPlain: event.isPlain))
    case YAML_SEQUENCE_START_EVENT:
      var items: [YAMLNode] = []
      while true {
        let item = try next(bytes)
        if item.kind == YAML_SEQUENCE_END_EVENT { break }
        items.append(try node(item, depth: depth + 1, bytes))
      }
      return YAMLNode(line: event.line, content: .sequence(items))
    case YAML_MAPPING_START_EVENT:
      return try mapping(event, depth: depth, bytes)
    case YAML_ALIAS_EVENT:
      throw event.error("an alias (*name); write the value out")
    default:
      throw event.error("something other than a value")
    }
  }

  private func mapping(
    _ start: Event, depth: Int, _ bytes: [UInt8]
  ) throws(YAMLError) -> YAMLNode {
    var entries: [(key: String, line: Int, value: YAMLNode)] = []
    var lines: [String: Int] = [:]
    while true {
      let key = try next(bytes)
      if key.kind == YAML_MAPPING_END_EVENT { break }
      guard key.kind == YAML_SCALAR_EVENT else { throw key.error("a key that is not a plain name") }
      if let earlier = lines.updateValue(key.line, forKey: key.text) {
        throw key.error("key \"\(key.text)\" a second time (first on line \(earlier))")
      }
      let value = try node(try next(bytes), depth: depth + 1, bytes)
      entries.append((key.text, key.line, value))
    }
    return YAMLNode(line: start.line, content: .mapping(entries))
  }

  /// What is used of a libyaml event, copied out so that the event can be freed at once.
  private struct Event {
    let kind: yaml_event_type_t
    let line: Int
    let column: Int
    let text: String
    let isPlain: Bool

    func error(_ message: String) -> YAMLError {
      YAMLError(line: line, column: column, message: message)
    }
  }

  private func next(_ bytes: [UInt8]) throws(YAMLError) -> Event {
    var event = yaml_event_t()
    guard yaml_parser_parse(parser, &event) == 1 else { throw failure(bytes) }
    defer { yaml_event_delete(&event) }
    var text = ""
    var isPlain = false
    if event.type == YAML_SCALAR_EVENT {
      let scalar = event.data.scalar
      text = String(
        decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
      isPlain = scalar.style == YAML_PLAIN_SCALAR_STYLE
    }
    return Event(
      kind: event.type, line: Int(event.start_mark.line) + 1,
      column: Int(event.start_mark.column) + 1, text: text, isPlain: isPlain)
  }

  private func failure(_ bytes: [UInt8]) -> YAMLError {
    var message = parser.pointee.problem.map { String(cString: $0) } ?? "not enough memory"
    if message.hasPrefix("found ") { message.removeFirst("found ".count) }  // the problem says it
    if let context = parser.pointee.context { message += " " + String(cString: context) }
    if parser.pointee.error == YAML_READER_ERROR {
      // The reader knows the byte alone (invalid UTF-8, control characters).
      let before = bytes.prefix(Int(parser.pointee.problem_offset))
      let line = before.count { $0 == UInt8(ascii: "\n") } + 1
      let column = before.count - (before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0) + 1
      return YAMLError(line: line, column: column, message: message)
    }
    let mark = parser.pointee.problem_mark
    return YAMLError(line: Int(mark.line) + 1, column: Int(mark.column) + 1, message: message)
  }
}
