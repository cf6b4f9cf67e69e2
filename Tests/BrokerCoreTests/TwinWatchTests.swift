import BrokerCore
import DeviceProtocol
import TelemetryModel
import Testing

@Suite("Two devices under one name")
struct TwinWatchTests {
  private let start = Timestamp(seconds: 1_800_000_000)
  private let policy = TwinWatch.Policy()

  private func identity(_ boot: String, _ epoch: String) -> TwinWatch.Identity {
    TwinWatch.Identity(
      Hello(agent: Software(name: "a", version: "1"), boot: boot, epoch: epoch))
  }

  /// Lets links arrive a second apart, each replacing the one before, which was heard just now.
  private func findings(_ arrivals: [TwinWatch.Identity]) -> [TwinWatch.Finding] {
    var watch = TwinWatch()
    return zip(arrivals, arrivals.dropFirst()).enumerated().map { second, pair in
      let now = start + .seconds(second)
      let present = TwinWatch.Present(identity: pair.0, since: now, lastHeard: now)
      return watch.arrived(pair.1, replacing: present, now: now, policy)
    }
  }

  @Test("A device that reconnects, restarts again and again or empties its spool has no twin")
  func reconnects() {
    let one = identity("b1", "e1")
    #expect(findings([one, one, one, one]).allSatisfy { $0 == .none })
    let restarts = (1...50).map { identity("b\($0)", "e\($0 / 2)") }
    #expect(findings(restarts).allSatisfy { $0 == .none })
    // One boot whose disk went and came back.
    #expect(
      findings([one, identity("b1", "memory"), one, one]).allSatisfy { $0 == .none })
  }

  @Test("A boot that comes back after another replaced it is another device")
  func boots() {
    let (one, two) = (identity("b1", "e1"), identity("b2", "e2"))
    #expect(findings([one, two, one, two]) == [.none, .newTwins, .twins])
    // Clones of one image share the spool's name.
    #expect(findings([one, identity("b2", "e1"), one]) == [.none, .newTwins])
    // Three are found as well.
    let three = identity("b3", "e3")
    #expect(findings([one, two, three, one]) == [.none, .none, .newTwins])
  }

  @Test("Where boots are the same or unknown it takes two returns", arguments: ["b", ""])
  func epochs(boot: String) {
    let (one, two) = (identity(boot, "e1"), identity(boot, "e2"))
    #expect(findings([one, two, one, two]) == [.none, .none, .newTwins])
  }

  @Test("A link that was silent for long counts as no twin's: the path forgot it")
  func halfDead() {
    var watch = TwinWatch()
    let (one, two) = (identity("b1", "e1"), identity("b2", "e2"))
    var present = one
    for round in 1...6 {
      let now = start + .seconds(100 * round)
      let arriving = present == one ? two : one
      let replaced = TwinWatch.Present(
        identity: present, since: now - .seconds(100), lastHeard: now - .seconds(31))
      #expect(watch.wait(of: arriving, for: replaced, now: now, policy) == nil)
      #expect(watch.arrived(arriving, replacing: replaced, now: now, policy) == .none)
      present = arriving
    }
    #expect(watch.isIdle)
  }

  @Test(
    "Two that fight as fast as they can swap fewer than thirty times an hour, and share the time")
  func damping() {
    var watch = TwinWatch()
    let twins = [identity("b1", "e1"), identity("b2", "e2")]
    var (holder, since) = (0, start)
    var held = [Duration.zero, .zero]
    var (swaps, reports) = (0, 0)
    var longest = Duration.zero
    for tenth in 1...36_000 {
      let now = start + .milliseconds(100 * tenth)
      let present = TwinWatch.Present(identity: twins[holder], since: since, lastHeard: now)
      let other = 1 - holder
      if let wait = watch.wait(of: twins[other], for: present, now: now, policy) {
        longest = max(longest, wait)
        continue
      }
      if watch.arrived(twins[other], replacing: present, now: now, policy) == .newTwins {
        reports += 1
      }
      held[holder] += now - since
      (holder, since) = (other, now)
      swaps += 1
    }
    #expect(swaps < 30)
    #expect(swaps > 10, "both have their turns")
    #expect(longest <= policy.longestTurn)
    #expect(reports == 1, "once an hour")
    #expect(held.allSatisfy { $0 > .seconds(1_200) })
  }

  @Test("After hours of peace everything is forgotten")
  func peace() {
    var watch = TwinWatch()
    let (one, two) = (identity("b1", "e1"), identity("b2", "e2"))
    func present(_ identity: TwinWatch.Identity, _ now: Timestamp) -> TwinWatch.Present {
      TwinWatch.Present(identity: identity, since: now, lastHeard: now)
    }
    _ = watch.arrived(two, replacing: present(one, start), now: start, policy)
    #expect(
      watch.arrived(one, replacing: present(two, start), now: start, policy) == .newTwins)
    #expect(watch.wait(of: two, for: present(one, start), now: start, policy) != nil)
    let later = start + policy.memory + .seconds(1)
    #expect(watch.wait(of: two, for: present(one, later), now: later, policy) == nil)
    #expect(watch.arrived(two, replacing: present(one, later), now: later, policy) == .none)
  }
}
