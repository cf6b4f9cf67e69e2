/// Chance that can be repeated: the same numbers from the same seed everywhere (Steele, Lea and Flood's
/// SplitMix64), so that a failure's seed makes the failure again.
package struct Seeded: RandomNumberGenerator, Sendable {
  /// The seed it began with, for what a failing test says.
  package let seed: UInt64
  private var state: UInt64

  /// With a given seed, or with one of its own.
  package init(_ seed: UInt64 = .random(in: 0...UInt64.max)) {
    self.seed = seed
    state = seed
  }

  /// The next 64 bits.
  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// True so often out of a hundred times.
  package mutating func percent(_ percent: Int) -> Bool {
    Int.random(in: 0..<100, using: &self) < percent
  }
}
