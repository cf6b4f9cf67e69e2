import Foundation
import Testing
import TestSupport

extension EndToEndTests {
  /// Devices that do not know what day it is.
  @Suite("Agents without a clock", .timeLimit(.minutes(1)))
  struct WithoutClock {
    @Test("Certificates go by the time that a broker told last where the clock is behind it")
    func certificateDates() async throws {
      try await Workspace.use { workspace in
        // To a certificate that begins in 2090 this machine's clock is as wrong as one that stands
        // at 1970 is to today's.
        try workspace.write("future.pem", Self.certificate)
        try workspace.write("future-key.pem", Self.key)
        let broker = try await workspace.startBroker()
        let route = try await workspace.startNginxBox(
          before: broker.port, limit: 60,
          certificate: (
            workspace.folder.appending(path: "future.pem"),
            workspace.folder.appending(path: "future-key.pem")
          ))
        let url = try #require(URL(string: route.broker))
        let options = route.options + ["--set", "sampling.sensors=uptime"]
        let ignorant = try workspace.startAgent(
          "ignorant", device: "ignorant", broker: url, arguments: options)
        try await waitUntil("the refusal", detail: { ignorant.transcript }) {
          ignorant.errors.contains("cause=tls-intercepted") ? true : nil
        }
        try tellTime(workspace, device: "told")
        let told = try workspace.startAgent(
          "told", device: "told", broker: url, arguments: options)
        _ = try await told.line(containing: "connected to")
        // Its readings went out without a time of their own and got the broker's.
        let reading = try await waitUntil("a reading", detail: { told.transcript }) {
          try await broker.readings(of: "uptime", device: "told").first
        }
        #expect(abs(reading.time - Date().timeIntervalSince1970) < 30)
      }
    }

    @Test("A time that a broker told wrongly costs an attempt, and not the link")
    func wrongTime() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        let route = try await workspace.startNginxBox(before: broker.port, limit: 60)
        let url = try #require(URL(string: route.broker))
        try tellTime(workspace, device: "misled")
        let misled = try workspace.startAgent(
          "misled", device: "misled", broker: url,
          arguments: route.options + ["--set", "sampling.sensors=uptime"])
        _ = try await misled.line(containing: "connected to")
        #expect(misled.errors.contains("cause=clock-not-set"))
      }
    }

    /// Has a device remember that it is 2095, as a broker might have told.
    private func tellTime(_ workspace: Workspace, device: String) throws {
      let state = workspace.folder.appending(path: "agent-state-\(device)")
      try FileManager.default.createDirectory(at: state, withIntermediateDirectories: true)
      try workspace.write(
        "agent-state-\(device)/memory", #"{"version":1,"brokerTime":3944678400,"paths":[]}"#)
    }

    private static let certificate = """
      -----BEGIN CERTIFICATE-----
      MIIBSDCB8KADAgECAgEBMAoGCCqGSM49BAMCMBQxEjAQBgNVBAMMCWxvY2FsaG9z
      dDAiGA8yMDkwMDEwMTAwMDAwMFoYDzIwOTkxMjMxMDAwMDAwWjAUMRIwEAYDVQQD
      DAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATCiZqZF//8etv8
      bR2dImOk/HwG9C+xnbPpJIn0og2jOy4DmrF35nsFLpemXYK4KxMYp1pXijQG6eF4
      rZ3E7E1Qoy8wLTAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwDwYDVR0TAQH/
      BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiADUo6CNxWjhHTMDPOu+P8DxLZgEdFv
      I5HPDFkDOaiLMAIgY7Ze4RNJU8pxYFSZ/yJB/lC/F3zkfbkGBNQui6xynks=
      -----END CERTIFICATE-----
      """
    private static let key = """
      -----BEGIN PRIVATE KEY-----
      MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg2QzZcN2MZTHYEra1
      M3theCfZYW8C+AzNUDQ86hjAYNehRANCAATCiZqZF//8etv8bR2dImOk/HwG9C+x
      nbPpJIn0og2jOy4DmrF35nsFLpemXYK4KxMYp1pXijQG6eF4rZ3E7E1Q
      -----END PRIVATE KEY-----
      """
  }
}
