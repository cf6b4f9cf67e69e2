package import TelemetryModel

/// Sequence numbers from one to another, both included; never empty.
package struct SequenceRange: Hashable, Sendable {
  /// The first.
  package let from: UInt64
  /// The last, at least `from`.
  package let to: UInt64

  /// The numbers from one to another; nil when that is none.
  package init?(from: UInt64, to: UInt64) {
    guard from <= to else { return nil }
    self.from = from
    self.to = to
  }

  /// One number.
  package init(_ sequence: UInt64) {
    from = sequence
    to = sequence
  }

  /// How many numbers; saturates at 2^64 − 1.
  package var count: UInt64 {
    let (count, overflow) = (to - from).addingReportingOverflow(1)
    return overflow ? .max : count
  }

  fileprivate init(joining from: UInt64, _ to: UInt64) {
    self.from = min(from, to)
    self.to = max(from, to)
  }
}

/// A set of sequence numbers as few ranges: ascending, neither overlapping nor touching.
///
/// Packs are acknowledged nearly in order, so the usual insertion extends the last range.
package struct SequenceRanges: Hashable, Sendable {
  /// The ranges, ascending, with at least one number missing between each two.
  package private(set) var ranges: [SequenceRange] = []

  /// No numbers.
  package init() {}

  /// The numbers in any of the ranges, which may overlap and be in any order.
  package init(_ ranges: some Sequence<SequenceRange>) {
    for range in ranges { insert(range) }
  }

  /// 1…n; nothing for 0.
  package init(upTo last: UInt64) {
    if let range = SequenceRange(from: 1, to: last) { ranges = [range] }
  }

  /// Whether there are no numbers.
  package var isEmpty: Bool { ranges.isEmpty }

  /// How many numbers; saturates at 2^64 − 1.
  package var count: UInt64 {
    ranges.reduce(0) { sum, range in
      let (next, overflow) = sum.addingReportingOverflow(range.count)
      return overflow ? .max : next
    }
  }

  /// The largest number.
  package var last: UInt64? { ranges.last?.to }

  /// The n for which 1…n are all here; 0 when 1 is missing.
  package var contiguousEnd: UInt64 {
    guard let first = ranges.first, first.from <= 1 else { return 0 }
    return first.to
  }

  /// Whether the number is here.
  package func contains(_ sequence: UInt64) -> Bool {
    let index = firstIndex(endingAtOrAfter: sequence)
    return index < ranges.count && ranges[index].from <= sequence
  }

  /// Adds one number and tells whether it is new.
  @discardableResult
  package mutating func insert(_ sequence: UInt64) -> Bool {
    if let last = ranges.last, last.to < sequence {
      if last.to == sequence - 1 {
        ranges[ranges.count - 1] = SequenceRange(joining: last.from, sequence)
      } else {
        ranges.append(SequenceRange(sequence))
      }
      return true
    }
    if contains(sequence) { return false }
    insert(SequenceRange(sequence))
    return true
  }

  /// Adds all numbers of a range.
  package mutating func insert(_ range: SequenceRange) {
    // Ranges that touch are joined as well, hence one number before and behind.
    let start = firstIndex(endingAtOrAfter: range.from == 0 ? 0 : range.from - 1)
    var end = start
    var from = range.from
    var to = range.to
    let reach = to == .max ? to : to + 1
    while end < ranges.count, ranges[end].from <= reach {
      from = min(from, ranges[end].from)
      to = max(to, ranges[end].to)
      end += 1
    }
    ranges.replaceSubrange(start..<end, with: [SequenceRange(joining: from, to)])
  }

  /// Adds all numbers of another set.
  package mutating func merge(_ other: SequenceRanges) {
    for range in other.ranges { insert(range) }
  }

  /// Takes all numbers of a range away.
  package mutating func remove(_ range: SequenceRange) {
    var kept: [SequenceRange] = []
    kept.reserveCapacity(ranges.count + 1)
    for old in ranges {
      if old.from < range.from,
        let left = SequenceRange(from: old.from, to: min(old.to, range.from - 1))
      {
        kept.append(left)
      }
      if old.to > range.to, let right = SequenceRange(from: max(old.from, range.to + 1), to: old.to)
      {
        kept.append(right)
      }
    }
    ranges = kept
  }

  /// The numbers of a range that are not here.
  package func missing(in range: SequenceRange) -> SequenceRanges {
    var rest = SequenceRanges([range])
    for known in ranges where known.to >= range.from && known.from <= range.to {
      rest.remove(known)
    }
    return rest
  }

  /// The index of the first range that ends at or after a number; `ranges.count` if none does.
  private func firstIndex(endingAtOrAfter sequence: UInt64) -> Int {
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = low + (high - low) / 2
      if ranges[middle].to < sequence { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

extension SequenceRanges {
  /// Writes the set as on the wire: `[[from,to],…]`.
  package func write(into writer: inout JSONWriter) {
    writer.array { writer in
      for range in ranges {
        writer.element()
        writer.array { writer in
          writer.element()
          writer.write(range.from)
          writer.element()
          writer.write(range.to)
        }
      }
    }
  }

  /// Reads the wire form: `[[from,to],…]`, where a plain number n stands for `[[1,n]]`.
  ///
  /// - Throws: what is wrong, with the field's name; sequence numbers are at most 2^53 − 1.
  init(json: JSONValue, field: String) throws(ProtocolError) {
    if case .number = json {
      guard let last = json.wholeNumber else {
        throw ProtocolError(field: field, "a sequence number is a whole number up to 2^53 - 1")
      }
      self.init(upTo: last)
      return
    }
    guard case .array(let elements) = json else {
      throw ProtocolError(field: field, "expected [[from,to],…]")
    }
    guard elements.count <= ProtocolLimits.maxRanges else {
      throw ProtocolError(field: field, "more than \(ProtocolLimits.maxRanges) ranges")
    }
    self.init()
    for (index, element) in elements.enumerated() {
      guard case .array(let pair) = element, pair.count == 2, let from = pair[0].wholeNumber,
        let to = pair[1].wholeNumber, from >= 1, let range = SequenceRange(from: from, to: to)
      else {
        throw ProtocolError(
          field: "\(field)[\(index)]", "expected [from,to] with 1 <= from <= to <= 2^53 - 1")
      }
      insert(range)
    }
  }
}
