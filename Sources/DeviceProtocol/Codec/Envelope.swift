package import TelemetryModel

/// A JSON-RPC 2.0 object taken apart in one pass: who asks what, and where the rest stands.
struct Envelope {
  var id: String?
  /// Whether there is an `id` that is `null`, as in answers to what could not be read.
  var hasNullID = false
  var method: String?
  var params: Range<Int>?
  var result: Range<Int>?
  var error: Range<Int>?
  /// What `params` of the method asked for said, where they were read in the same pass.
  var telemetry: TelemetryParams?

  /// Takes a message apart. Where `method` stands before `params`, as everybody writes it, the
  /// params of `telemetry` are read on the way.
  init(_ bytes: Span<UInt8>, telemetry readsTelemetry: Bool = false) throws(ProtocolError) {
    do throws(JSONError) {
      var reader = JSONReader()
      try reader.enterObject(bytes)
      var isFirst = true
      var version: JSONStringSpan?
      while let key = try reader.nextKey(bytes, first: isFirst) {
        isFirst = false
        if key.equals("params", bytes) {
          if readsTelemetry, method == "telemetry" {
            telemetry = try TelemetryParams(&reader, bytes)
          } else {
            params = try reader.skip(bytes)
          }
        } else if key.equals("method", bytes) {
          method = try Envelope.method(&reader, bytes)
        } else if key.equals("jsonrpc", bytes) {
          version = try reader.string(bytes)
        } else if key.equals("id", bytes) {
          if try reader.takeNull(bytes) {
            hasNullID = true
          } else {
            id = try reader.string(bytes).string(bytes)
          }
        } else if key.equals("result", bytes) {
          result = try reader.skip(bytes)
        } else if key.equals("error", bytes) {
          error = try reader.skip(bytes)
        } else {
          try reader.skip(bytes)
        }
      }
      try reader.end(bytes)
      guard version?.equals("2.0", bytes) == true else {
        throw JSONError(.unexpectedByte, at: -1)
      }
    } catch {
      throw Envelope.fault(error, bytes)
    }
    if let id, id.utf8.count > ProtocolLimits.maxIDBytes {
      throw ProtocolError(
        malformed: "longer than \(ProtocolLimits.maxIDBytes) bytes", field: "id")
    }
  }

  /// The method's name without allocating for the one that comes all the time.
  private static func method(
    _ reader: inout JSONReader, _ bytes: Span<UInt8>
  ) throws(JSONError) -> String {
    let span = try reader.string(bytes)
    return span.equals("telemetry", bytes) ? "telemetry" : try span.string(bytes)
  }

  private static func fault(_ error: JSONError, _ bytes: Span<UInt8>) -> ProtocolError {
    if error.offset < 0 {
      return ProtocolError(malformed: "expected \"2.0\"", field: "jsonrpc")
    }
    return ProtocolError(error)
  }

  /// The members of the params, which must be an object; none where there are no params.
  func fields(_ bytes: Span<UInt8>) throws(ProtocolError) -> Fields {
    guard let params else { return try Fields(.object(JSONObject()), path: "params") }
    return try Fields(try Envelope.value(params, bytes), path: "params")
  }

  static func value(
    _ range: Range<Int>, _ bytes: Span<UInt8>
  ) throws(ProtocolError) -> JSONValue {
    do throws(JSONError) {
      return try JSONValue(parsing: bytes.extracting(range))
    } catch {
      throw ProtocolError(error)
    }
  }

  /// What answers a request of ours: the result or error, with the id asked under.
  func response(_ bytes: Span<UInt8>) throws(ProtocolError) -> (id: String?, RPCResponse)? {
    if let error {
      let fields = try Fields(try Envelope.value(error, bytes), path: "error")
      return (id, .error(try RPCError(fields)))
    }
    if let result, id != nil { return (id, .result(try Envelope.value(result, bytes))) }
    return nil
  }
}

/// What came in answer to a request.
package enum RPCResponse: Hashable, Sendable {
  /// It was done; the result is read by whoever knows what was asked.
  case result(JSONValue)
  /// It was refused.
  case error(RPCError)
}
