import Settings

/// A small program's settings, with a key of every kind.
enum Sample {
  static let listen = Setting(
    "listen", .text("ADDRESS:PORT") { $0.contains(":") }, default: "127.0.0.1:8080",
    "Where everything listens.")
  static let level = Setting(
    "log.level", .choice(["debug", "info", "error"]), default: "info", "How much is logged.")
  static let json = Setting("log.json", .bool, default: false, "One JSON object a line.")
  static let flush = Setting(
    "store.flushInterval", .duration(.milliseconds(1)...(.seconds(3600))),
    default: .milliseconds(250), "How long samples wait to be written together.")
  static let cache = Setting(
    "store.cache", .size(0...(1 << 40)), default: 64 << 20, "Memory for pages.")
  static let batch = Setting(
    "store.batch", .int(1...10_000), default: 500, unit: "packs", "The most packs a transaction.")
  static let ratio = Setting("store.ratio", .number(0...1), default: 0.75, "A share.")
  static let state = Setting("state", .path, default: "./.hawser", "The state folder.")
  static let certificate = Setting(
    "tls.certificate", .optional(.path), default: nil, "The certificate, or null for none.")
  static let password = Setting(
    "proxy.password", .optional(.string()), default: nil, secret: true, "The proxy's password.")
  static let sensors = Setting("sensors", .list(), default: ["cpu", "memory"], "What is read.")
  static let labels = Setting("labels", .map(), default: [:], "Labels of this device.")

  static let schema = SettingsSchema(
    program: "sample", environmentPrefix: "SAMPLE_", foreignPrefixes: ["SAMPLE_AGENT_"],
    groups: ["store": "What is kept, and how."],
    settings: [
      listen, state, level, json, flush, cache, batch, ratio, certificate, password, sensors,
      labels,
    ])

  static func load(
    _ yaml: String = "", environment: [String: String] = [:],
    arguments: [SettingsArgument] = []
  ) throws(SettingsErrors) -> Settings {
    try schema.load(
      file: SettingsFile(path: "s.yaml", bytes: Array(yaml.utf8)), environment: environment,
      arguments: arguments)
  }

  static func problems(
    _ yaml: String = "", environment: [String: String] = [:],
    arguments: [SettingsArgument] = []
  ) -> [String] {
    do throws(SettingsErrors) {
      _ = try load(yaml, environment: environment, arguments: arguments)
      return []
    } catch {
      return error.problems.map(\.description)
    }
  }
}
