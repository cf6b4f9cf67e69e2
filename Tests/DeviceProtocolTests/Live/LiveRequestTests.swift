import DeviceProtocol
import TelemetryModel
import TestValues
import Testing

@Suite("The live link's requests")
struct LiveRequestTests {
  private let now = Timestamp(seconds: 1_700_000_000)

  private func decode(_ method: String, _ params: String) throws -> LiveRequest {
    let input = bytes(#"{"jsonrpc":"2.0","id":"1","method":"\#(method)","params":\#(params)}"#)
    return try LiveRequest.decode(input.span, now: now)
  }

  @Test("A subscription says which series, what of them and from when")
  func subscribe() throws {
    let request = try decode(
      "subscribe",
      #"{"query":{"devices":["pi-*"],"metrics":["*"]},"resolution":"1s","functions":["last","p99"],"since":"-10m"}"#
    )
    guard case .subscribe("1", let params) = request else {
      Issue.record("no subscription")
      return
    }
    #expect(params.query.devices == ["pi-*"])
    #expect(params.query.metrics == ["*"])
    #expect(params.resolution == .s1)
    #expect(params.functions == [.last, .p99])
    #expect(params.since == .time(now - .seconds(600)))
  }

  @Test(
    "A wrong field is named",
    arguments: [
      ("subscribe", #"{"resolution":"2s"}"#, "params.resolution"),
      ("subscribe", #"{"functions":["last","avg"]}"#, "params.functions[1]"),
      ("subscribe", #"{"query":{"devices":"pi"}}"#, "params.query.devices"),
      ("subscribe", #"{"maxRate":0}"#, "params.maxRate"),
      ("unsubscribe", "{}", "params.subscription"),
      ("authenticate", #"{"token":""}"#, "params.token"),
    ])
  func faults(method: String, params: String, field: String) {
    let error = #expect(throws: ProtocolError.self) { try decode(method, params) }
    #expect(error?.field == field)
    #expect(error?.id == "1")
  }

  @Test("Unknown requests can be answered")
  func unknown() throws {
    #expect(try decode("later", "{}") == .unknownRequest(id: "1", method: "later"))
  }

  @Test(
    "Times are seconds, RFC 3339 or relative",
    arguments: [
      ("1700000000.5", 1_700_000_000.5), ("2023-11-14T22:13:20Z", 1_700_000_000),
      ("2023-11-14T23:13:20.25+01:00", 1_700_000_000.25), ("-10m", 1_699_999_400),
      ("-1.5h", 1_699_994_600), ("2024-02-29T00:00:00Z", 1_709_164_800),
      ("1969-12-31T23:59:59Z", -1),
    ])
  func times(text: String, seconds: Double) {
    #expect(TimeText.parse(text, now: now) == Timestamp(seconds: seconds))
  }

  @Test(
    "Other texts are no times",
    arguments: ["", "x", "2023-02-29T00:00:00Z", "2023-13-01T00:00:00Z", "10m", "-m", "2023-11-14"])
  func noTimes(text: String) {
    #expect(TimeText.parse(text, now: now) == nil)
  }
}
