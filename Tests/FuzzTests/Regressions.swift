import Testing

/// An input of a long run that was a bug, fixed since.
struct Regression: Sendable, CustomTestStringConvertible {
  var target: String
  var input: [UInt8]
  /// What went wrong.
  var testDescription: String

  static let all: [Regression] = []
}
