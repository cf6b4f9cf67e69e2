import AgentCore
import Testing

@Suite("Transport ladder")
struct TransportLadderTests {
  private let all: [TransportRung] = [.compressed, .plain, .longPoll, .shortPost]

  @Test("A way that certainly does not lead through gives way to the next, down to the last")
  func descent() {
    var ladder = TransportLadder(all)
    var taken: [TransportRung] = []
    for _ in 0..<4 {
      taken.append(ladder.rung)
      _ = ladder.failed(.certain)
    }
    #expect(taken == all)
    #expect(ladder.rung == .compressed && ladder.rounds == 1, "then from the top, more patient")
  }

  @Test("One doubtful failure is bad luck, two in a row are not")
  func doubt() {
    var ladder = TransportLadder(all)
    let first = ladder.failed(.doubtful)
    #expect(!first && ladder.rung == .compressed)
    let second = ladder.failed(.doubtful)
    #expect(second && ladder.rung == .plain)
  }

  @Test("A broker or network that is away says nothing of the way", arguments: [1, 50])
  func away(times: Int) {
    var ladder = TransportLadder(all, winner: .longPoll)
    for _ in 0..<times {
      _ = ladder.failed(.none)
      _ = ladder.failed(.noConnection)
    }
    #expect(ladder.rung == .longPoll && ladder.isKnownGood)
  }

  @Test("The remembered winner goes first; when it fails, the best of the others")
  func winner() {
    var ladder = TransportLadder(all, winner: .longPoll)
    #expect(ladder.rung == .longPoll && ladder.isKnownGood)
    #expect(ladder.better == [.compressed, .plain])
    _ = ladder.failed(.certain)
    #expect(ladder.rung == .compressed && !ladder.isKnownGood && ladder.better.isEmpty)
    ladder.succeeded(.compressed)
    #expect(ladder.better.isEmpty && ladder.rounds == 0)
  }

  @Test("Without a direct connection the proxy's tunnel is tried, and the other way round")
  func tunnel() {
    var ladder = TransportLadder([.compressed, .plain, .tunnelled, .longPoll])
    var taken: [TransportRung] = []
    for _ in 0..<6 {
      taken.append(ladder.rung)
      _ = ladder.failed(.noConnection)
    }
    #expect(
      taken == [.compressed, .compressed, .tunnelled, .tunnelled, .compressed, .compressed])
  }

  @Test("A ladder that lacks the remembered way begins at its top")
  func unknownWinner() {
    let ladder = TransportLadder([.compressed, .plain], winner: .tunnelled)
    #expect(ladder.rung == .compressed && !ladder.isKnownGood)
    #expect(TransportLadder([]).rung == .compressed)
  }

  @Test(
    "What ends say of the way",
    arguments: [
      (LinkEnding.unreachable(.upgradeStripped, detail: ""), RungFault.certain),
      (.refused(status: 400, retryAfter: nil), .certain),
      (.refused(status: 403, retryAfter: nil), .certain),
      (.refused(status: 503, retryAfter: .seconds(3)), .none),
      (.refused(status: 502, retryAfter: nil), .none),
      (.refused(status: 401, retryAfter: nil), .none),
      (.timedOut(step: "welcome"), .certain), (.timedOut(step: "upgrade"), .doubtful),
      (.timedOut(step: "connect"), .noConnection),
      (.unreachable(.portClosed, detail: ""), .noConnection),
      (.unreachable(.nameNotFound, detail: ""), .noConnection),
      (.unreachable(.proxyAuthentication, detail: ""), .none),
      (.closed(code: 1013, reason: ""), .none), (.reset, .doubtful), (.swallowed, .certain),
      (.closed(code: 1002, reason: ""), .doubtful), (.closed(code: 1005, reason: ""), .doubtful),
      (.closed(code: 4042, reason: ""), .none), (.closed(code: 4501, reason: ""), .none),
    ])
  func faults(ending: LinkEnding, fault: RungFault) {
    var link = LinkHarness()
    _ = link.start()
    // Seen through the machine: how many failures of the kind it takes to go another way.
    var rungs: [TransportRung] = []
    for _ in 0..<2 {
      _ = link.end(ending)
      while true {
        if case .connect(_, let rung)? = link.tickAtDeadline().first {
          rungs.append(rung)
          break
        }
      }
    }
    switch fault {
    case .certain: #expect(rungs == [.plain, .longPoll])
    case .doubtful: #expect(rungs == [.compressed, .plain])
    case .none, .noConnection: #expect(rungs == [.compressed, .compressed])
    }
  }
}
