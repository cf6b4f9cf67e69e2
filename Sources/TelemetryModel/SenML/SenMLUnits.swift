/// The units of IANA's SenML registry: RFC 8428 §12.1, RFC 8798 and later additions.
package enum SenMLUnits {
  /// How a secondary unit relates to its base unit: base value = value × scale + offset.
  package struct Conversion: Hashable, Sendable {
    /// The registered primary unit.
    package var base: String
    /// What a value is multiplied with.
    package var scale: Double
    /// What is added afterwards.
    package var offset: Double
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
    // Registered later; not confirmed, the registry itself could not be read.
    "NTU",
  ]

  /// The secondary units of RFC 8798 §3, each a linear transformation of a primary one.
  package static let secondary: [(unit: String, conversion: Conversion)] = [
    ("ms", Conversion(base: "s", scale: 1e-3, offset: 0)),
    ("min", Conversion(base: "s", scale: 60, offset: 0)),
    ("h", Conversion(base: "s", scale: 3600, offset: 0)),
    ("MHz", Conversion(base: "Hz", scale: 1e6, offset: 0)),
    ("kW", Conversion(base: "W", scale: 1e3, offset: 0)),
    ("kVA", Conversion(base: "VA", scale: 1e3, offset: 0)),
    ("kvar", Conversion(base: "var", scale: 1e3, offset: 0)),
    ("Ah", Conversion(base: "C", scale: 3600, offset: 0)),
    ("Wh", Conversion(base: "J", scale: 3600, offset: 0)),
    ("kWh", Conversion(base: "J", scale: 3.6e6, offset: 0)),
    ("varh", Conversion(base: "vars", scale: 3600, offset: 0)),
    ("kvarh", Conversion(base: "vars", scale: 3.6e6, offset: 0)),
    ("kVAh", Conversion(base: "VAs", scale: 3.6e6, offset: 0)),
    ("Wh/km", Conversion(base: "J/m", scale: 3.6, offset: 0)),
    ("KiB", Conversion(base: "B", scale: 1024, offset: 0)),
    ("GB", Conversion(base: "B", scale: 1e9, offset: 0)),
    ("Mbit/s", Conversion(base: "bit/s", scale: 1e6, offset: 0)),
    ("B/s", Conversion(base: "bit/s", scale: 8, offset: 0)),
    ("MB/s", Conversion(base: "bit/s", scale: 8e6, offset: 0)),
    ("mV", Conversion(base: "V", scale: 1e-3, offset: 0)),
    ("mA", Conversion(base: "A", scale: 1e-3, offset: 0)),
    ("dBm", Conversion(base: "dBW", scale: 1, offset: -30)),
    ("ug/m3", Conversion(base: "kg/m3", scale: 1e-9, offset: 0)),
    ("mm/h", Conversion(base: "m/s", scale: 1 / 3.6e6, offset: 0)),
    ("m/h", Conversion(base: "m/s", scale: 1 / 3600, offset: 0)),
    ("ppm", Conversion(base: "/", scale: 1e-6, offset: 0)),
    ("/100", Conversion(base: "/", scale: 1e-2, offset: 0)),
    ("/1000", Conversion(base: "/", scale: 1e-3, offset: 0)),
    ("hPa", Conversion(base: "Pa", scale: 100, offset: 0)),
    ("mm", Conversion(base: "m", scale: 1e-3, offset: 0)),
    ("cm", Conversion(base: "m", scale: 1e-2, offset: 0)),
    ("km", Conversion(base: "m", scale: 1e3, offset: 0)),
    ("km/h", Conversion(base: "m/s", scale: 1 / 3.6, offset: 0)),
    // Registered later; `ppb` is not confirmed, nor are the factors, which follow from the names.
    ("ppb", Conversion(base: "/", scale: 1e-9, offset: 0)),
    ("ppt", Conversion(base: "/", scale: 1e-12, offset: 0)),
    ("VAh", Conversion(base: "VAs", scale: 3600, offset: 0)),
    ("mg/l", Conversion(base: "kg/m3", scale: 1e-3, offset: 0)),
    ("ug/l", Conversion(base: "kg/m3", scale: 1e-6, offset: 0)),
    ("g/l", Conversion(base: "kg/m3", scale: 1, offset: 0)),
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
