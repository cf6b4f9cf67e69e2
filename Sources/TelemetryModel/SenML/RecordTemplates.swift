/// How each name's record began the last time, byte for byte up to its first number, and which came
/// next.
///
/// A device's packs differ in numbers only. So the usual record is not parsed: its beginning is
/// compared with the one that is expected, eight bytes at a time, and what that said of name and
/// unit holds again. The same bytes at the same place of a pack cannot mean anything else; all that
/// is not the same is parsed as ever.
struct RecordTemplates: Sendable {
  /// What a record's beginning said.
  struct Template: Sendable, BitwiseCopyable {
    fileprivate var start: UInt32 = 0
    /// How many bytes there are, from `{` to before the first number; 0 where nothing is known.
    fileprivate(set) var count: UInt32 = 0
    /// The number of the base name under which it stood.
    fileprivate(set) var base: UInt32 = 0
    /// The unit as it was written, by its number; 0 where the record has none of its own.
    fileprivate(set) var unit: UInt16 = 0
    /// Whether that number is the record's time, and its value comes next.
    fileprivate(set) var hasTime = false
    /// The name of the record that came next the last time; 0 where none did.
    fileprivate(set) var next: UInt32 = 0
  }

  /// More bytes than this are forgotten, and learnt anew.
  private static let maxBytes = 4 << 20
  /// Longer beginnings are not worth their memory.
  private static let maxCount = 512

  /// By the number of the name.
  private var templates: [Template] = []
  private var arena: [UInt8] = []

  /// What is known of a name's record, if it begins at `offset` as it did the last time.
  @inline(__always)
  func match(
    _ name: UInt32, _ bytes: Span<UInt8>, at offset: Int, under base: UInt32
  ) -> Template? {
    guard Int(name) < templates.count else { return nil }
    let template = templates[Int(name)]
    guard template.count != 0, template.base == base,
      bytes.count &- offset > Int(template.count), isEqual(template, bytes, at: offset)
    else { return nil }
    return template
  }

  /// The name that is expected after another; 0 where nothing is known.
  @inline(__always)
  func next(after name: UInt32) -> UInt32 {
    Int(name) < templates.count ? templates[Int(name)].next : 0
  }

  /// Remembers how a name's record began; `unit` is 0 where it had none of its own.
  @inline(never)
  mutating func learn(
    _ name: UInt32, _ bytes: Span<UInt8>, _ range: Range<Int>, under base: UInt32, unit: UInt16,
    hasTime: Bool
  ) {
    // Eight bytes at least are compared.
    guard range.count >= 8, range.count <= RecordTemplates.maxCount else { return }
    if arena.count > RecordTemplates.maxBytes { self = RecordTemplates() }
    reach(name)
    var template = templates[Int(name)]
    if Int(template.count) == range.count, template.base == base, template.unit == unit,
      template.hasTime == hasTime, isEqual(template, bytes, at: range.lowerBound)
    {
      return
    }
    if range.count > Int(template.count) {
      template.start = UInt32(truncatingIfNeeded: arena.count)
      arena.append(contentsOf: repeatElement(0, count: range.count))
    }
    template.count = UInt32(truncatingIfNeeded: range.count)
    template.base = base
    template.unit = unit
    template.hasTime = hasTime
    for index in 0..<range.count {
      arena[Int(template.start) + index] = bytes[range.lowerBound + index]
    }
    templates[Int(name)] = template
  }

  /// Remembers that a name's record came behind another's.
  @inline(__always)
  mutating func follow(_ previous: UInt32, by name: UInt32) {
    guard next(after: previous) != name else { return }
    reach(previous)
    templates[Int(previous)].next = name
  }

  private mutating func reach(_ name: UInt32) {
    guard Int(name) >= templates.count else { return }
    let missing = Int(name) + 1 - templates.count
    templates.append(contentsOf: repeatElement(Template(), count: max(missing, templates.count)))
  }

  @inline(__always)
  private func isEqual(_ template: Template, _ bytes: Span<UInt8>, at offset: Int) -> Bool {
    let known = arena.span
    let start = Int(template.start)
    let last = Int(template.count) &- 8
    var index = 0
    while index < last {
      guard word(bytes, at: offset &+ index) == word(known, at: start &+ index) else {
        return false
      }
      index &+= 8
    }
    // The last word overlaps the one before it, so that none reaches over the end.
    return word(bytes, at: offset &+ last) == word(known, at: start &+ last)
  }
}
