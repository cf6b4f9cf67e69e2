import AgentCore
import TestValues
import Testing

@Suite("Reconnect backoff")
struct ReconnectBackoffTests {
  @Test("The first attempt comes within a second, then ceilings double up to five minutes")
  func ceilings() {
    var longest = [Duration](repeating: .zero, count: 14)
    for seed in 0..<500 as Range<UInt64> {
      var random = Seeded(seed)
      var backoff = ReconnectBackoff()
      for attempt in longest.indices {
        let delay = backoff.delay(after: .lost, acknowledgedFor: nil, using: &random)
        longest[attempt] = max(longest[attempt], delay)
      }
    }
    let ceilings: [Double] = [1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300]
    for (longest, ceiling) in zip(longest, ceilings) {
      #expect(longest <= .seconds(ceiling))
      #expect(longest >= .seconds(ceiling * 0.97), "jitter reaches the ceiling")
    }
  }

  @Test("A fleet's attempts are spread evenly: no tenth of the span has a fifth of them")
  func spread() {
    var backoffs = (0..<10_000).map { _ in ReconnectBackoff() }
    var random = Seeded(1)
    var buckets = [Int](repeating: 0, count: 10)
    for index in backoffs.indices {
      let delay = backoffs[index].delay(after: .lost, acknowledgedFor: nil, using: &random)
      buckets[min(Int(delay / .milliseconds(100)), 9)] += 1
    }
    #expect(buckets.allSatisfy { (850...1150).contains($0) }, "\(buckets)")
  }

  @Test("Only a link acknowledged for a minute starts over")
  func reset() {
    var random = Seeded(2)
    var backoff = ReconnectBackoff()
    for _ in 0..<8 { _ = backoff.delay(after: .lost, acknowledgedFor: nil, using: &random) }
    _ = backoff.delay(after: .lost, acknowledgedFor: .seconds(59), using: &random)
    #expect(backoff.attempts == 9)
    let delay = backoff.delay(after: .lost, acknowledgedFor: .seconds(60), using: &random)
    #expect(delay <= .seconds(1))
    #expect(backoff.attempts == 1)
  }

  @Test("What the broker asks for outranks the ladder, within an hour")
  func asked() {
    var random = Seeded(3)
    var backoff = ReconnectBackoff()
    for _ in 0..<200 {
      let delay = backoff.delay(
        after: .askedToWait(.seconds(5)...(.seconds(15))), acknowledgedFor: nil, using: &random)
      #expect((.seconds(5)...(.seconds(15))).contains(delay))
    }
    let endless = backoff.delay(
      after: .askedToWait(.seconds(1_000_000)...(.seconds(2_000_000))), acknowledgedFor: nil,
      using: &random)
    #expect(endless == .seconds(3600))
    let past = backoff.delay(
      after: .askedToWait(.seconds(-5)...(.seconds(-1))), acknowledgedFor: nil, using: &random)
    #expect(past == .zero)
  }

  @Test("A refused device comes back every quarter of an hour, for ever")
  func refused() {
    var random = Seeded(4)
    var backoff = ReconnectBackoff()
    for _ in 0..<1000 {
      let delay = backoff.delay(after: .refused, acknowledgedFor: nil, using: &random)
      #expect((.seconds(810)...(.seconds(900))).contains(delay))
    }
  }

  @Test("Days of attempts overflow nothing")
  func manyAttempts() {
    var random = Seeded(5)
    var backoff = ReconnectBackoff()
    for _ in 0..<100_000 {
      let delay = backoff.delay(after: .lost, acknowledgedFor: nil, using: &random)
      #expect(delay <= .seconds(300))
    }
  }
}
