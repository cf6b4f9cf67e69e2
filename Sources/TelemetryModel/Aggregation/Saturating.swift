extension FixedWidthInteger {
  /// The sum, or the nearest number that there is: for counts that a stranger has a say in, where a trap
  /// would end the program.
  @inlinable
  package func addingSaturating(_ other: Self) -> Self {
    let (sum, overflow) = addingReportingOverflow(other)
    guard overflow else { return sum }
    return other < 0 ? .min : .max
  }
}
