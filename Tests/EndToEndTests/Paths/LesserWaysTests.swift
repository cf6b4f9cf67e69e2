import AgentCore
import DeviceProtocol
import Foundation
import Testing
import TestSupport

extension EndToEndTests {
  /// Paths that let no WebSocket through, for a time or for good.
  @Suite("Lesser ways to the broker", .timeLimit(.minutes(2)))
  struct LesserWays {
    @Test("Requests carry the link while upgrades are stripped, a WebSocket once they pass again")
    func upAgain() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        let box = try workspace.startPeer(
          "middlebox", script: "middlebox.py",
          ["strip", "--to", "\(broker.port)", "--seconds", "4"])
        let url = try #require(URL(string: "http://127.0.0.1:\(try await box.listeningPort())"))
        let agent = try workspace.startAgent(
          device: "climber", broker: url,
          arguments: [
            "--set", "sampling.sensors=uptime", "--set", "sampling.interval=100ms",
            "--set", "link.reconnect.first=100ms", "--set", "link.betterInterval=500s",
          ])
        func wait(for words: String) async throws {
          try await waitUntil(words, within: .seconds(30), detail: { agent.transcript }) {
            agent.errors.contains(words) ? true : nil
          }
        }
        try await wait(for: "way=longpoll")
        try await wait(for: "way=compressed")
        try await Task.sleep(for: .seconds(1))
        agent.send(SIGTERM)
        #expect(try await agent.end() == .exit(0))
        #expect(agent.errors.components(separatedBy: "link handed over").count == 2)
        try await everyReadingOnce(broker, workspace, "climber", atLeast: 30)
      }
    }

    @Test("Where held requests are cut, short ones carry the link, and the broker is still heard")
    func shortRequests() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        let box = try workspace.startPeer(
          "middlebox", script: "middlebox.py",
          ["hasty", "--to", "\(broker.port)", "--seconds", "1.5"])
        let url = try #require(URL(string: "http://127.0.0.1:\(try await box.listeningPort())"))
        let agent = try workspace.startAgent(
          device: "short", broker: url,
          arguments: [
            "--set", "sampling.sensors=uptime", "--set", "sampling.interval=4s",
            "--set", "link.reconnect.first=100ms", "--set", "link.heartbeat.interval=1s",
          ])
        try await waitUntil("short requests", within: .seconds(60), detail: { agent.transcript }) {
          agent.errors.contains("way=post") ? true : nil
        }
        try await Task.sleep(for: .seconds(6))
        agent.send(SIGTERM)
        #expect(try await agent.end() == .exit(0))
        #expect(!agent.errors.contains("cause=heartbeat-lost"), "\(agent.errors)")
        try await everyReadingOnce(broker, workspace, "short", atLeast: 3)
      }
    }

    @Test("Where no direct connection comes about, the proxy's tunnel carries the link")
    func tunnel() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        let box = try workspace.startPeer(
          "middlebox", script: "middlebox.py", ["tunnel", "--to", "\(broker.port)"])
        let proxy = try await box.listeningPort()
        let closed = try #require(URL(string: "http://127.0.0.1:\(try FreePort.pick())"))
        let agent = try workspace.startAgent(
          device: "tunneller", broker: closed,
          arguments: [
            "--set", "proxy.address=http://127.0.0.1:\(proxy)", "--set", "proxy.tryDirect=true",
            "--set", "sampling.sensors=uptime", "--set", "sampling.interval=100ms",
            "--set", "link.reconnect.first=100ms",
          ])
        try await waitUntil("the tunnel", within: .seconds(30), detail: { agent.transcript }) {
          agent.errors.contains("way=tunnelled") ? true : nil
        }
        try await Task.sleep(for: .seconds(1))
        agent.send(SIGTERM)
        #expect(try await agent.end() == .exit(0))
        try await everyReadingOnce(broker, workspace, "tunneller", atLeast: 5)
      }
    }

    /// All that the stopped agent produced is acknowledged, and in history once.
    private func everyReadingOnce(
      _ broker: BrokerRun, _ workspace: Workspace, _ device: String, atLeast count: Int
    ) async throws {
      let state = workspace.folder.appending(path: "agent-state-\(device)")
      let ledger = try SpoolLedger(ofStoppedAgent: state)
      let made = Int(ledger.nextSequence) - 1
      #expect(Int(ledger.acknowledged.count) == made && made >= count)
      let times = try await broker.readings(of: "uptime", device: device).map(\.time)
      #expect(times.count == made && Set(times).count == made)
    }
  }
}
