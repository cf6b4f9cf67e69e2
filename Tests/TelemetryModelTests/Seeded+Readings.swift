import TestValues

extension Seeded {
  /// Numbers as sensors send them, and a few odd ones.
  mutating func value() -> Double {
    switch Int.random(in: 0..<6, using: &self) {
    case 0: Double(Int.random(in: -1000...1000, using: &self))
    case 1: Double.random(in: -1e6...1e6, using: &self)
    case 2: Double(Int.random(in: -99_999...99_999, using: &self)) / 100
    case 3: Double.random(in: -1...1, using: &self) * 1e-9
    case 4: Double(bitPattern: next()).isFinite ? Double(bitPattern: next()) : 0
    default: 0
    }
  }

  mutating func finite() -> Double {
    let value = value()
    return value.isFinite ? value : 1.5
  }
}
