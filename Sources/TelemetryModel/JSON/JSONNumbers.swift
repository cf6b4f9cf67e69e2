// Numbers as JSON text, without going through `String` for what sensors send.

/// Appends the digits of a whole number.
func appendDigits(_ value: UInt64, _ bytes: inout [UInt8]) {
  if value < 10 {
    bytes.append(UInt8(truncatingIfNeeded: value) + UInt8(ascii: "0"))
    return
  }
  let start = bytes.count
  var rest = value
  while rest > 0 {
    let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
    bytes.append(UInt8(truncatingIfNeeded: digit) + UInt8(ascii: "0"))
    rest = quotient
  }
  bytes[start...].reverse()
}

/// Appends a whole number with its sign.
func appendInteger(_ value: Int64, _ bytes: inout [UInt8]) {
  if value < 0 { bytes.append(UInt8(ascii: "-")) }
  appendDigits(value.magnitude, &bytes)
}

/// Appends `mantissa` / 10^`decimals` as a decimal fraction, without trailing zeros.
func appendDecimal(
  _ mantissa: UInt64, decimals: Int, negative: Bool, _ bytes: inout [UInt8]
) {
  var scale: UInt64 = 1
  for _ in 0..<decimals { scale *= 10 }
  var (whole, fraction) = mantissa.quotientAndRemainder(dividingBy: scale)
  if negative, mantissa > 0 { bytes.append(UInt8(ascii: "-")) }
  appendDigits(whole, &bytes)
  guard fraction > 0 else { return }
  bytes.append(UInt8(ascii: "."))
  while fraction > 0 {
    scale /= 10
    (whole, fraction) = fraction.quotientAndRemainder(dividingBy: scale)
    bytes.append(UInt8(truncatingIfNeeded: whole) + UInt8(ascii: "0"))
  }
}

/// Appends seconds with up to six decimals.
func appendSeconds(microseconds: Int64, _ bytes: inout [UInt8]) {
  appendDecimal(microseconds.magnitude, decimals: 6, negative: microseconds < 0, &bytes)
}

/// Appends the fewest digits that read back to the same `Double`, `null` for what JSON cannot say.
///
/// A decimal of at most 15 digits belongs to one `Double` alone, so the first number of decimals
/// that reads back is also the shortest; only long fractions go through the standard library.
func appendNumber(_ number: Double, _ bytes: inout [UInt8]) {
  let magnitude = number.magnitude
  if magnitude < 1e15 {
    var scaled = magnitude
    var decimals = 0
    while scaled < 1e15, decimals <= 9 {
      // Adding 1.5 × 2^52 leaves no room for a fraction: rounding without libm.
      let rounded = scaled + 0x1.8p52 - 0x1.8p52
      if rounded / powerOfTen(decimals) == magnitude {
        appendDecimal(UInt64(rounded), decimals: decimals, negative: number < 0, &bytes)
        return
      }
      decimals += 1
      scaled = magnitude * powerOfTen(decimals)
    }
  }
  guard number.isFinite else {
    bytes.append(contentsOf: "null".utf8)
    return
  }
  var text = number.description
  if text.hasSuffix(".0") { text.removeLast(2) }
  bytes.append(contentsOf: text.utf8)
}
