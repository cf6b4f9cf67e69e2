/// The limits of the wire. What is over one is refused with an error that names it; those an agent
/// needs to know beforehand are announced in `welcome`.
package enum ProtocolLimits {
  /// The largest message either side accepts unless `welcome` says otherwise, in bytes, inflated.
  package static let maxMessageBytes = 1 << 20
  /// The most records in one pack.
  package static let maxPackRecords = 10_000
  /// The largest sequence number: beyond, JSON numbers are not exact everywhere (RFC 7493 §2.2).
  package static let maxSequence: UInt64 = (1 << 53) - 1
  /// The most ranges in one list of acknowledged packs.
  package static let maxRanges = 4096
  /// The longest JSON-RPC id, in bytes.
  package static let maxIDBytes = 128
  /// The longest boot, epoch, session or command id, in bytes.
  package static let maxTokenBytes = 128
  /// The longest name or version of a program, profile or cause, in bytes.
  package static let maxWordBytes = 128
  /// The most labels of a device.
  package static let maxLabels = 64
  /// The longest key or value of a label, in bytes.
  package static let maxLabelBytes = 256
  /// The most metrics or commands a profile may list.
  package static let maxProfileEntries = 2048
  /// The most parameters of a command.
  package static let maxParameters = 64
  /// The longest text given as a parameter of a command, in bytes.
  package static let maxParameterBytes = 8192
  /// The most commands a device may run at a time.
  package static let maxCommandsAtOnce = 64
  /// The longest text for people, such as a reason, in bytes.
  package static let maxTextBytes = 1024
  /// The longest output of a command, in bytes; an agent cuts longer ones.
  package static let maxOutputBytes = 64 * 1024
  /// The longest reason in a WebSocket close frame, in bytes (RFC 6455 §5.5.1).
  package static let maxCloseTextBytes = 123
  /// The most globs in one list of a subscription's query.
  package static let maxGlobs = 256
  /// The longest glob, in bytes.
  package static let maxGlobBytes = 256
  /// The longest access token, in bytes.
  package static let maxAccessTokenBytes = 8192
}
