/// From magnitudes to bucket numbers and back.
///
/// A bucket number is `floor(multiplier × g(x))`, where g interpolates log2 between powers of two by
/// a cubic polynomial, as in Datadog's sketches-java (CubicallyInterpolatedMapping). Against a true
/// logarithm it costs 1 % more buckets and needs additions and multiplications only: fast, and the
/// same on every machine, so that sketches merge wherever they were made.
enum SketchMapping {
  /// The ratio of a bucket's bounds that keeps its middle within the relative error α of both:
  /// (1 + α) / (1 − α).
  static let gamma =
    (1 + QuantileSketch.relativeError) / (1 - QuantileSketch.relativeError)
  /// ln γ, from its series 2 (α + α³/3 + α⁵/5 + …): libm's logarithm may differ between machines.
  private static let lnGamma: Double = {
    let alpha = QuantileSketch.relativeError
    let square = alpha * alpha
    return 2 * alpha * (1 + square * (1 / 3.0 + square * (1 / 5.0 + square / 7.0)))
  }()
  /// d(ln x)/dg is largest, 7/10, where the mantissa is 1 and 5/3; there a bucket is γ wide.
  private static let multiplier = 0.7 / lnGamma

  private static let a = 6.0 / 35
  private static let b = -3.0 / 5
  private static let c = 10.0 / 7

  /// The bucket of a magnitude, which must be finite and normal.
  @inline(__always)
  static func index(of magnitude: Double) -> Int32 {
    let bits = magnitude.bitPattern
    let exponent = Double(Int64(bits >> 52) - 1023)
    let fraction = Double(bitPattern: bits & 0x000F_FFFF_FFFF_FFFF | 0x3FF0_0000_0000_0000) - 1
    let scaled = multiplier * (((a * fraction + b) * fraction + c) * fraction + exponent)
    let truncated = Int32(scaled)
    return Double(truncated) > scaled ? truncated - 1 : truncated
  }

  /// The value that stands for a bucket: within α of everything in it.
  static func value(of index: Int32) -> Double {
    let bounded = min(max(index, lowest), highest)
    let lower = magnitude(at: Double(bounded) / multiplier)
    // 2γ/(1+γ) above the lower bound is α from both bounds of a full-width bucket.
    let value = lower * (2 * gamma / (1 + gamma))
    return value.isFinite ? value : .greatestFiniteMagnitude
  }

  /// The buckets of the smallest and largest magnitude there are.
  static let lowest = index(of: .leastNormalMagnitude)
  static let highest = index(of: .greatestFiniteMagnitude)

  /// The x with g(x) as given; Newton's method, as this is asked rarely.
  private static func magnitude(at level: Double) -> Double {
    let exponent = level.rounded(.down)
    let target = level - exponent
    var s = target
    for _ in 0..<8 {
      let error = ((a * s + b) * s + c) * s - target
      s -= error / ((3 * a * s + 2 * b) * s + c)
    }
    // The bucket of the smallest normal magnitude begins below it.
    let bounded = min(max(exponent, -1023), 1023)
    let power = Double(sign: .plus, exponent: Int(bounded), significand: 1)
    return power * (1 + min(max(s, 0), 1))
  }
}
