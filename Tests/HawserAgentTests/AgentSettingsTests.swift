import AgentCore
import Foundation
import NIOHTTP1
import Settings
import TelemetryModel
import Testing
import WebSocketTransport

@testable import hawser_agent

@Suite("Agent settings")
struct AgentSettingsTests {
  private var defaultFile: String {
    let here = URL(fileURLWithPath: #filePath)
    return here.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("devices/linux/agent.yaml").path
  }

  private func load(_ assignments: String...) throws -> Settings {
    try AgentSettings.schema.load(arguments: assignments.map { SettingsArgument(assignment: $0) })
  }

  @Test("devices/linux/agent.yaml holds every key at its default, with its comment")
  func defaultFileIsCurrent() throws {
    let text = try String(contentsOfFile: defaultFile, encoding: .utf8)
    #expect(
      text == AgentSettings.schema.defaultFile,
      "write it anew: hawser-agent check-config --defaults > devices/linux/agent.yaml")
    let settings = try AgentSettings.schema.load(file: SettingsFile.read(path: defaultFile))
    #expect(settings.effective.map(\.text) == (try load()).effective.map(\.text))
  }

  @Test("The program knows about when it was built, as no clock that is right tells less")
  func builtAt() throws {
    let configuration = try AgentConfiguration(try load("broker=http://localhost"))
    let builtAt = configuration.link.builtAt
    #expect(builtAt > AgentClock.buildFloor && builtAt < SystemClock.now().wall)
    #expect(AgentClock(builtAt: builtAt).isPlausible(SystemClock.now().wall))
  }

  @Test("The machines' production constants are the configuration's defaults")
  func productionDefaults() throws {
    let configuration = try AgentConfiguration(try load("broker=http://localhost"))
    #expect(configuration.link.heartbeat == HeartbeatSchedule.Policy())
    #expect(configuration.link.paths == PathRecord.Policy())
    #expect(configuration.link.trials == LinkMachine.TrialPolicy())
    #expect(configuration.link.echoTimeout == .milliseconds(2500))
    #expect(configuration.link.retirement == .seconds(5))
    #expect(configuration.link.backoff == ReconnectBackoff.Policy())
    #expect(configuration.link.welcomeTimeout == .seconds(10))
    #expect(configuration.link.drainTimeout == .seconds(2))
  }

  @Test("The heartbeat interval that is set is the one where nothing is known of the path")
  func heartbeatInterval() throws {
    let configuration = try AgentConfiguration(
      try load("broker=http://localhost", "link.heartbeat.interval=3s"))
    #expect(PathRecord().interval(configuration.link.paths) == .seconds(3))
  }

  @Test("The spool's bounds by age and free disk reach it, null takes them away")
  func spoolBounds() throws {
    let limits = try AgentConfiguration(try load("broker=http://localhost")).spool
    #expect(limits.maxAge == .seconds(30 * 86_400) && limits.minFreeBytes == 64 << 20)
    let unbound = try load("broker=http://localhost", "spool.maxAge=", "spool.minFree=0B")
    let others = try AgentConfiguration(unbound).spool
    #expect(others.maxAge == nil && others.minFreeBytes == 0)
  }

  @Test("Where each reading is written before it is sent, few numbers are reserved at a time")
  func reservedNumbers() throws {
    let lazy = try AgentConfiguration(try load("broker=http://localhost")).spool
    #expect(!lazy.syncsEveryPack && lazy.reservedNumbers == 128)
    let eager = try load("broker=http://localhost", "spool.syncInterval=0s")
    let spool = try AgentConfiguration(eager).spool
    #expect(spool.syncsEveryPack && spool.reservedNumbers == 16)
  }

  @Test("Compressed and plain WebSockets are tried, the latter alone if set so, then requests")
  func ways() throws {
    let both = try AgentConfiguration(try load("broker=http://localhost"))
    #expect(both.link.rungs == [.compressed, .plain, .longPoll, .shortPost])
    let plain = try AgentConfiguration(
      try load("broker=http://localhost", "link.compression=false"))
    #expect(plain.link.rungs == [.plain, .longPoll, .shortPost])
  }

