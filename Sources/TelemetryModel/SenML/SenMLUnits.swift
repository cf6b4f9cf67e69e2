/// The units of IANA's SenML registry: RFC 8428 §12.1, RFC 8798 and what was registered later, as the
/// registry stood on 2 February 2026.
package enum SenMLUnits {
  /// How a secondary unit relates to its base unit: base value = value × scale ÷ divisor + offset.
  ///
  /// Of scale and divisor one is 1: a thousandth is not a binary fraction, but a thousand is a whole
  /// number, so that 3284 mV are 3.284 V and not 3.2840000000000003.
  package struct Conversion: Hashable, Sendable {
    /// The registered primary unit.
    package var base: String
    /// What a value is multiplied with.
    package var scale: Double
    /// What it is divided by.
    package var divisor: Double
    /// What is added afterwards.
    package var offset: Double

    fileprivate init(
      _ base: String, times scale: Double = 1, over divisor: Double = 1, plus offset: Double = 0
    ) {
      self.base = base
      self.scale = scale
      self.divisor = divisor
      self.offset = offset
    }
  }

  /// The primary units. Those RFC 8428 does not recommend (`g l l/s Bspl % %EL EL beat/min beats`
  /// and so on) are registered all the same and stay as they are.
  package static let primary: [String] = [
    "m", "kg", "g", "s", "A", "K", "cd", "mol", "Hz", "rad", "sr", "N", "Pa", "J", "W", "C", "V",
    "F", "Ohm", "S", "Wb", "T", "H", "Cel", "lm", "lx", "Bq", "Gy", "Sv", "kat", "m2", "m3", "l",
    "m/s", "m/s2", "m3/s", "l/s", "W/m2", "cd/m2", "bit", "bit/s", "lat", "lon", "pH", "dB",
    "dBW", "Bspl", "count", "/", "%", "%RH", "%EL", "EL", "1/s", "1/min", "beat/min", "beats",
    "S/m",
    // RFC 8798 §2
    "B", "VA", "VAs", "var", "vars", "J/m", "kg/m3", "deg",
    // Registered later, after ISO 7027-1:2016
    "NTU",
  ]

  /// The secondary units of RFC 8798 §3, each a linear transformation of a primary one.
  package static let secondary: [(unit: String, conversion: Conversion)] = [
    ("ms", Conversion("s", over: 1e3)),
    ("min", Conversion("s", times: 60)),
    ("h", Conversion("s", times: 3600)),
    ("MHz", Conversion("Hz", times: 1e6)),
    ("kW", Conversion("W", times: 1e3)),
    ("kVA", Conversion("VA", times: 1e3)),
    ("kvar", Conversion("var", times: 1e3)),
    ("Ah", Conversion("C", times: 3600)),
    ("Wh", Conversion("J", times: 3600)),
    ("kWh", Conversion("J", times: 3.6e6)),
    ("varh", Conversion("vars", times: 3600)),
    ("kvarh", Conversion("vars", times: 3.6e6)),
    ("kVAh", Conversion("VAs", times: 3.6e6)),
    ("Wh/km", Conversion("J/m", times: 3.6)),
    ("KiB", Conversion("B", times: 1024)),
    ("GB", Conversion("B", times: 1e9)),
    ("Mbit/s", Conversion("bit/s", times: 1e6)),
    ("B/s", Conversion("bit/s", times: 8)),
    ("MB/s", Conversion("bit/s", times: 8e6)),
    ("mV", Conversion("V", over: 1e3)),
    ("mA", Conversion("A", over: 1e3)),
    ("dBm", Conversion("dBW", plus: -30)),
    ("ug/m3", Conversion("kg/m3", over: 1e9)),
    ("mm/h", Conversion("m/s", over: 3.6e6)),
    ("m/h", Conversion("m/s", over: 3600)),
    ("ppm", Conversion("/", over: 1e6)),
    ("/100", Conversion("/", over: 100)),
    ("/1000", Conversion("/", over: 1e3)),
    ("hPa", Conversion("Pa", times: 100)),
    ("mm", Conversion("m", over: 1e3)),
    ("cm", Conversion("m", over: 100)),
    ("km", Conversion("m", times: 1e3)),
    ("km/h", Conversion("m/s", over: 3.6)),
    // Registered later
    ("ppb", Conversion("/", over: 1e9)),
    ("ppt", Conversion("/", over: 1e12)),
    ("VAh", Conversion("VAs", times: 3600)),
    ("mg/l", Conversion("kg/m3", over: 1e3)),
    ("ug/l", Conversion("kg/m3", over: 1e6)),
    ("g/l", Conversion("kg/m3")),
  ]

  private static let primarySet = Set(primary)
  private static let conversions = Dictionary(
    uniqueKeysWithValues: secondary.map { ($0.unit, $0.conversion) })

  /// Whether `unit` is in the registry, as a primary or secondary one.
  package static func isRegistered(_ unit: String) -> Bool {
    primarySet.contains(unit) || conversions[unit] != nil
  }

  /// How to convert from a secondary unit; nil for primary and unregistered ones.
  package static func conversion(of unit: String) -> Conversion? { conversions[unit] }

  /// The unit of a value's integral over time, which is what a record's sum is in: registered where
  /// there is one (`J` for `W`), otherwise the unit times seconds as UCUM writes it (`K.s`).
  package static func timesSeconds(_ unit: String?) -> String {
    guard let unit else { return "s" }
    return integrals[unit] ?? "\(unit).s"
  }

  private static let integrals = [
    "W": "J", "A": "C", "VA": "VAs", "var": "vars", "bit/s": "bit", "m/s": "m", "m/s2": "m/s",
    "m3/s": "m3", "l/s": "l", "1/s": "/", "/": "s",
  ]
}
