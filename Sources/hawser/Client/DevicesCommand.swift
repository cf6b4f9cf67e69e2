import ArgumentParser
import BrokerCore
import Glibc
import TelemetryModel

/// `hawser devices`: which devices there are, and how they are.
struct DevicesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "devices",
    abstract: "List devices, and whether they are here.")

  @Argument(help: "Patterns of names, separated by commas; all devices by default.")
  var pattern = "*"

  @Option(
    name: .customLong("label"), help: "Only devices with this label: KEY:PATTERN; repeatable.")
  var labels: [String] = []

  @Option(help: "Only devices in this state: online or offline.")
  var state: String?

  @OptionGroup var broker: BrokerOptions

  func validate() throws {
    _ = try broker.address("/v1/devices")
    if let state, !["online", "offline"].contains(state) {
      throw ValidationError("--state is online or offline.")
    }
  }

  func run() async throws {
    var query = [("limit", "1000")]
    if pattern != "*" { query.append(("device", pattern)) }
    if !labels.isEmpty { query.append(("label", labels.joined(separator: ","))) }
    if let state { query.append(("state", state)) }
    let devices = try await RestClient(options: broker).list("/v1/devices", "devices", query)
    guard !devices.isEmpty else {
      return Output.say(query.count > 1 ? "no device is like that" : "there are no devices yet")
    }
    guard !broker.json else {
      for device in devices { Output.json(device) }
      return
    }
    for line in DevicesCommand.table(devices, now: WatchScreen.wallClock()) { Output.line(line) }
  }

  // A newer broker may know causes that this program does not.
  private static func words(_ cause: String) -> String {
    LinkEndCause(rawValue: cause)?.words ?? cause
  }

  /// The list for people.
  static func table(_ devices: [JSONValue], now: Timestamp) -> [String] {
    var rows = [["DEVICE", "STATE", "FOR", "LINK", "ADDRESS", "AGENT", "LABELS"]]
    for device in devices {
      let state = device["state"]?.string ?? "-"
      let cause = device["cause"]?.string.map { " (\(words($0)))" } ?? ""
      let since = device["since"]?.number.map { now - Timestamp(seconds: $0) }
      let agent = device["agent"].flatMap { agent in
        agent["name"]?.string.map { "\($0) \(agent["version"]?.string ?? "")" }
      }
      rows.append([
        device["device"]?.string ?? "-", state + cause, since.map(TextTable.span) ?? "-",
        device["link"]?["transport"]?.string ?? "-",
        device["link"]?["remoteAddress"]?.string ?? "-", agent ?? "-",
        TextTable.labels(device["labels"]) + (device["duplicate"] == nil ? "" : " DUPLICATE"),
      ])
    }
    let online = devices.count { $0["state"]?.string == "online" }
    return TextTable.lines(rows, right: [2])
      + ["\(devices.count) device\(devices.count == 1 ? "" : "s"), \(online) online"]
  }
}
