import BrokerCore
import TelemetryModel
import TestValues
import Testing

@Suite("Counting how links end")
struct LinkEndCountsTests {
  private let start = Timestamp(seconds: 1_800_000_000)

  private func kind(
    _ cause: String, on network: String = "wifi", seenBy: LinkEndCounts.Observer = .broker
  ) -> LinkEndCounts.Kind {
    LinkEndCounts.Kind(
      seenBy: seenBy, cause: cause, transport: "ws", network: NetworkKey(name: network, source: nil)
    )
  }

  @Test("Counts are of the spans asked for, the most frequent first")
  func ranges() {
    var counts = LinkEndCounts(now: start)
    for minute in 0..<60 {
      counts.count(kind("silent"), now: start + .seconds(60 * minute))
      if minute % 2 == 0 { counts.count(kind("dropped"), now: start + .seconds(60 * minute)) }
    }
    let all = counts.ends(from: start, to: start + .seconds(3_600))
    #expect(all.ends.map(\.kind.cause) == ["silent", "dropped"])
    #expect(all.ends.map(\.count) == [60, 30])
    // 1,800,000,000 is a multiple of 600.
    let some = counts.ends(from: start + .seconds(700), to: start + .seconds(1_300))
    #expect(some.range == start + .seconds(600)..<start + .seconds(1_800))
    #expect(some.ends.map(\.count) == [20, 10])
    let none = counts.ends(from: start + .seconds(3_600), to: start + .seconds(7_200))
    #expect(none.ends.isEmpty)
    let before = counts.ends(from: start - .seconds(9_000), to: start - .seconds(8_000))
    #expect(before.ends.isEmpty)
    #expect(before.range.isEmpty)
    let ever = counts.ends(from: .distantPast, to: .distantFuture)
    #expect(ever.ends.map(\.count) == [60, 30])
    #expect(counts.ends(from: .distantPast, to: .distantPast).ends.isEmpty)
    #expect(counts.ends(from: .distantFuture, to: .distantFuture).ends.isEmpty)
    let other = counts.ends(from: start, to: start + .seconds(3_600)) { $0.name == "mobile" }
    #expect(other.ends.isEmpty)
  }

  @Test("Nothing is counted before the broker began, and what is too old is given up and said")
  func ages() {
    var counts = LinkEndCounts(now: start + .seconds(30))
    #expect(counts.since == start + .seconds(30))
    counts.count(kind("silent"), now: start + .seconds(40))
    let later = start + .seconds(8 * 86_400)
    counts.count(kind("dropped"), now: later)
    #expect(counts.since == start + .seconds(600))
    let kept = counts.ends(from: start, to: later + .seconds(1))
    #expect(kept.ends.map(\.kind.cause) == ["dropped"])
    #expect(kept.range.lowerBound == counts.since)
  }

  @Test(
    "However many networks and causes there are, memory is bounded and no end is lost from a span")
  func bounded() {
    let seed: UInt64 = 0x5EED_0403
    var generator = Seeded(seed)
    var policy = LinkEndCounts.Policy()
    policy.networksPerSpan = 20
    policy.kindsPerSpan = 100
    policy.kinds = 500
    var counts = LinkEndCounts(policy: policy, now: start)
    for second in 0..<7_200 {
      let network = "net \(Int.random(in: 0..<500, using: &generator))"
      let cause = "cause \(Int.random(in: 0..<50, using: &generator))"
      counts.count(
        kind(cause, on: network, seenBy: .device), now: start + .seconds(second))
      counts.count(
        kind(Bool.random(using: &generator) ? "silent" : "dropped", on: network),
        now: start + .seconds(second))
      #expect(counts.kindCount <= 500 + 103, "seed \(seed), second \(second)")
    }
    #expect(counts.since > start, "seed \(seed): something had to go")
    let kept = counts.ends(from: start, to: start + .seconds(7_200))
    let seconds = Int((kept.range.upperBound - kept.range.lowerBound).inSeconds)
    #expect(kept.ends.reduce(0) { $0 + $1.count } == 2 * seconds, "seed \(seed)")
    #expect(kept.ends.contains { $0.kind.network == .others })
  }

  @Test(
    "A network is what the agent calls it, and the neighbourhood that its links come from",
    arguments: [
      ("203.0.113.77", "203.0.113.0/24"), ("::ffff:203.0.113.77", "203.0.113.0/24"),
      ("2001:db8:7:1::2", "2001:db8:7::/48"), ("2001:db8::1", "2001:db8::/48"), ("::1", "::/48"),
      ("fe80::1%eth0", "fe80::/48"), ("somewhere", nil),
    ] as [(String, String?)])
  func networks(address: String, source: String?) {
    #expect(NetworkKey(name: "wifi", address: address) == NetworkKey(name: "wifi", source: source))
  }
}
