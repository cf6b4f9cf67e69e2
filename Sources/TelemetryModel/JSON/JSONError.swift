/// Why bytes are not the JSON that was expected, and where.
package struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What kind of fault it is.
  package enum Reason: String, Sendable {
    case unexpectedEnd = "the text ends too early"
    case unexpectedByte = "a character stands where JSON does not allow it"
    case trailingBytes = "more follows after the end of the value"
    case tooDeep = "arrays and objects are nested too deeply"
    case badString = "a string is not closed or holds a control character"
    case badEscape = "an escape in a string is not one of JSON's"
    case badUTF8 = "a string is not valid UTF-8"
    case badNumber = "a number is not written as JSON writes numbers"
    case numberOutOfRange = "a number is too large"
    case duplicateKey = "a key occurs twice in one object"
    case notAnObject = "an object is expected"
    case notAnArray = "an array is expected"
    case notAString = "a string is expected"
    case notANumber = "a number is expected"
    case notABoolean = "true or false is expected"
  }

  /// What kind of fault it is.
  package var reason: Reason
  /// The byte offset at which it was noticed.
  package var offset: Int

  /// A fault noticed at a byte offset.
  package init(_ reason: Reason, at offset: Int) {
    self.reason = reason
    self.offset = offset
  }

  /// The fault in words, with the offset.
  package var description: String { "\(reason.rawValue) (byte \(offset))" }
}
