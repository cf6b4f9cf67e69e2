import DeviceProtocol
import TelemetryModel
import TestValues

/// Messages of every kind with random contents.
enum MessageSamples {
  static func word(_ random: inout Seeded) -> String {
    ["a", "pi-1", "é\"\\\n", "0", "x y", "1.2.3"].randomElement(using: &random) ?? "a"
  }

  static func seconds(_ random: inout Seeded) -> Double {
    Double(Int64.random(in: 0...2_000_000_000_000, using: &random)) / 1000
  }

  static func time(_ random: inout Seeded) -> Timestamp {
    Timestamp(microseconds: Int64.random(in: 0...2_000_000_000_000_000, using: &random))
  }

  static func ranges(_ random: inout Seeded) -> SequenceRanges {
    var ranges = SequenceRanges()
    for _ in 0..<Int.random(in: 0...5, using: &random) {
      let from = UInt64.random(in: 1...1000, using: &random)
      let to = from + UInt64.random(in: 0...50, using: &random)
      if let range = SequenceRange(from: from, to: to) { ranges.insert(range) }
    }
    return ranges
  }

  static func hello(_ random: inout Seeded) -> Hello {
    var hello = Hello(
      agent: Software(name: word(&random), version: word(&random)), boot: word(&random),
      epoch: word(&random), acked: ranges(&random))
    if Bool.random(using: &random) {
      hello.clock = ClockReport(
        wall: Bool.random(using: &random) ? time(&random) : nil, monoSeconds: seconds(&random),
        synced: .random(using: &random))
    }
    if Bool.random(using: &random) {
      hello.profile = ProfileSummary(
        name: word(&random), version: "2",
        metrics: [.init(name: "cpu", unit: "%"), .init(name: "load")],
        commands: [
          .init(
            name: "blink", text: "Blinks.", idempotent: true, danger: .disruptive,
            timeoutSeconds: 5,
            params: [
              .init(
                name: "seconds", kind: .number, text: "how long", unit: "s", min: 1, max: 60,
                defaultValue: 5),
              .init(
                name: "colour", kind: .string, maxBytes: 5, values: ["red", "green"],
                isOptional: true),
            ]),
          .init(name: "reboot"),
        ], commandsAtOnce: 3)
      hello.labels = ["site": word(&random), word(&random): "x"]
      hello.lastLink = LinkEnd(
        cause: "idle-cut", livedSeconds: seconds(&random), idleSeconds: 60.5, closeCode: 1006,
        transport: "wss", proxy: word(&random))
      hello.resume = word(&random)
      hello.path = PathReport(
        network: "wlan0 via 192.0.2.1", safeSeconds: 40,
        failSeconds: Bool.random(using: &random) ? 80 : nil,
        lifeSeconds: 7200, intervalSeconds: 30)
    }
    return hello
  }

  static func agent(_ random: inout Seeded) -> AgentMessage {
    let id = word(&random)
    switch Int.random(in: 0..<8, using: &random) {
    case 0: return .hello(id: id, hello(&random))
    case 1:
      return .gap(
        Gap(
          SequenceRange(.random(in: 1...(1 << 53) - 1, using: &random)), reason: word(&random)))
    case 2: return .heartbeat(id: id, monoSeconds: seconds(&random))
    case 3:
      return .commandProgress(
        CommandProgress(
          command: id, percent: 12.5, text: Bool.random(using: &random) ? id : nil,
          output: Bool.random(using: &random) ? "1\n2\n" : nil))
    case 4:
      let outcome = CommandOutcome.allCases.randomElement(using: &random) ?? .unknown
      return .commandFinished(
        id: id,
        CommandFinished(
          command: id, outcome: outcome, exitCode: -1, output: "é\n", outputBytes: 70_000))
    case 5: return .probe(id: id, silenceSeconds: seconds(&random) / 4)
    case 6:
      let state = CommandState(state: .finished, outcome: .failed, exitCode: 3, reason: id)
      return .response(id: id, .result(state.json))
    default:
      return .response(
        id: id, .error(RPCError(.limitExceeded, "too many", field: "params.x", limit: 12)))
    }
  }

  static func broker(_ random: inout Seeded) -> BrokerMessage {
    let id = word(&random)
    switch Int.random(in: 0..<5, using: &random) {
    case 0: return .ack(ranges(&random))
    case 1:
      return .bye(
        Bye(
          reason: id,
          reconnectAfter: Bool.random(using: &random) ? .seconds(1)...(.milliseconds(2500)) : nil))
    case 2:
      let params: JSONValue = ["a": [1, nil, true], "b": ["c": "d"]]
      return .command(
        id: id,
        CommandRequest(
          command: id, name: "blink", params: params.object ?? JSONObject(),
          expires: time(&random),
          remainingSeconds: Bool.random(using: &random) ? seconds(&random) : nil, attempt: 2))
    case 3: return .cancelCommand(id: id, commandID: id)
    default: return .error(id: Bool.random(using: &random) ? id : nil, .unknownMethod("x"))
    }
  }
}
