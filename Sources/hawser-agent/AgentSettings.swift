import DeviceProtocol
import LinuxSensors
import Settings
import TelemetryModel
import WebSocketTransport

/// Every key of the agent's configuration, in the order of `devices/linux/agent.yaml`.
enum AgentSettings {
  static let broker = Setting<String?>(
    "broker",
    .optional(
      .text("a broker's address, such as wss://broker.example or http://127.0.0.1:8080") {
        WebSocketURL($0) != nil && !$0.contains("?")
      }), default: nil,
    "The broker. ws and http mean a plain connection, wss and https one with TLS. A path in it stands before the broker's own paths."
  )
  static let device = Setting<String?>(
    "device",
    .optional(
      .text("a name of at most 64 letters, digits and - : . / _") {
        (try? DeviceID($0)) != nil
      }), default: nil, "This device's name at the broker; null takes the host's name.")
  static let state = Setting(
    "state", .path, default: "./.hawser-agent",
    "The folder for what must survive a restart. It is made where it is missing.")
  static let labels = Setting(
    "labels",
    .map(of: "at most 64 names to texts of at most 256 bytes", maxCount: 64) { key, value in
      (1...256).contains(key.utf8.count) && value.utf8.count <= 256
    }, default: [:], "Labels of this device, such as {site: lab, room: \"3\"}.")
  static let logLevel = Setting(
    "log.level", .choice(["trace", "debug", "info", "notice", "warning", "error", "critical"]),
    default: "info", "The least severity that is logged, to standard error.")

  static let sampleInterval = Setting(
    "sampling.interval", .duration(.milliseconds(50)...(.seconds(86_400))), default: .seconds(1),
    "The distance between readings; all sensors are read together into one pack.")
  static let sensors = Setting(
    "sampling.sensors",
    .list(of: "sensors out of \(SensorCatalogue.names.joined(separator: ", "))") {
      SensorCatalogue.names.contains($0)
    }, default: SensorCatalogue.names,
    "What is read. Sensors that this machine lacks are named in the log and left out.")
  static let diskPath = Setting(
    "sampling.diskPath", .path, default: "/", "A path on the file system whose space is reported.")

  static let spoolStore = Setting(
    "spool.store", .choice(["disk", "memory"]), default: "disk",
    "Where readings wait: in the state folder, where they survive restarts and power cuts, or in memory alone."
  )
  static let spoolSync = Setting(
    "spool.syncInterval", .duration(.zero...(.seconds(3600))), default: .seconds(5),
    "Readings that wait longer than this are written to the disk; on a healthy link none are, which spares flash. 0s writes each reading before it is sent."
  )
  static let spoolPacks = Setting(
    "spool.maxPacks", .int(1...10_000_000), default: 100_000, unit: "packs",
    "The most packs that wait for the broker; beyond, the oldest unsent one goes and is reported as lost."
  )
  static let spoolBytes = Setting(
    "spool.maxSize", .size(4096...(1 << 40)), default: 32 << 20,
    "The most bytes of packs that wait for the broker.")

  static let spoolAge = Setting<Duration?>(
    "spool.maxAge", .optional(.duration(.seconds(60)...(.seconds(3650 * 86_400)))),
    default: .seconds(30 * 86_400),
    "Packs that waited longer are given up and reported as lost; null keeps them while there is room."
  )
  static let spoolFree = Setting(
    "spool.minFree", .size(0...(1 << 40)), default: 64 << 20,
    "So much of the disk is left to others: below it the oldest packs make room for new ones, and then they wait in memory."
  )

