import Foundation
import Settings
import Testing

@testable import hawser

@Suite("Broker settings")
struct BrokerSettingsTests {
  private var defaultFile: String {
    let here = URL(fileURLWithPath: #filePath)
    return here.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("config/broker.yaml").path
  }

  @Test("config/broker.yaml holds every key at its default, with its comment")
  func defaultFileIsCurrent() throws {
    let text = try String(contentsOfFile: defaultFile, encoding: .utf8)
    #expect(
      text == BrokerSettings.schema.defaultFile,
      "write it anew: hawser check-config --defaults > config/broker.yaml")
  }

  @Test("The default file is accepted, and says what no file says")
  func defaultsAgree() throws {
    let fromFile = try BrokerSettings.settings(
      file: defaultFile, environment: [:], arguments: [])
    let without = try BrokerSettings.settings(file: nil, environment: [:], arguments: [])
    #expect(fromFile.effective.map(\.text) == without.effective.map(\.text))
    _ = try BrokerSettings.configuration(without)
  }

  @Test("An open broker refuses to listen beyond this machine")
  func loopbackOnly() throws {
    let wide = try BrokerSettings.settings(
      file: nil, environment: ["HAWSER_LISTEN": "0.0.0.0:8080"], arguments: [])
    #expect(throws: SettingsErrors.self) { try BrokerSettings.configuration(wide) }
  }

  @Test("A silence timeout that heartbeats cannot keep up with is refused, by name")
  func silenceTimeout() throws {
    let settings = try BrokerSettings.settings(
      file: nil, environment: [:],
      arguments: [SettingsArgument("--set", key: "devices.silenceTimeout", value: "30s")])
    do {
      _ = try BrokerSettings.configuration(settings)
      Issue.record("accepted")
    } catch {
      #expect(error.description.contains("devices.silenceTimeout"))
    }
  }
}
