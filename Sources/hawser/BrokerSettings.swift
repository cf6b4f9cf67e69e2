import BrokerCore
import BrokerServer
import Settings

/// Every key of the broker's configuration, declared once.
enum BrokerSettings {
  static let listen = Setting(
    "listen", .text("ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:0") { ListenAddress($0) != nil },
    default: "127.0.0.1:8080",
    """
    Where the one port listens; port 0 picks a free one. Without authentication only loopback \
    addresses are taken: everyone who reaches an open broker is an admin.
    """)
  static let state = Setting(
    "state", .path, default: "./.hawser",
    "The folder of the embedded store, made where it is missing.")
  static let logLevel = Setting(
    "log.level", .choice(["trace", "debug", "info", "notice", "warning", "error", "critical"]),
    default: "info", "What is logged to standard error: this level and above.")
  static let maxConnections = Setting(
    "connections.max", .int(16...1_000_000), default: 15_000, unit: "connections",
    """
    Connections held at once; further ones wait in the system's queue. Fewer where the process's \
    limit of open files is lower.
    """)
  static let requestTimeout = Setting(
    "connections.requestTimeout", .duration(.seconds(1)...(.seconds(120))), default: .seconds(10),
    "A connection that has not sent its first request after this long is closed.")
  static let heartbeatInterval = Setting(
    "devices.heartbeatInterval", .duration(.seconds(1)...(.seconds(300))), default: .seconds(20),
    "How often an idle agent is asked to say something.")
  static let silenceTimeout = Setting(
    "devices.silenceTimeout", .duration(.seconds(2)...(.seconds(900))), default: .seconds(50),
    "A device that is silent for this long is offline; more than twice the heartbeat's interval.")
  static let arrivalsPerSecond = Setting(
    "devices.arrivalsPerSecond", .int(10...1_000_000), default: 1_000, unit: "devices a second",
    """
    Devices let in a second, twice as many at once after a quiet time. Others are told, one after \
    another, when to come back (503 and Retry-After); a stopping broker spreads its fleet over the \
    same line at half this rate.
    """)
  static let windowMessages = Setting(
    "devices.windowMessages", .int(1...65_536), default: 256, unit: "packs",
    "How many packs a device may have on their way without an ack.")
  static let windowBytes = Setting(
    "devices.windowBytes", .size((16 << 10)...(64 << 20)), default: 1 << 20,
    "How many bytes of packs a device may have on their way without an ack.")
  static let maxMessage = Setting(
    "devices.maxMessage", .size((4 << 10)...(16 << 20)), default: 256 << 10,
    "The largest message a device or dashboard may send, inflated.")
  static let compression = Setting(
    "compression.enabled", .bool, default: true,
    "Whether permessage-deflate is agreed to when a client offers it.")
  static let compressionLevel = Setting(
    "compression.level", .int(1...9), default: 1, unit: "zlib's level",
    "How hard outgoing messages are compressed: 1 is the fastest, 9 the smallest.")
  static let compressionWindowBits = Setting(
    "compression.windowBits", .int(9...15), default: 10, unit: "bits",
    """
    The window agreed to each way where the client allows: a connection costs at most 2^bits bytes of \
    memory each way.
    """)
  static let commitInterval = Setting(
    "ingest.commitInterval", .duration(.milliseconds(1)...(.milliseconds(200))),
    default: .milliseconds(25),
    "How long the first pack of a commit waits for company; an ack is due within 250 ms.")
  static let maxQueuedRecords = Setting(
    "ingest.maxQueuedRecords", .int(1_000...100_000_000), default: 1_000_000, unit: "records",
    "Records that may wait for a commit before devices are told to come back later.")
  static let maxFuture = Setting(
    "ingest.maxFuture", .duration(.seconds(1)...(.seconds(86_400))), default: .seconds(600),
    "A reading from further ahead of the broker's clock is refused.")
  static let closeTimeout = Setting(
    "connections.closeTimeout", .duration(.milliseconds(100)...(.seconds(60))),
    default: .seconds(3),
    """
    A link that has not finished its closing handshake after this long is cut; a stopping broker \
    waits for no link, and for no request in progress, longer than this.
    """)
  static let allowedOrigins = Setting(
    "http.allowedOrigins",
    .text("origins separated by commas, such as https://charts.example, or nothing") {
      BrokerSettings.origins($0) != nil
    },
    default: "",
    """
    Other origins whose pages may use the broker from a browser (CORS); by default none but its own. \
    Each is SCHEME://HOST, with a port where it is not the usual one.
    """)
  static let reconnectSpread = Setting(
    "shutdown.reconnectSpread", .duration(.seconds(1)...(.seconds(600))), default: .seconds(5),
    "Agents told of a stop come back spread over this long.")

