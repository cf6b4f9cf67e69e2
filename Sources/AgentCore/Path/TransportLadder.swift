/// Which way of carrying messages the next attempt takes.
///
/// The one that worked last on this path goes first. One that does not lead through gives way to
/// the best that was not tried since; when all were tried it begins again, a little more patient.
/// Better ones than the present are tried again now and then, beside the link that works.
package struct TransportLadder: Hashable, Sendable {
  private let rungs: [TransportRung]
  /// The way to take next.
  package private(set) var rung: TransportRung
  /// The way that led through last; nil where none has.
  package private(set) var winner: TransportRung?
  /// How often all ways were tried in vain since one led through.
  package private(set) var rounds = 0
  private var failed: Set<TransportRung> = []
  private var hasDoubt = false

  /// A ladder.
  /// - Parameters:
  ///   - rungs: the ways there are, best first; without any, a compressed WebSocket.
  ///   - winner: the one that the path's memory names.
  package init(_ rungs: [TransportRung], winner: TransportRung? = nil) {
    self.rungs = rungs.isEmpty ? [.compressed] : rungs
    self.winner = winner.flatMap { rungs.contains($0) ? $0 : nil }
    rung = self.winner ?? self.rungs[0]
  }

  /// Whether the present way has led through before, so that a slow answer says nothing about it.
  package var isKnownGood: Bool { rung == winner }

  /// The ways that are better than the one that works, best first.
  package var better: [TransportRung] {
    guard let winner else { return [] }
    return Array(rungs.prefix { $0 != winner })
  }

  /// An attempt to take the present way ended without a welcome.
  /// - Returns: whether the next attempt takes another way.
  package mutating func failed(_ fault: RungFault) -> Bool {
    switch fault {
    case .none: return false
    case .noConnection:
      guard rungs.contains(.tunnelled) else { return false }
      defer { hasDoubt.toggle() }
      guard hasDoubt else { return false }
      rung = rung == .tunnelled ? rungs[0] : .tunnelled
      return false
    case .doubtful where !hasDoubt && rungs.count > 1:
      hasDoubt = true
      return false
    case .doubtful, .certain: break
    }
    hasDoubt = false
    winner = nil
    failed.insert(rung)
    if let next = rungs.first(where: { !failed.contains($0) }) {
      rung = next
      return true
    }
    rounds += 1
    failed = []
    rung = rungs[0]
    return false
  }

  /// A way led through: a welcome came over it.
  package mutating func succeeded(_ rung: TransportRung) {
    self.rung = rung
    winner = rung
    rounds = 0
    failed = []
    hasDoubt = false
  }
}
