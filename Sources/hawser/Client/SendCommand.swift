import ArgumentParser
import BrokerCore
import Glibc
import NIOHTTP1
import Settings
import TelemetryModel

/// `hawser send`: has a device, or a fleet, do something.
struct SendCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "send",
    abstract: "Send a command to a device, or to every device with a label.",
    usage: """
      hawser send DEVICE COMMAND [KEY=VALUE …] [--wait]
      hawser send --to LABEL:PATTERN COMMAND [KEY=VALUE …] [--wait]
      """,
    discussion: """
      Values are read as the device's profile declares them: 10, 10s, true, or a text. Without \
      --wait the command's id is printed once the broker has it for good. With --wait the exit \
      code is the outcome: 0 succeeded, 70 failed, 77 rejected, 75 expired, 76 unknown, \
      1 cancelled. An order that the broker refuses ends with 65, an unknown device with 66, a \
      broker that is not there with 69.

      With --to it goes to so many devices at a time; those that are away get it when they are \
      back, until --ttl is over. It stops where too many fail, until it is resumed \
      (POST /v1/rollouts/ID/resume).
      """)

  @OptionGroup var broker: BrokerOptions

  @Option(help: "Send it to every device with these labels: LABEL:PATTERN, several by commas.")
  var to: String?

  @Flag(help: "Wait for the outcome, and show what happens meanwhile.")
  var wait = false

  @Option(help: "How long it may wait to be started, such as 30s, 10m or 2h.")
  var ttl: String?

  @Option(help: "Makes the order repeatable: under the same key it is one command.")
  var key: String?

  @Flag(help: "Do not ask before something dangerous, or before a fleet.")
  var yes = false

  @Option(help: "With --to: how many devices do it at a time.")
  var concurrency: Int?

  @Option(help: "With --to: after how many devices the rest waits until they are done.")
  var wave: Int?

  @Option(help: "With --to: how long to wait between two waves, such as 30s.")
  var pause: String?

  @Option(help: "With --to: stop once a larger share than this failed, 0 to 1.")
  var maxFailureRate: Double?

  @Argument(help: "The device, unless --to says which; the command; its parameters.")
  var words: [String] = []

  func run() async throws {
    let client = RestClient(options: broker)
    do {
      if let to {
        try await FleetSending(options: self, client: client).send(to: to, order: try order(words))
      } else {
        guard let device = words.first else { throw ValidationError("which device?") }
        try await DeviceSending(options: self, client: client, device: device)
          .send(try order(Array(words.dropFirst())))
      }
    } catch let refusal as RestClient.Refusal {
      throw refusal.said()
    }
  }

  /// The body of the order: `{name, arguments, ttl?}`.
  private func order(_ words: [String]) throws -> JSONObject {
    guard let name = words.first else { throw ValidationError("which command?") }
    var arguments = JSONObject()
    for word in words.dropFirst() {
      guard let equals = word.firstIndex(of: "="), equals != word.startIndex else {
        throw ValidationError("parameters are KEY=VALUE, not \(word)")
      }
      arguments[String(word[..<equals])] = .string(String(word[word.index(after: equals)...]))
    }
    var order = JSONObject()
    order["name"] = .string(name)
    order["arguments"] = .object(arguments)
    order["ttl"] = try ttl.map { .number(try seconds($0, "--ttl")) }
    return order
  }

  /// Seconds of `30s`, `10m`, `2h`, `1d` or a number.
  func seconds(_ text: String, _ option: String) throws -> Double {
    let units: [Character: Double] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
    let unit = text.last.flatMap { units[$0] }
    guard let number = Double(unit == nil ? text[...] : text.dropLast()), number >= 0 else {
      throw ValidationError("\(option) is a time such as 30s, 10m or 2h, not \(text)")
    }
    return number * (unit ?? 1)
  }

  /// Asks whoever sits at the terminal; true where nobody does.
  func confirms(_ question: String) -> Bool {
    guard !yes, isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1 else { return true }
    Output.say("\(question) Type yes to go on:")
    return readLine() == "yes"
  }

  /// The exit code of an outcome.
  static func exitCode(_ state: CommandPhase) -> ExitCode {
    switch state {
    case .succeeded: .success
    case .failed: ExitCode(EX_SOFTWARE)
    case .rejected: ExitCode(EX_NOPERM)
    case .expired: ExitCode(EX_TEMPFAIL)
    case .unknown: ExitCode(EX_PROTOCOL)
    case .cancelled, .queued, .sent, .accepted, .running: .failure
    }
  }
}

/// Sends to one device and waits, if asked to.
private struct DeviceSending {
  let options: SendCommand
  let client: RestClient
  let device: String

  func send(_ order: JSONObject) async throws {
    try await confirm(order)
    let posted = try await client.send(
      .POST, path("commands"), body: .object(order), key: options.key)
    guard let id = posted["command"]?.string else {
      throw Failure.unavailable("the broker's answer has no command")
    }
    guard options.wait else {
      return options.broker.json ? Output.json(posted) : Output.line(id)
    }
    let ended = try await outcome(of: id)
    guard let state = ended["state"]?.string.flatMap({ CommandPhase(rawValue: $0) }) else {
      throw Failure.unavailable("the broker's answer has no state")
    }
    show(ended, state)
    let code = SendCommand.exitCode(state)
    if code != .success { throw code }
  }

  /// What the device calls dangerous is asked about.
  private func confirm(_ order: JSONObject) async throws {
    guard !options.yes, isatty(STDIN_FILENO) == 1 else { return }
    let abilities = try await client.send(.GET, path("abilities"))
    let declared = abilities["commands"]?.array?.first { $0["name"] == order["name"] }
    guard declared?["danger"]?.string == "dangerous" else { return }
    let text = declared?["text"]?.string.map { " (\($0))" } ?? ""
    guard options.confirms("This is dangerous on \(device)\(text).") else {
      throw ExitCode.failure
    }
  }

  private func path(_ what: String) -> String {
    "/v1/devices/\(BrokerOptions.escape(device))/\(what)"
  }

  private func outcome(of id: String) async throws -> JSONValue {
    var line = ProgressLine()
    defer { line.clear() }
    var seen: String?
    while true {
      let known = seen.map { [("after", $0)] } ?? []
      let answer = try await client.send(.GET, "/v1/commands/\(id)", [("wait", "20")] + known)
      let state = answer["state"]?.string ?? ""
      if CommandPhase(rawValue: state)?.isFinal ?? true { return answer }
      seen = answer["version"]?.string
      let progress = answer["progress"]
      let percent = progress?["percent"]?.number
      let bar =
        percent.map { " \(ProgressLine.bar($0 / 100)) \(TextTable.number($0.rounded())) %" } ?? ""
      let text = progress?["text"]?.string.map { " \($0)" } ?? ""
      line.show("\(device): \(state)\(bar)\(text)")
    }
  }

  private func show(_ command: JSONValue, _ state: CommandPhase) {
    if options.broker.json { return Output.json(command) }
    let result = command["result"]
    for line in result?["output"]?.string?.split(
      separator: "\n", omittingEmptySubsequences: false) ?? []
    { Output.line(String(line)) }
    let reason = result?["reason"]?.string.map { ": \($0)" } ?? ""
    let code = result?["exitCode"]?.number.map { " (exit code \(TextTable.number($0)))" } ?? ""
    Output.say("\(state.rawValue)\(code)\(reason)")
  }
}
