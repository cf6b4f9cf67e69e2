package import TelemetryModel

/// What a device is and can do, as its agent tells it in `hello`.
package struct ProfileSummary: Hashable, Sendable {
  /// A metric the device sends. On the wire an object, or just its name.
  package struct Metric: Hashable, Sendable {
    /// The metric's name.
    package var name: String
    /// Its unit.
    package var unit: String?

    /// A metric.
    package init(name: String, unit: String? = nil) {
      self.name = name
      self.unit = unit
    }
  }

  /// A command the device carries out. On the wire an object, or just its name.
  package struct Command: Hashable, Sendable {
    /// The command's name.
    package var name: String
    /// Whether running it twice does no more than running it once.
    package var idempotent: Bool
    /// Its parameters' declaration, passed on as it is.
    package var params: JSONValue?

    /// A command.
    package init(name: String, idempotent: Bool = false, params: JSONValue? = nil) {
      self.name = name
      self.idempotent = idempotent
      self.params = params
    }
  }

  /// The profile's name.
  package var name: String
  /// Its version.
  package var version: String
  /// What the device measures.
  package var metrics: [Metric]
  /// What it can be told to do.
  package var commands: [Command]

  /// A profile.
  package init(
    name: String, version: String, metrics: [Metric] = [], commands: [Command] = []
  ) {
    self.name = name
    self.version = version
    self.metrics = metrics
    self.commands = commands
  }

  init(_ fields: Fields) throws(ProtocolError) {
    name = try fields.string("name", maxBytes: ProtocolLimits.maxWordBytes)
    version = try fields.optionalToken("version") ?? ""
    metrics = []
    for entry in try fields.entries("metrics") {
      switch entry {
      case .name(let name): metrics.append(Metric(name: name))
      case .object(let metric):
        metrics.append(
          Metric(
            name: try metric.string("name", maxBytes: MetricName.maxBytes),
            unit: try metric.optionalString("unit", maxBytes: ProtocolLimits.maxWordBytes)))
      }
    }
    commands = []
    for entry in try fields.entries("commands") {
      switch entry {
      case .name(let name): commands.append(Command(name: name))
      case .object(let command):
        commands.append(
          Command(
            name: try command.string("name", maxBytes: ProtocolLimits.maxWordBytes),
            idempotent: try command.optionalBool("idempotent") ?? false,
            params: command.object["params"]))
      }
    }
  }

  func write(into writer: inout JSONWriter) {
    writer.object { writer in
      writer.key("name")
      writer.write(name)
      writer.key("version")
      writer.write(version)
      writer.key("metrics")
      writer.array { writer in
        for metric in metrics {
          writer.element()
          writer.object { writer in
            writer.key("name")
            writer.write(metric.name)
            writer.member("unit", metric.unit)
          }
        }
      }
      writer.key("commands")
      writer.array { writer in
        for command in commands {
          writer.element()
          writer.object { writer in
            writer.key("name")
            writer.write(command.name)
            if command.idempotent {
              writer.key("idempotent")
              writer.write(true)
            }
            writer.member("params", command.params)
          }
        }
      }
    }
  }
}
