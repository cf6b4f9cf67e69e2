/// SplitMix64: the same numbers from the same seed everywhere.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// Bytes as telemetry has them, mostly: repetitive text, with some noise now and then.
  mutating func message(of count: Int) -> [UInt8] {
    if Int.random(in: 0..<8, using: &self) == 0 {
      return (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 80)
    while bytes.count < count {
      let value = Int.random(in: 0..<1000, using: &self)
      bytes += Array(#"{"bn":"pi-lab-7/","n":"cpu-temp","u":"Cel","v":\#(value).5},"#.utf8)
    }
    return Array(bytes.prefix(count))
  }
}
