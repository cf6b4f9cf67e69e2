extension String {
  /// The text as one part of a metric's name: characters that RFC 8428 §4.5.1 does not have, and
  /// the dot, which separates parts here, become `_`.
  var asMetricPart: String {
    let allowed = utf8.map { byte -> UInt8 in
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
        byte
      default: UInt8(ascii: "_")
      }
    }
    return String(decoding: allowed, as: UTF8.self)
  }
}
