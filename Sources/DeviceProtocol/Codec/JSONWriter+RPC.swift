package import TelemetryModel

extension JSONWriter {
  /// Writes a JSON-RPC request; `params` writes one object.
  package mutating func request(
    _ method: String, id: String, params: (inout JSONWriter) -> Void
  ) {
    raw(#"{"jsonrpc":"2.0","id":"#)
    write(id)
    raw(#","method":"#)
    write(method)
    raw(#","params":"#)
    params(&self)
    endObject()
  }

  /// Writes a JSON-RPC notification; `params` writes one object.
  package mutating func notification(_ method: String, params: (inout JSONWriter) -> Void) {
    raw(#"{"jsonrpc":"2.0","method":"#)
    write(method)
    raw(#","params":"#)
    params(&self)
    endObject()
  }

  /// Writes the result of the request with this id; `result` writes one value.
  package mutating func result(id: String, result: (inout JSONWriter) -> Void) {
    raw(#"{"jsonrpc":"2.0","id":"#)
    write(id)
    raw(#","result":"#)
    result(&self)
    endObject()
  }

  /// Writes the refusal of the request with this id, or of something that could not be read.
  package mutating func error(id: String?, _ error: RPCError) {
    raw(#"{"jsonrpc":"2.0","id":"#)
    if let id { write(id) } else { writeNull() }
    raw(#","error":"#)
    error.write(into: &self)
    endObject()
  }
}
