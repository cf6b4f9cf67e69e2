import DeviceProtocol
import TelemetryModel
import TestValues
import Testing

@Suite("Messages: round trips")
struct RoundTripTests {
  @Test("What an agent writes, the broker reads")
  func agentMessages() throws {
    var random = Seeded()
    for _ in 0..<2000 {
      let message = MessageSamples.agent(&random)
      var output: [UInt8] = []
      message.encode(into: &output)
      #expect(
        try AgentMessage.decode(output.span) == message, "seed \(random.seed): \(text(output))")
    }
  }

  @Test("What the broker writes, an agent reads")
  func brokerMessages() throws {
    var random = Seeded()
    for _ in 0..<2000 {
      let message = MessageSamples.broker(&random)
      var output: [UInt8] = []
      message.encode(into: &output)
      #expect(
        try BrokerMessage.decode(output.span) == message, "seed \(random.seed): \(text(output))")
    }
  }

  @Test("Results are read by whoever asked")
  func results() throws {
    let welcome = Welcome(
      session: "s", generation: 7, acked: SequenceRanges(upTo: 9),
      now: Timestamp(microseconds: 1_732_274_210_123_456),
      heartbeat: HeartbeatPolicy(interval: .seconds(20), timeout: .milliseconds(30_500)),
      window: WindowLimits(messages: 64, bytes: 262_144), maxMessageBytes: 1_048_576,
      server: Software(name: "hawser", version: "1"))
    var output: [UInt8] = []
    BrokerMessage.welcome(id: "1", welcome).encode(into: &output)
    guard case .response("1", let json) = try BrokerMessage.decode(output.span) else {
      Issue.record("no response")
      return
    }
    #expect(try Welcome(json: json) == welcome)
    output = []
    BrokerMessage.heartbeatReply(id: "2", monoSeconds: 12.5, nowSeconds: 1.7e9)
      .encode(into: &output)
    guard case .response("2", let reply) = try BrokerMessage.decode(output.span) else {
      Issue.record("no response")
      return
    }
    #expect(try HeartbeatReply(json: reply).monoSeconds == 12.5)
    #expect(try HeartbeatReply(json: reply).now == Timestamp(seconds: 1.7e9))
    let state = CommandState(state: .rejected, reason: "no such command")
    #expect(try CommandState(json: state.json) == state)
    output = []
    BrokerMessage.commandFinishedReply(id: "3").encode(into: &output)
    #expect(try BrokerMessage.decode(output.span) == .response(id: "3", .object(JSONObject())))
  }

  @Test("A pack is found in place, wherever its method stands")
  func telemetry() throws {
    let pack = bytes(#"[{"n":"a]\"[","v":1,"x":[[]]}]"#)
    var output: [UInt8] = []
    AgentMessage.encodeTelemetry(seq: 7, lane: .backfill, pack: pack, into: &output)
    guard case .telemetry(7, .backfill, let range) = try AgentMessage.decode(output.span) else {
      Issue.record("no telemetry")
      return
    }
    #expect(Array(output[range]) == pack)
    var again: [UInt8] = []
    AgentMessage.telemetry(seq: 7, lane: .backfill, pack: range)
      .encode(into: &again, packFrom: output)
    #expect(again == output)
    let reversed = bytes(
      #"{"params":{"pack":[{"n":"a","v":1}],"seq":8.0},"method":"telemetry","jsonrpc":"2.0"}"#)
    guard case .telemetry(8, .live, let place) = try AgentMessage.decode(reversed.span) else {
      Issue.record("no telemetry")
      return
    }
    #expect(text(Array(reversed[place])) == #"[{"n":"a","v":1}]"#)
  }

  @Test("Whatever bytes come, decoding ends with a message or an error")
  func mutations() {
    var random = Seeded()
    var samples: [[UInt8]] = []
    for _ in 0..<40 {
      var output: [UInt8] = []
      MessageSamples.agent(&random).encode(into: &output)
      samples.append(output)
      output = []
      MessageSamples.broker(&random).encode(into: &output)
      samples.append(output)
      output = []
      AgentMessage.encodeTelemetry(
        seq: 3, lane: .live, pack: bytes(#"[{"n":"a","v":1}]"#), into: &output)
      samples.append(output)
    }
    let odd = ["null", "-1", "1e300", "[]", "{}", "\"\"", "18446744073709551616", "1.5"]
    for _ in 0..<20_000 {
      var input = samples.randomElement(using: &random) ?? []
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        guard !input.isEmpty else { break }
        let at = Int.random(in: 0..<input.count, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0: input[at] = UInt8.random(in: 0...255, using: &random)
        case 1: input.remove(at: at)
        case 2: input.insert(UInt8.random(in: 32...126, using: &random), at: at)
        case 3:
          let colon = input[at...].firstIndex(of: UInt8(ascii: ":")) ?? at
          input.insert(
            contentsOf: bytes(odd.randomElement(using: &random) ?? ""),
            at: min(colon + 1, input.count))
        default: input.removeLast(input.count - at)
        }
      }
      if let message = try? AgentMessage.decode(input.span) {
        var output: [UInt8] = []
        message.encode(into: &output, packFrom: input)
        #expect(throws: Never.self, "seed \(random.seed): \(text(output))") {
          try AgentMessage.decode(output.span)
        }
      }
      if let message = try? BrokerMessage.decode(input.span) {
        var output: [UInt8] = []
        message.encode(into: &output)
        #expect(throws: Never.self, "seed \(random.seed): \(text(output))") {
          try BrokerMessage.decode(output.span)
        }
      }
      _ = try? LiveRequest.decode(input.span, now: Timestamp(seconds: 0))
    }
  }
}
