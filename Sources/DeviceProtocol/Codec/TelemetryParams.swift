import TelemetryModel

/// The params of `telemetry`, the one message that comes all the time: read without a tree.
struct TelemetryParams {
  var sequence: UInt64?
  var lane = Lane.live
  var pack: Range<Int>?
  /// What is wrong with a field whose JSON is right.
  var fault: ProtocolError?

  /// Reads the params that come next.
  init(_ reader: inout JSONReader, _ bytes: Span<UInt8>) throws(JSONError) {
    guard try reader.peek(bytes) == UInt8(ascii: "{") else {
      try reader.skip(bytes)
      fault = ProtocolError(field: "params", "expected an object")
      return
    }
    try reader.enterObject(bytes)
    var isFirst = true
    while let key = try reader.nextKey(bytes, first: isFirst) {
      isFirst = false
      if key.equals("seq", bytes) {
        try readSequence(&reader, bytes)
      } else if key.equals("lane", bytes) {
        try readLane(&reader, bytes)
      } else if key.equals("pack", bytes) {
        let isArray = try reader.peek(bytes) == UInt8(ascii: "[")
        pack = try reader.skip(bytes)
        if !isArray { fault = ProtocolError(field: "params.pack", "expected an array of records") }
      } else {
        try reader.skip(bytes)
      }
    }
  }

  /// The message, if all of it is there.
  func message() throws(ProtocolError) -> AgentMessage {
    if let fault { throw fault }
    guard let sequence else { throw ProtocolError(field: "params.seq", "missing") }
    guard let pack else { throw ProtocolError(field: "params.pack", "missing") }
    return .telemetry(seq: sequence, lane: lane, pack: pack)
  }

  private mutating func readSequence(
    _ reader: inout JSONReader, _ bytes: Span<UInt8>
  ) throws(JSONError) {
    let start = reader
    if let number = try? reader.wholeNumber(bytes), number >= 1,
      number <= ProtocolLimits.maxSequence
    {
      sequence = number
      return
    }
    reader = start
    let range = try reader.skip(bytes)
    // `1e3` and `7.0` are whole numbers too, only nobody writes them so.
    if let value = try? JSONValue(parsing: bytes.extracting(range)), let number = value.wholeNumber,
      number >= 1
    {
      sequence = number
    } else {
      fault = ProtocolError(field: "params.seq", "expected a whole number from 1 to 2^53 - 1")
    }
  }

  private mutating func readLane(
    _ reader: inout JSONReader, _ bytes: Span<UInt8>
  ) throws(JSONError) {
    guard try reader.peek(bytes) == UInt8(ascii: "\"") else {
      try reader.skip(bytes)
      fault = ProtocolError(field: "params.lane", "expected a string")
      return
    }
    let word = try reader.string(bytes)
    if word.equals("live", bytes) {
      lane = .live
    } else if word.equals("backfill", bytes) {
      lane = .backfill
    } else {
      fault = ProtocolError(field: "params.lane", "expected one of live, backfill")
    }
  }
}
