/// Numbers as sensors give them are decimals with few digits: 20.25 is 2025 at two places. As whole
/// numbers they follow each other closely; as binary fractions they share little.
enum DecimalScale {
  /// The most places behind the point; more digits are noise that does not compress this way.
  static let maxPlaces = 9
  /// Below this, adding and taking off 1.5 × 2^52 rounds to a whole number, without libm.
  private static let limit = 0x1p51
  private static let powers: [Double] = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9]

  /// Ten to the number of places.
  static func factor(_ places: Int) -> Double { powers[places] }

  /// The value in units of its last place; nil where the division would not give it back bit by bit.
  @inline(__always)
  static func whole(_ value: Double, factor: Double) -> Int64? {
    let scaled = value * factor
    guard scaled.magnitude < limit else { return nil }
    let whole = Int64(scaled + 0x1.8p52 - 0x1.8p52)
    return (Double(whole) / factor).bitPattern == value.bitPattern ? whole : nil
  }

  /// The fewest places with which every value is a whole number; nil where there are none.
  static func places(of values: some Sequence<Double>) -> Int? {
    var places = 0
    for value in values {
      while whole(value, factor: powers[places]) == nil {
        guard places < maxPlaces else { return nil }
        places += 1
      }
    }
    return places
  }
}