  @Test("Where a direct connection is to be tried, the proxy's tunnel is a way of its own")
  func tunnel() throws {
    let proxy = "proxy.address=http://proxy.example:3128"
    let always = try AgentConfiguration(try load("broker=http://localhost", proxy))
    #expect(!always.triesDirect && !always.link.rungs.contains(.tunnelled))
    let blocked = try AgentConfiguration(
      try load("broker=http://localhost", proxy, "proxy.tryDirect=true"))
    #expect(blocked.triesDirect)
    #expect(blocked.link.rungs == [.compressed, .plain, .tunnelled, .longPoll, .shortPost])
    let without = try AgentConfiguration(
      try load("broker=http://localhost", "proxy.address=direct", "proxy.tryDirect=true"))
    #expect(!without.triesDirect && !without.link.rungs.contains(.tunnelled))
  }

  @Test(
    "The device link's address is below the broker's",
    arguments: [
      ("http://127.0.0.1:8080/", "ws://127.0.0.1:8080/v1/device", false),
      ("wss://broker.example", "wss://broker.example/v1/device", true),
      ("https://example.org/hawser/", "wss://example.org/hawser/v1/device", true),
    ])
  func address(broker: String, link: String, isSecure: Bool) throws {
    let configuration = try AgentConfiguration(try load("broker=\(broker)", "device=pi-1"))
    #expect(configuration.url.description == link)
    #expect(configuration.url.target.hasSuffix("?device=pi-1"))
    #expect(configuration.url.isSecure == isSecure)
  }

  @Test("Without a broker, or with a wrong one, it is refused by name")
  func noBroker() throws {
    #expect(throws: SettingsErrors.self) { try AgentConfiguration(try load()) }
    for wrong in ["ftp://x", "broker.example", "ws://u:p@x", "http://x/?token=1", ""] {
      #expect(throws: SettingsErrors.self) { try AgentConfiguration(try load("broker=\(wrong)")) }
    }
  }

  @Test("The proxy's password is in no text")
  func proxyPassword() throws {
    let settings = try load(
      "broker=http://x", "proxy.address=http://p:3128", "proxy.user=u", "proxy.password=s3cret")
    #expect(settings.effective.allSatisfy { !$0.text.contains("s3cret") })
    let configuration = try AgentConfiguration(settings)
    guard case .fixed(let proxy) = configuration.proxy else {
      Issue.record("\(configuration.proxy)")
      return
    }
    #expect(proxy.password == "s3cret")
    #expect(!"\(proxy)".contains("s3cret"))
    #expect(throws: SettingsErrors.self) { try load("proxy.address=http://u:p@x:3128") }
  }

  @Test("Every end of a connection has its meaning")
  func endings() {
    let headers = HTTPHeaders([("Retry-After", "7")])
    #expect(
      LinkEnding(HandshakeError.status(503, headers: headers, bodyPrefix: ""))
        == .refused(status: 503, retryAfter: .seconds(7)))
    #expect(
      LinkEnding(HandshakeError.status(429, headers: ["Retry-After": "soon"], bodyPrefix: ""))
        == .refused(status: 429, retryAfter: nil))
    let date = ["Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"] as HTTPHeaders
    let dated = HandshakeError.status(503, headers: date, bodyPrefix: "")
    #expect(LinkEnding(dated) == .refused(status: 503, retryAfter: nil), "nobody knows the time")
    #expect(
      LinkEnding(dated, now: Timestamp(seconds: 784_111_700))
        == .refused(status: 503, retryAfter: .seconds(77)))
    var told = date
    told.add(name: "Date", value: "Sun, 06 Nov 1994 08:49:30 GMT")
    #expect(
      LinkEnding(HandshakeError.status(503, headers: told, bodyPrefix: ""))
        == .refused(status: 503, retryAfter: .seconds(7)), "the server's own clock counts")
    #expect(LinkEnding(HandshakeError.timedOut(.tls)) == .timedOut(step: "tls"))
    #expect(LinkEnding(HandshakeError.proxyRefused(status: 407)).cause() == "proxy-407")
    #expect(LinkEnding(WebSocketEnd(cause: .dropped)) == .dropped)
    #expect(
      LinkEnding(WebSocketEnd(cause: .closedByPeer, code: 1012, reason: "restarting"))
        == .closed(code: 1012, reason: "restarting"))
  }
}
