import Foundation
import TestSupport

/// One line that a peer of `Peers` wrote.
struct ReaderReport: Decodable {
  struct Opened: Decodable {
    var subprotocol: String?
    var deflate: Bool
  }
  struct Reading: Decodable {
    var device: String
    var metric: String
    var unit: String?
    var time: Double
    var values: [Double]
  }
  struct Closed: Decodable {
    var code: Int?
    var reason: String?
  }
  var opened: Opened?
  var reading: Reading?
  var closed: Closed?
}

struct CounterReport: Decodable {
  struct Bye: Decodable {
    struct Spread: Decodable {
      var min: Double
      var max: Double
    }
    var reason: String
    var reconnectAfter: Spread
  }
  struct Welcome: Decodable {
    var session: String
    var generation: Double
  }
  var welcome: Welcome?
  var acked: Int?
  var bye: Bye?
  var closed: ReaderReport.Closed?
  var finished: Int?
}

struct PageReport: Decodable {
  struct Chart: Decodable {
    var windows: Int
    var newest: Double
    var value: String
    var pixels: Int
  }
  var link: String
  var devices: [String: String]
  var charts: [String: Chart]
  var cards: Int
  var problems: [String]
}

extension ProgramRun {
  /// Every complete line of output, decoded.
  func reports<Report: Decodable>(_ type: Report.Type) -> [Report] {
    let complete = output.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
    return complete.compactMap { try? JSONDecoder().decode(type, from: Data($0.utf8)) }
  }

  /// Waits for a report that `pick` makes something of, and answers with that.
  func report<Report: Decodable, Answer>(
    _ what: String, of type: Report.Type, within limit: Duration = .seconds(30),
    _ pick: (Report) -> Answer?
  ) async throws -> Answer {
    try await waitUntil("\(name) to report \(what)", within: limit, detail: { self.transcript }) {
      for report in self.reports(type).reversed() {
        if let answer = pick(report) { return answer }
      }
      if let ending = self.hasEnded {
        throw TestFailure(
          "\(self.name) ended (\(ending)) before it reported \(what)\n\(self.transcript)")
      }
      return nil
    }
  }
}
