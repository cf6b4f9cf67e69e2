import Foundation
import TestSupport

/// One line of an agent's log about its link, with the moment at which it was seen.
struct LinkEvent: Sendable {
  enum Kind: String, Sendable {
    case up = "link up"
    case down = "link down"
    case learnt = "path learnt"
  }

  var kind: Kind
  var seen: ContinuousClock.Instant
  /// The line's `key=value` pairs; values with blanks are cut at the first.
  var fields: [String: String]
}

/// Watches an agent's log while it is written.
actor AgentLog {
  private let run: ProgramRun
  private var linesRead = 0
  private(set) var events: [LinkEvent] = []

  init(_ run: ProgramRun) {
    self.run = run
  }

  /// Reads on until the task is cancelled or the agent has ended.
  func watch() async {
    while !Task.isCancelled {
      read()
      if run.hasEnded != nil { return }
      try? await Task.sleep(for: .milliseconds(50))
    }
  }

  /// Takes the lines that were written since the last time.
  func read() {
    let lines = run.errors.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
    for line in lines.dropFirst(linesRead) {
      guard
        let kind = [LinkEvent.Kind.up, .down, .learnt].first(where: { line.hasSuffix($0.rawValue) })
      else { continue }
      var fields: [String: String] = [:]
      for word in line.split(separator: " ") {
        let pair = word.split(separator: "=", maxSplits: 1)
        if pair.count == 2 { fields[String(pair[0])] = String(pair[1]) }
      }
      events.append(LinkEvent(kind: kind, seen: .now, fields: fields))
    }
    linesRead = lines.count
  }

  /// How often the link was lost.
  var drops: Int { events.count { $0.kind == .down } }

  /// Since when the link has been up without a break; nil while it is down. A handover is none.
  var upSince: ContinuousClock.Instant? {
    let sinceDown = events.suffix(while: { $0.kind != .down })
    return sinceDown.first { $0.kind == .up }?.seen
  }

  /// Whether the agent has a figure for this of its path: `fail` or `life`.
  func hasLearnt(_ figure: String) -> Bool {
    let last = events.last { $0.kind == .learnt }
    return last?.fields[figure].map { $0 != "unknown" } ?? false
  }

  /// Whether the link has been up for so long without a break.
  func hasBeenUp(for span: Duration) -> Bool {
    upSince.map { .now - $0 > span } ?? false
  }
}

extension BidirectionalCollection {
  /// The longest end of which every element fits.
  fileprivate func suffix(while fits: (Element) -> Bool) -> SubSequence {
    let start = lastIndex { !fits($0) }.map { index(after: $0) } ?? startIndex
    return self[start...]
  }
}
