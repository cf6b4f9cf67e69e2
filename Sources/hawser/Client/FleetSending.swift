import ArgumentParser
import BrokerCore
import Glibc
import NIOHTTP1
import Settings
import TelemetryModel

/// Sends to a fleet and waits, if asked to.
struct FleetSending {
  let options: SendCommand
  let client: RestClient

  func send(to target: String, order: JSONObject) async throws {
    guard options.key == nil else { throw ValidationError("--key is for one device") }
    guard options.confirms("This goes to every device with \(target).") else {
      throw ExitCode.failure
    }
    let posted = try await client.send(
      .POST, "/v1/rollouts", body: .object(try body(target, order)))
    guard let id = posted["rollout"]?.string else {
      throw Failure.unavailable("the broker's answer has no rollout")
    }
    guard options.wait else {
      return options.broker.json ? Output.json(posted) : Output.line(id)
    }
    let ended = try await outcome(of: id)
    if options.broker.json { Output.json(ended) } else { show(ended) }
    let code = FleetSending.exitCode(ended)
    if code != .success { throw code }
  }

  private func body(_ target: String, _ order: JSONObject) throws -> JSONObject {
    var labels = JSONObject()
    for part in target.split(separator: ",") {
      guard let colon = part.firstIndex(of: ":"), colon != part.startIndex else {
        throw ValidationError("--to is LABEL:PATTERN, for example site:lab, not \(part)")
      }
      labels[String(part[..<colon])] = .string(String(part[part.index(after: colon)...]))
    }
    var body = order
    body["to"] = ["labels": .object(labels)]
    body["concurrency"] = options.concurrency.map { .number(Double($0)) }
    body["wave"] = options.wave.map { .number(Double($0)) }
    body["pause"] = try options.pause.map { .number(try options.seconds($0, "--pause")) }
    body["maxFailureRate"] = options.maxFailureRate.map { .number($0) }
    return body
  }

  private func outcome(of id: String) async throws -> JSONValue {
    var line = ProgressLine()
    defer { line.clear() }
    while true {
      let rollout = try await client.send(.GET, "/v1/rollouts/\(id)")
      let counts = FleetSending.counts(rollout)
      let total = max(1, counts.values.reduce(0, +))
      let open = counts.filter { CommandPhase(rawValue: $0.key)?.isFinal == false }.values
        .reduce(0, +)
      let state = rollout["state"]?.string.flatMap { Rollout.State(rawValue: $0) }
      let waiting = counts["waiting", default: 0]
      if state == .finished || state == .stopped && open == 0
        || state == .cancelled && open == 0
      {
        return rollout
      }
      let done = total - open - waiting
      line.show(
        "\(ProgressLine.bar(Double(done) / Double(total))) \(done)/\(total) "
          + FleetSending.text(counts) + (state == .running ? "" : " (\(state?.rawValue ?? "?"))"))
      try await Task.sleep(for: .milliseconds(300))
    }
  }

  private func show(_ rollout: JSONValue) {
    let cause = rollout["cause"]?.string ?? ""
    Output.say(
      "\(rollout["state"]?.string ?? "?") (\(cause)): "
        + FleetSending.text(FleetSending.counts(rollout)))
    if rollout["state"]?.string == "stopped", let id = rollout["rollout"]?.string {
      Output.say("POST /v1/rollouts/\(id)/resume goes on")
    }
  }

  private static func counts(_ rollout: JSONValue) -> [String: Int] {
    (rollout["counts"]?.object?.members ?? []).reduce(into: [:]) {
      $0[$1.key] = $1.value.number.flatMap { Int(exactly: $0) }
    }
  }

  private static func text(_ counts: [String: Int]) -> String {
    counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
  }

  /// The worst that came of it.
  private static func exitCode(_ rollout: JSONValue) -> ExitCode {
    let counts = counts(rollout)
    if rollout["state"]?.string == "stopped" { return ExitCode(EX_SOFTWARE) }
    for state in [CommandPhase.failed, .unknown, .rejected, .expired, .cancelled]
    where counts[state.rawValue, default: 0] > 0 {
      return SendCommand.exitCode(state)
    }
    return counts["skipped", default: 0] > 0 ? .failure : .success
  }
}
