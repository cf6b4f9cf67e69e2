import TelemetryModel

/// An error of JSON-RPC 2.0 (§5.1). Our own are -32000…-32099, and `data.code` is a stable word.
package struct RPCError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What programs decide by. New words may be added.
  package enum Word: String, CaseIterable, Sendable {
    /// The message is no JSON-RPC.
    case malformed
    /// There is no such method.
    case methodNotFound
    /// A field is missing or wrong; `field` names it.
    case invalidField
    /// Something is over a limit; `field` names it, `limit` is the limit.
    case limitExceeded
    /// A message other than `hello` or `authenticate` came first.
    case notReady
    /// The credentials are missing or not accepted.
    case unauthenticated
    /// The role does not allow it.
    case forbidden
    /// What is named does not exist.
    case notFound
    /// It contradicts what is there already, such as another unit for a known metric.
    case conflict
    /// A reading's time is too far in the future.
    case timeInFuture
    /// A name belongs to another device.
    case notYourDevice
    /// Too much at once; try later.
    case busy
    /// An error on our side.
    case internalError
  }

  /// `data`: the word, and what it is about.
  package struct Details: Hashable, Sendable {
    /// The stable word; one this side does not know stays as it is.
    package var code: String
    /// The field it is about.
    package var field: String?
    /// The limit that was exceeded.
    package var limit: Double?

    /// Details of an error.
    package init(code: String, field: String? = nil, limit: Double? = nil) {
      self.code = code
      self.field = field
      self.limit = limit
    }

    /// Details of an error of ours.
    package init(code: Word, field: String? = nil, limit: Double? = nil) {
      self.init(code: code.rawValue, field: field, limit: limit)
    }
  }

  /// Not JSON.
  package static let parseError = -32700
  /// JSON, but not a request.
  package static let invalidRequest = -32600
  /// No such method.
  package static let methodNotFound = -32601
  /// A parameter is missing or wrong.
  package static let invalidParams = -32602
  /// An error on our side.
  package static let internalError = -32603
  /// The first code of our own: refused for a reason that `data.code` says.
  package static let refused = -32000

  /// JSON-RPC's number.
  package var code: Int
  /// The error in words, for people.
  package var message: String
  /// What programs decide by.
  package var data: Details?

  /// An error.
  package init(code: Int, message: String, data: Details? = nil) {
    self.code = code
    self.message = message
    self.data = data
  }

  /// An error of our own, -32000 and the word.
  package init(_ word: Word, _ message: String, field: String? = nil, limit: Double? = nil) {
    self.init(
      code: RPCError.refused, message: message,
      data: Details(code: word, field: field, limit: limit))
  }

  /// The answer to a request whose method is not known.
  package static func unknownMethod(_ method: String) -> RPCError {
    RPCError(
      code: methodNotFound, message: "there is no method \(method.prefix(64))",
      data: Details(code: .methodNotFound))
  }

  /// The error in words, with its number.
  package var description: String { "\(message) (\(code))" }

  init(_ fields: Fields) throws(ProtocolError) {
    code = try fields.integer("code", in: Int(Int32.min)...Int(Int32.max))
    message = try fields.optionalString("message", maxBytes: ProtocolLimits.maxOutputBytes) ?? ""
    // Whatever else somebody's `data` may be, it must not make an error unreadable.
    guard let details = fields.object["data"], let word = details["code"]?.string else { return }
    data = Details(code: word, field: details["field"]?.string, limit: details["limit"]?.number)
  }

  func write(into writer: inout JSONWriter) {
    writer.object { writer in
      writer.key("code")
      writer.write(code)
      writer.key("message")
      writer.write(message)
      guard let data else { return }
      writer.key("data")
      writer.object { writer in
        writer.key("code")
        writer.write(data.code)
        writer.member("field", data.field)
        writer.member("limit", data.limit)
      }
    }
  }
}
