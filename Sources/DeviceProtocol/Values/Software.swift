import TelemetryModel

/// A program and its version.
package struct Software: Hashable, Sendable {
  /// The program's name.
  package var name: String
  /// Its version, as it calls it itself.
  package var version: String

  /// A program and its version.
  package init(name: String, version: String) {
    self.name = name
    self.version = version
  }

  init(_ fields: Fields) throws(ProtocolError) {
    name = try fields.string("name", maxBytes: ProtocolLimits.maxWordBytes)
    version = try fields.optionalString("version", maxBytes: ProtocolLimits.maxWordBytes) ?? ""
  }

  func write(into writer: inout JSONWriter) {
    writer.object { writer in
      writer.key("name")
      writer.write(name)
      writer.key("version")
      writer.write(version)
    }
  }
}
