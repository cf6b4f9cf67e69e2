import Testing

/// An input of a long run that was a bug, fixed since.
struct Regression: Sendable, CustomTestStringConvertible {
  var target: String
  var input: [UInt8]
  /// What went wrong.
  var testDescription: String

  static let all = [
    Regression(
      target: "frames",
      input: [
        0xC2, 0x92, 0x66, 0x55, 0x44, 0x33, 0x04, 0x35, 0x5C, 0x36, 0xC5, 0x35, 0x50, 0xBF, 0xE4,
        0x04, 0x74, 0x39, 0x20, 0x94, 0x0C, 0x00, 0x66, 0x55, 0x66, 0x55,
      ],
      testDescription: "a message that filled the buffer to its last byte was called corrupt")
  ]
}