  static let schema = SettingsSchema(
    program: "hawser broker", environmentPrefix: "HAWSER_", foreignPrefixes: ["HAWSER_AGENT_"],
    groups: [
      "log": "Logging.", "connections": "Connections of any kind.",
      "devices": "The device link.", "commands": "Commands to devices.",
      "compression": "WebSocket compression (RFC 7692).",
      "ingest": "From the link to the store.",
      "store": "The embedded store.",
      "store.retention": "How long what is kept. Windows of a day are kept for ever.",
      "http": "REST and pages.", "shutdown": "Stopping in order.",
    ],
    settings: [
      listen, state, logLevel, maxConnections, requestTimeout, closeTimeout, heartbeatInterval,
      silenceTimeout, arrivalsPerSecond,
      windowMessages, windowBytes, maxMessage, commandTTL, commandRunLimit, commandAnswerGrace,
      compression, compressionLevel,
      compressionWindowBits, commitInterval, maxQueuedRecords, maxFuture,
      maxStoreBytes, foldReadings, keepRaw, keep10s, keep1m, keep10m, keep1h, allowedOrigins,
      reconnectSpread,
    ])

  /// Puts the sources together; checks what only several keys together show.
  static func load(
    file path: String?, environment: [String: String], arguments: [SettingsArgument]
  ) throws(SettingsErrors) -> BrokerConfiguration {
    try configuration(settings(file: path, environment: environment, arguments: arguments))
  }

  /// Origins as browsers write them, separated by commas; nil where one is none.
  static func origins(_ text: String) -> [String]? {
    let parts = text.split(separator: ",").map { $0.filter { $0 != " " } }
    for part in parts {
      guard let scheme = part.firstRange(of: "://") else { return nil }
      let host = part[scheme.upperBound...]
      guard ["http", "https"].contains(part[..<scheme.lowerBound]), !host.isEmpty,
        host.utf8.allSatisfy({ $0 > 0x20 && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "*") })
      else { return nil }
    }
    return parts
  }

  /// The effective settings, for `check-config`.
  static func settings(
    file path: String?, environment: [String: String], arguments: [SettingsArgument]
  ) throws(SettingsErrors) -> Settings {
    let file: SettingsFile?
    if let path { file = try SettingsFile.read(path: path) } else { file = nil }
    return try schema.load(file: file, environment: environment, arguments: arguments)
  }

  /// What the broker is made of.
  static func configuration(
    _ settings: Settings
  ) throws(SettingsErrors) -> BrokerConfiguration {
    var problems: [SettingsProblem] = []
    let address = ListenAddress(settings[listen])
    if let address, !address.isLoopback {
      problems.append(
        settings.problem(
          with: listen,
          expected:
            "a loopback address (127.0.0.1, ::1 or localhost), as no authentication is configured")
      )
    }
    if settings[silenceTimeout] <= settings[heartbeatInterval] * 2 {
      problems.append(
        settings.problem(
          with: silenceTimeout, expected: "more than twice devices.heartbeatInterval"))
    }
    guard let address, problems.isEmpty else { throw SettingsErrors(problems: problems) }
    var configuration = BrokerConfiguration(listen: address, stateFolder: settings[state])
    configuration.allowedOrigins = Set(origins(settings[allowedOrigins]) ?? [])
    configuration.maxConnections = settings[maxConnections]
    configuration.requestTimeout = settings[requestTimeout]
    configuration.devices.heartbeatInterval = settings[heartbeatInterval]
    configuration.devices.silenceTimeout = settings[silenceTimeout]
    configuration.admission.arrivalsPerSecond = settings[arrivalsPerSecond]
    configuration.devices.windowMessages = settings[windowMessages]
    configuration.devices.windowBytes = settings[windowBytes]
    configuration.devices.maxMessageBytes = settings[maxMessage]
    configuration.compression =
      settings[compression]
      ? .init(level: settings[compressionLevel], windowBits: settings[compressionWindowBits]) : nil
    configuration.ingest.commitInterval = settings[commitInterval]
    configuration.ingest.maxQueuedRecords = settings[maxQueuedRecords]
    configuration.ingest.maxFuture = settings[maxFuture]
    configuration.kept = storeLimits(settings)
    configuration.commands = commands(settings)
    configuration.closeTimeout = settings[closeTimeout]
    configuration.reconnectSpread = settings[reconnectSpread]
    return configuration
  }
}
