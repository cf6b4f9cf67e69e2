import DeviceProtocol
import TelemetryModel
import TestValues
import Testing

@Suite("Sequence ranges")
struct SequenceRangesTests {
  private func wire(_ ranges: SequenceRanges) -> String {
    var writer = JSONWriter()
    ranges.write(into: &writer)
    return text(writer.bytes)
  }

  @Test("Whatever is inserted and removed, the ranges say what a plain set says")
  func againstSets() throws {
    var random = Seeded()
    for _ in 0..<300 {
      var ranges = SequenceRanges()
      var plain: Set<UInt64> = []
      for _ in 0..<60 {
        let from = UInt64.random(in: 1...60, using: &random)
        let to = from + UInt64.random(in: 0...6, using: &random)
        let range = try #require(SequenceRange(from: from, to: to))
        switch Int.random(in: 0..<5, using: &random) {
        case 0:
          ranges.remove(range)
          plain.subtract(from...to)
        case 1:
          ranges.insert(range)
          plain.formUnion(from...to)
        case 2:
          #expect(Set(numbers(ranges.missing(in: range))) == Set(from...to).subtracting(plain))
        default:
          #expect(ranges.insert(from) == plain.insert(from).inserted, "seed \(random.seed)")
        }
        #expect(numbers(ranges) == plain.sorted(), "seed \(random.seed)")
      }
      #expect(ranges.count == UInt64(plain.count))
      for number in UInt64(0)...70 {
        #expect(ranges.contains(number) == plain.contains(number))
      }
      for (left, right) in zip(ranges.ranges, ranges.ranges.dropFirst()) {
        #expect(left.to + 1 < right.from, "seed \(random.seed)")
      }
      var merged = SequenceRanges(upTo: 5)
      merged.merge(ranges)
      #expect(Set(numbers(merged)) == plain.union(1...5))
    }
  }

  private func numbers(_ ranges: SequenceRanges) -> [UInt64] {
    ranges.ranges.flatMap { Array($0.from...$0.to) }
  }

  @Test("The wire form is [[from,to],…]")
  func wireForm() throws {
    var ranges = SequenceRanges(upTo: 3)
    ranges.insert(7)
    ranges.insert(6)
    #expect(wire(ranges) == "[[1,3],[6,7]]")
    #expect(ranges.contiguousEnd == 3)
    #expect(ranges.last == 7)
    #expect(wire(SequenceRanges()) == "[]")
    #expect(SequenceRanges(upTo: 0).isEmpty)
  }

  @Test("Extremes do not overflow")
  func extremes() throws {
    var ranges = SequenceRanges()
    ranges.insert(.max)
    ranges.insert(0)
    ranges.insert(try #require(SequenceRange(from: 1, to: .max - 1)))
    #expect(ranges.ranges.count == 1)
    #expect(ranges.count == .max)
    ranges.remove(try #require(SequenceRange(from: 0, to: .max)))
    #expect(ranges.isEmpty)
    #expect(SequenceRange(from: 2, to: 1) == nil)
  }
}