  static let compression = Setting(
    "link.compression", .bool, default: true,
    "Compress messages where the broker can (permessage-deflate), about five times smaller.")
  static let handshakeTimeout = Setting(
    "link.handshakeTimeout", .duration(.milliseconds(100)...(.seconds(120))),
    default: .seconds(10),
    "From looking the broker's name up to its answer to the upgrade; then the same again until its welcome, on a way that has led through before."
  )
  static let echoTimeout = Setting(
    "link.echoTimeout", .duration(.milliseconds(100)...(.seconds(60))),
    default: .milliseconds(2500),
    "The wait for the broker's welcome on a way that never led through: some boxes accept a connection and swallow what comes."
  )
  static let isMetered = Setting(
    "link.metered", .bool, default: false,
    "Every byte or wake-up costs: heartbeats are as rare as the path was found to allow, 4 min at most."
  )
  static let probeInterval = Setting<Duration?>(
    "link.probeInterval", .optional(.duration(.seconds(1)...(.seconds(30 * 86_400)))),
    default: .seconds(86_400),
    "A spare connection finds out so often, at most, how long the path lets a link be silent; null never does."
  )
  static let betterInterval = Setting(
    "link.betterInterval", .duration(.seconds(1)...(.seconds(30 * 86_400))),
    default: .seconds(86_400),
    "Where messages go a lesser way, a WebSocket without compression or plain requests, better ways are tried so often; the first time after a hundredth of it."
  )
  static let heartbeatInterval = Setting(
    "link.heartbeat.interval", .duration(.milliseconds(50)...(.seconds(240))),
    default: .seconds(20),
    "One direction may be silent for so long before a heartbeat goes out; the broker may ask for less."
  )
  static let heartbeatTimeout = Setting(
    "link.heartbeat.timeout", .duration(.milliseconds(50)...(.seconds(60))), default: .seconds(5),
    "The shortest wait for a heartbeat's answer; after two without one the link is given up.")
  static let reconnectFirst = Setting(
    "link.reconnect.first", .duration(.zero...(.seconds(60))), default: .seconds(1),
    "The first attempt after a good link comes at random within this.")
  static let reconnectBase = Setting(
    "link.reconnect.base", .duration(.milliseconds(1)...(.seconds(60))), default: .seconds(1),
    "The longest wait before the second attempt; it doubles with each further one. Waits are random."
  )
  static let reconnectMost = Setting(
    "link.reconnect.most", .duration(.milliseconds(1)...(.seconds(3600))), default: .seconds(300),
    "The longest wait between attempts.")
  static let reconnectReset = Setting(
    "link.reconnect.goodAfter", .duration(.zero...(.seconds(3600))), default: .seconds(60),
    "A link that was acknowledged for so long is good: after it, waits begin from the first again.")
  static let reconnectRefused = Setting(
    "link.reconnect.refused", .duration(.seconds(1)...(.seconds(86_400))), default: .seconds(900),
    "The wait after the broker has refused this device until somebody changes something.")
  static let drainTimeout = Setting(
    "link.drainTimeout", .duration(.zero...(.seconds(60))), default: .seconds(2),
    "When stopping, the wait for readings on their way to be acknowledged.")

  static let profile = Setting<String?>(
    "profile", .optional(.path), default: nil,
    "The file that says what this device is and what it can be told to do; null lets it be told readNow, setInterval, restartAgent and diagnose."
  )
  static let commandsForbid = Setting(
    "commands.forbid", .list(of: "names of commands, or \"*\""), default: [],
    "Commands that are refused whatever the broker says; \"*\" refuses all.")
  static let commandsWorst = Setting(
    "commands.worst", .choice(CommandDeclaration.Danger.allCases.map(\.rawValue)),
    default: "dangerous",
    "The worst that a command may do: none disturbs nothing, disruptive ones stop something for a while, dangerous ones can do harm. What is worse is refused."
  )

  static let proxy = Setting(
    "proxy.address",
    .text("environment, direct, or a proxy such as http://proxy.example:3128") {
      $0 == "environment" || $0 == "direct"
        || (!$0.contains("@") && ProxyEndpoint($0) != nil)
    }, default: "environment",
    "The forward proxy, asked for a tunnel with CONNECT. environment follows https_proxy, http_proxy, all_proxy and no_proxy."
  )
  static let triesDirect = Setting(
    "proxy.tryDirect", .bool, default: false,
    "Try to reach the broker without the proxy first, and ask it for a tunnel where that does not lead through; by default nothing goes beside a proxy."
  )
  static let proxyUser = Setting<String?>(
    "proxy.user", .optional(.string(maxBytes: 256)), default: nil,
    "The user name for a proxy given here.")
  static let proxyPassword = Setting<String?>(
    "proxy.password", .optional(.string(maxBytes: 256)), default: nil, secret: true,
    "The password for a proxy given here; better in the environment than in a file.")
  static let caFile = Setting<String?>(
    "tls.caFile", .optional(.path), default: nil,
    "A PEM file with authorities to trust besides the system's.")

  static let schema = SettingsSchema(
    program: "hawser-agent", environmentPrefix: "HAWSER_AGENT_",
    groups: [
      "sampling": "What is read, and when.",
      "spool": "Where readings wait until the broker has stored them.",
      "link": "The connection to the broker.",
      "link.heartbeat": "Signs of life on a silent link.",
      "link.reconnect": "When to try again.",
      "commands": "What this machine's owner lets be done from afar.",
      "proxy": "The way out where a network has no direct one.",
      "tls": "Whom to trust.",
    ],
    settings: [
      broker, device, state, profile, labels, logLevel, sampleInterval, sensors, diskPath,
      spoolStore,
      spoolSync, spoolPacks, spoolBytes, spoolAge, spoolFree, compression, handshakeTimeout,
      echoTimeout, isMetered, probeInterval, betterInterval, heartbeatInterval, heartbeatTimeout,
      reconnectFirst, reconnectBase, reconnectMost, reconnectReset, reconnectRefused,
      drainTimeout, commandsForbid, commandsWorst, proxy, triesDirect, proxyUser, proxyPassword,
      caFile,
    ])
}
