/// What stands in the way of a measurement.
package struct BenchmarkError: Error, CustomStringConvertible {
  /// In words.
  package let description: String

  /// It cannot be measured, and why.
  package init(_ description: String) {
    self.description = description
  }
}
