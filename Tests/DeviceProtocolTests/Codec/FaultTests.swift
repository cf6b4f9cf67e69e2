import DeviceProtocol
import TelemetryModel
import TestValues
import Testing

@Suite("Messages: faults and tolerance")
struct FaultTests {
  private func request(_ method: String, _ params: String) -> [UInt8] {
    bytes(#"{"jsonrpc":"2.0","id":"1","method":"\#(method)","params":\#(params)}"#)
  }

  @Test(
    "A wrong field is named, and the request can be answered",
    arguments: [
      ("hello", #"{}"#, "params.agent"),
      ("hello", #"[]"#, "params"),
      ("hello", #"{"agent":{"name":"a"}}"#, "params.epoch"),
      ("hello", #"{"agent":{"version":"1"},"epoch":"e"}"#, "params.agent.name"),
      ("hello", #"{"agent":{"name":"a"},"epoch":""}"#, "params.epoch"),
      ("hello", #"{"agent":{"name":"a"},"epoch":"e","acked":-1}"#, "params.acked"),
      ("hello", #"{"agent":{"name":"a"},"epoch":"e","acked":[[1,2],[4]]}"#, "params.acked[1]"),
      ("hello", #"{"agent":{"name":"a"},"epoch":"e","acked":[[3,2]]}"#, "params.acked[0]"),
      ("hello", #"{"agent":{"name":"a"},"epoch":"e","clock":{"wall":"x"}}"#, "params.clock.wall"),
      ("hello", #"{"agent":{"name":"a"},"epoch":"e","labels":{"a":1}}"#, "params.labels.a"),
      (
        "hello", #"{"agent":{"name":"a"},"epoch":"e","profile":{"name":"p","metrics":[{}]}}"#,
        "params.profile.metrics[0].name"
      ),
      (
        "hello", #"{"agent":{"name":"a"},"epoch":"e","lastLink":{"cause":"x","closeCode":1.5}}"#,
        "params.lastLink.closeCode"
      ),
      ("heartbeat", #"{"mono":"1"}"#, "params.mono"),
      ("heartbeat", #"{}"#, "params.mono"),
      ("commandFinished", #"{"command":"c","outcome":"done"}"#, "params.outcome"),
      ("commandFinished", #"{"outcome":"failed"}"#, "params.command"),
    ])
  func faults(method: String, params: String, field: String) {
    let input = request(method, params)
    let error = #expect(throws: ProtocolError.self) { try AgentMessage.decode(input.span) }
    #expect(error?.field == field)
    #expect(error?.id == "1")
    #expect(error?.rpcError.code == RPCError.invalidParams)
    #expect(error?.rpcError.data?.field == field)
  }

  @Test(
    "A wrong notification is named too",
    arguments: [
      (#"{"method":"telemetry","params":{"lane":"live","pack":[]}}"#, "params.seq"),
      (#"{"method":"telemetry","params":{"seq":0,"pack":[]}}"#, "params.seq"),
      (#"{"method":"telemetry","params":{"seq":1.5,"pack":[]}}"#, "params.seq"),
      (#"{"method":"telemetry","params":{"seq":9007199254740992,"pack":[]}}"#, "params.seq"),
      (#"{"method":"telemetry","params":{"seq":1}}"#, "params.pack"),
      (#"{"method":"telemetry","params":{"seq":1,"pack":{}}}"#, "params.pack"),
      (#"{"method":"telemetry","params":{"seq":1,"lane":"slow","pack":[]}}"#, "params.lane"),
      (#"{"method":"telemetry","params":[]}"#, "params"),
      (#"{"method":"telemetry"}"#, "params"),
      (#"{"method":"gap","params":{"from":3,"to":2}}"#, "params.to"),
      (#"{"method":"commandProgress","params":{"command":"c","percent":101}}"#, "params.percent"),
      (#"{"method":"hello","params":{}}"#, "id"),
      (#"{"id":1,"method":"hello","params":{}}"#, nil),
      (#"{"id":"1"}"#, "method"),
      (#"{"result":{}}"#, "method"),
    ] as [(String, String?)])
  func notificationFaults(json: String, field: String?) {
    let input = bytes(#"{"jsonrpc":"2.0","# + json.dropFirst())
    let error = #expect(throws: ProtocolError.self) { try AgentMessage.decode(input.span) }
    #expect(error?.field == field)
    #expect((error?.closeText.utf8.count ?? 0) <= 123)
  }

  @Test(
    "What is no JSON-RPC 2.0 is malformed",
    arguments: ["", "[]", "{", "{}", #"{"jsonrpc":"1.0","method":"x"}"#, "[{}]", "null"])
  func malformed(json: String) {
    let input = bytes(json)
    let error = #expect(throws: ProtocolError.self) { try AgentMessage.decode(input.span) }
    #expect(error?.kind == .malformed)
    #expect(throws: ProtocolError.self) { try BrokerMessage.decode(input.span) }
  }

  @Test("Unknown fields, notifications and requests do no harm")
  func tolerance() throws {
    let hello = request(
      "hello",
      #"{"agent":{"name":"a","x":1},"epoch":7,"acked":12,"new":[{}],"clock":null}"#)
    guard case .hello("1", let value) = try AgentMessage.decode(hello.span) else {
      Issue.record("no hello")
      return
    }
    #expect(value.epoch == "7")
    #expect(value.acked == SequenceRanges(upTo: 12))
    #expect(value.clock == nil)
    let notification = bytes(#"{"jsonrpc":"2.0","method":"later","params":[1]}"#)
    #expect(try AgentMessage.decode(notification.span) == .ignored(method: "later"))
    #expect(try BrokerMessage.decode(notification.span) == .ignored(method: "later"))
    let unknown = request("later", "[1]")
    #expect(try AgentMessage.decode(unknown.span) == .unknownRequest(id: "1", method: "later"))
    #expect(try BrokerMessage.decode(unknown.span) == .unknownRequest(id: "1", method: "later"))
  }

  @Test("Limits are strict")
  func limits() throws {
    let long = String(repeating: "x", count: 200)
    let input = request("hello", #"{"agent":{"name":"\#(long)"},"epoch":"e"}"#)
    let error = #expect(throws: ProtocolError.self) { try AgentMessage.decode(input.span) }
    #expect(error?.field == "params.agent.name")
    let id = bytes(#"{"jsonrpc":"2.0","id":"\#(long)","method":"heartbeat","params":{"mono":1}}"#)
    #expect(throws: ProtocolError.self) { try AgentMessage.decode(id.span) }
    let labels = (0...64).map { #""\#($0)":"x""# }.joined(separator: ",")
    let many = request("hello", #"{"agent":{"name":"a"},"epoch":"e","labels":{\#(labels)}}"#)
    let labelError = #expect(throws: ProtocolError.self) { try AgentMessage.decode(many.span) }
    #expect(labelError?.field == "params.labels")
  }

  @Test("Somebody else's error data does not make an error unreadable")
  func foreignErrors() throws {
    let input = bytes(
      #"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"bad","data":[1]}}"#)
    #expect(
      try BrokerMessage.decode(input.span)
        == .error(id: nil, RPCError(code: -32700, message: "bad")))
  }
}
