import TelemetryModel

/// Why a message is refused: which field, what about it, and how to answer.
package struct ProtocolError: Error, Hashable, Sendable, CustomStringConvertible {
  /// How badly the message is broken.
  package enum Kind: Sendable {
    /// No JSON, or no JSON-RPC object: nobody can tell what it was to be.
    case malformed
    /// A message of ours with a field that is missing or wrong.
    case invalidField
  }

  /// How badly the message is broken.
  package var kind: Kind
  /// The field's path below the message, such as `params.window.bytes`; nil where it is about none.
  package var field: String?
  /// The fault in words.
  package var message: String
  /// The id of the request that is refused, where it is one; it can be answered.
  package var id: String?

  init(field: String, _ message: String) {
    kind = .invalidField
    self.field = field
    self.message = message
  }

  init(malformed message: String, field: String? = nil) {
    kind = .malformed
    self.field = field
    self.message = message
  }

  init(_ error: JSONError, field: String? = nil) {
    self.init(malformed: error.description, field: field)
  }

  /// `params.seq: a number is expected (byte 17)`
  package var description: String { field.map { "\($0): \(message)" } ?? message }

  /// The error to answer a request with.
  package var rpcError: RPCError {
    switch kind {
    case .malformed:
      RPCError(
        code: RPCError.parseError, message: description,
        data: RPCError.Details(code: .malformed, field: field))
    case .invalidField:
      RPCError(
        code: RPCError.invalidParams, message: description,
        data: RPCError.Details(code: .invalidField, field: field))
    }
  }

  /// The text for closing with `CloseReason.protocolError`, at most 123 bytes, field first.
  package var closeText: String { CloseReason.protocolError.text(description) }

  /// The same fault, in answer to the request with this id.
  func answering(_ id: String?) -> ProtocolError {
    var copy = self
    copy.id = id
    return copy
  }
}
