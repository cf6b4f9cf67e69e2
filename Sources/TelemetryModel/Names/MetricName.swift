/// The name of a metric of a device: 1–128 bytes of `A–Z a–z 0–9 - : . / _`, the first a letter or
/// digit (RFC 8428 §4.5.1).
package struct MetricName: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The most bytes that a metric's name may have.
  package static let maxBytes = 128

  /// The name itself.
  package let string: String

  /// Takes the name, or throws what is wrong with it.
  package init(_ string: String) throws(NameError) {
    try NameRules.check(string.utf8, limit: MetricName.maxBytes)
    self.string = string
  }

  /// The name itself.
  package var description: String { string }

  /// Ordered by bytes.
  package static func < (left: MetricName, right: MetricName) -> Bool {
    left.string < right.string
  }
}
