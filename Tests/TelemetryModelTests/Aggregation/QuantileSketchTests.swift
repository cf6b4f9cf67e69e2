import Foundation
import TelemetryModel
import TestValues
import Testing

@Suite("Quantile sketch")
struct QuantileSketchTests {
  private func distributions(_ random: inout Seeded) -> [(String, [Double])] {
    let count = 5000
    func many(_ make: () -> Double) -> [Double] { (0..<count).map { _ in make() } }
    return [
      ("uniform", many { .random(in: 20...30, using: &random) }),
      ("exponential", many { -log(.random(in: 1e-12...1, using: &random)) }),
      ("pareto", many { pow(.random(in: 1e-9...1, using: &random), -1.5) }),
      ("both signs", many { .random(in: -1000...1000, using: &random) }),
      ("negative", many { -exp(.random(in: -5...9, using: &random)) }),
      (
        "many zeros", many { Bool.random(using: &random) ? 0 : .random(in: -1...9, using: &random) }
      ),
      ("powers of two", many { pow(2, Double(Int.random(in: -9...9, using: &random))) }),
    ]
  }

  @Test("Every quantile is within 1 % of the exact one, on skewed data and either sign")
  func relativeError() throws {
    var random = Seeded()
    for (name, values) in distributions(&random) {
      var sketch = QuantileSketch()
      for value in values { sketch.add(value) }
      let sorted = values.sorted()
      for quantile in [0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1] {
        let exact = sorted[Int((quantile * Double(sorted.count - 1)).rounded(.down))]
        let estimate = try #require(sketch.value(at: quantile))
        #expect(
          abs(estimate - exact) <= 0.01 * abs(exact) * (1 + 1e-9),
          "\(name), q \(quantile), seed \(random.seed)")
      }
    }
  }

  @Test("Single values of every magnitude come back within 1 %")
  func everyMagnitude() throws {
    var random = Seeded()
    for _ in 0..<50_000 {
      let value = Double(bitPattern: random.next())
      guard value.isFinite else { continue }
      var sketch = QuantileSketch()
      sketch.add(value)
      let estimate = try #require(sketch.value(at: 0.5))
      if value.magnitude < .leastNormalMagnitude {
        #expect(estimate == 0)
      } else {
        #expect(
          abs(estimate - value) / value.magnitude <= 0.01 * (1 + 1e-9),
          "\(value), seed \(random.seed)")
      }
    }
  }

  @Test("Any order and grouping give the same sketch, byte for byte, also when buckets collapse")
  func mergeable() {
    var random = Seeded()
    for _ in 0..<40 {
      let values = (0..<300).map { _ in
        exp(Double.random(in: -60...60, using: &random)) * (Bool.random(using: &random) ? 1 : -1)
      }
      var whole = QuantileSketch()
      for value in values { whole.add(value) }
      var parts = (0..<5).map { _ in QuantileSketch() }
      for value in values.shuffled(using: &random) {
        parts[Int.random(in: 0..<5, using: &random)].add(value)
      }
      var merged = QuantileSketch()
      for part in parts.shuffled(using: &random) { merged.merge(part) }
      #expect(merged == whole, "seed \(random.seed)")
      var left: [UInt8] = []
      var right: [UInt8] = []
      merged.encode(into: &left)
      whole.encode(into: &right)
      #expect(left == right)
      #expect(QuantileSketch(decoding: left.span) == whole, "seed \(random.seed)")
    }
  }

  @Test("Buckets are bounded, and what collapses are the smallest magnitudes")
  func bounded() throws {
    var sketch = QuantileSketch()
    for exponent in -300...300 { sketch.add(pow(10, Double(exponent))) }
    #expect(sketch.count == 601)
    let top = try #require(sketch.value(at: 1))
    #expect(abs(top - 1e300) <= 0.0101e300)
    let high = try #require(sketch.value(at: 0.99))
    #expect(abs(high / 1e294 - 1) <= 0.0101)
    var bytes: [UInt8] = []
    sketch.encode(into: &bytes)
    #expect(bytes.count < 200)
  }

  @Test("Storage is compact, and foreign bytes are refused")
  func storage() {
    var sketch = QuantileSketch()
    for _ in 0..<100 { sketch.add(21.5) }
    var bytes: [UInt8] = []
    sketch.encode(into: &bytes)
    #expect(bytes.count <= 8)
    #expect(QuantileSketch(decoding: bytes.span) == sketch)
    var random = Seeded()
    for _ in 0..<20_000 {
      var other = bytes
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let at = Int.random(in: 0..<other.count, using: &random)
        if Bool.random(using: &random) {
          other[at] = .random(in: 0...255, using: &random)
        } else {
          other.insert(.random(in: 0...255, using: &random), at: at)
        }
      }
      if let decoded = QuantileSketch(decoding: other.span) { _ = decoded.value(at: 0.5) }
    }
    let nothing: [UInt8] = []
    #expect(QuantileSketch(decoding: nothing.span) == nil)
  }

  @Test("Without readings there is no quantile")
  func empty() {
    #expect(QuantileSketch().value(at: 0.5) == nil)
  }
}
