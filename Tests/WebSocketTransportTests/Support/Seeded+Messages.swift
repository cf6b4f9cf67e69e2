import TestValues

extension Seeded {
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
