import TelemetryModel

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

  /// The profile's name.
  package var name: String
  /// Its version.
  package var version: String
  /// What the device measures.
  package var metrics: [Metric]
  /// What it can be told to do.
  package var commands: [CommandDeclaration]
  /// How many commands it runs at a time; they begin in the order in which they were sent.
  package var commandsAtOnce: Int

  /// A profile.
  package init(
    name: String, version: String, metrics: [Metric] = [], commands: [CommandDeclaration] = [],
    commandsAtOnce: Int = 1
  ) {
    self.name = name
    self.version = version
    self.metrics = metrics
    self.commands = commands
    self.commandsAtOnce = commandsAtOnce
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
      case .name(let name): commands.append(CommandDeclaration(name: name))
      case .object(let command): commands.append(try CommandDeclaration(command))
      }
    }
    commandsAtOnce =
      try fields.optionalInteger("commandsAtOnce", in: 1...ProtocolLimits.maxCommandsAtOnce) ?? 1
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
          command.write(into: &writer)
        }
      }
      if commandsAtOnce > 1 {
        writer.key("commandsAtOnce")
        writer.write(commandsAtOnce)
      }
    }
  }
}
