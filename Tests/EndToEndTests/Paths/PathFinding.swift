import Foundation
import TestSupport

/// What a trial behind one box showed.
struct PathFinding: Sendable {
  var box: String
  /// From the box's doing to the agent's knowing, the longest of all drops; nil where nothing
  /// dropped.
  var detectSeconds: Double?
  /// From knowing to the next welcome, the longest of all drops.
  var reconnectSeconds: Double?
  var dropsBeforeLearned = 0
  var dropsAfterLearned = 0
  var readings = 0
  var gaps = 0
  /// What was sent while no reading was.
  var idle: IdleTraffic?
  /// What `hawser-agent diagnose` calls it.
  var diagnosis = ""
}

/// What a link carried while nothing had to be said.
struct IdleTraffic: Sendable {
  var seconds: Double
  var counters: SocketCounters

  /// Extrapolated from the measured window: small messages an hour.
  var heartbeatsAnHour: Double { Double(counters.dataSegmentsOut) * 3600 / seconds }
  /// Extrapolated from the measured window, with IP and TCP headers.
  var bytesAnHour: Double { Double(counters.networkBytes) * 3600 / seconds }
}

/// The table for people, in the test artefacts folder.
enum PathReport {
  static func write(_ findings: [PathFinding], as name: String) throws {
    let head = [
      "box", "time to detect", "time to reconnect", "drops before learned", "drops after",
      "readings, each once", "in a gap", "heartbeats an hour after", "bytes an hour idle",
      "measured", "diagnosed as",
    ]
    let lines = [head, head.map { _ in "---" }] + findings.map(row)
    let table = lines.map { "| " + $0.joined(separator: " | ") + " |" }.joined(separator: "\n")
    let text = """
      # What stands between agents and brokers, and what the link makes of it

      Real boxes with short limits, an agent with its waits shortened to fit. Heartbeats and bytes
      an hour are extrapolated from the window named last, in which no reading was sent; bytes are
      the kernel's count of the agent's connections, with 52 bytes of IP and TCP for each segment.

      \(table)

      """
    try Data(text.utf8).write(to: try Checkout.artefacts().appending(path: name))
  }

  private static func row(_ finding: PathFinding) -> [String] {
    var row = [finding.box, seconds(finding.detectSeconds), seconds(finding.reconnectSeconds)]
    let counts = [
      finding.dropsBeforeLearned, finding.dropsAfterLearned, finding.readings, finding.gaps,
    ]
    row += counts.map { "\($0)" }
    guard let idle = finding.idle else { return row + ["–", "–", "–", finding.diagnosis] }
    row.append("\(Int(idle.heartbeatsAnHour.rounded()))")
    row.append("\(Int(idle.bytesAnHour.rounded()))")
    row += ["\(Int(idle.seconds.rounded())) s", finding.diagnosis]
    return row
  }

  private static func seconds(_ value: Double?) -> String {
    value.map { String(format: "%.2f s", $0) } ?? "–"
  }
}
