import BrokerCore
import TelemetryModel
import TestValues
import Testing

/// What a returning fleet is told, and what comes of it; agents choose evenly within what they are told
/// (`Retry-After` to a fifth more).
@Suite("Admission and return")
struct AdmissionTests {
  private let start = Timestamp(seconds: 1_800_000_000)
  private let idle = Admission.Load(queueShare: 0, storeAvailable: true)

  /// Arrivals in each second, from the first one on.
  private func bySecond(_ times: [Timestamp]) -> [Int] {
    let seconds = times.map { Int(($0 - start).inSeconds) }
    var counts = [Int](repeating: 0, count: (seconds.max() ?? 0) + 1)
    for second in seconds { counts[second] += 1 }
    return counts
  }

  @Test(
    "10,000 devices that come in one instant are all in within their time, never too many a second")
  func stampede() {
    let seed: UInt64 = 0x5EED_0401
    var generator = Seeded(seed)
    var policy = Admission.Policy()
    policy.arrivalsPerSecond = 500
    var admission = Admission(policy: policy, now: start)
    var admitted: [Timestamp] = []
    var arriving = [Timestamp](repeating: start, count: 10_000)
    var refusals = 0
    while !arriving.isEmpty {
      var next: [Timestamp] = []
      for time in arriving.sorted() {
        switch admission.arrival(idle, now: time) {
        case .admit: admitted.append(time)
        case .comeBack(let after, let cause):
          #expect(cause == .tooManyArrivals)
          #expect(after <= policy.longestWait + .seconds(1))
          refusals += 1
          // As the agent does it: whole seconds, and up to a fifth more.
          let told = after.inSeconds.rounded(.up)
          next.append(time + .fromSeconds(.random(in: told...(told * 1.2), using: &generator)))
        }
      }
      arriving = next
    }
    let counts = bySecond(admitted)
    #expect(admitted.count == 10_000)
    #expect(counts.allSatisfy { $0 <= 500 * 2 + 500 }, "seed \(seed): \(counts)")
    // The burst at once, the rest at the rate, with what jitter costs.
    #expect(counts.count <= 10_000 / 500 * 2, "seed \(seed): took \(counts.count) s")
    #expect(refusals <= 30_000, "seed \(seed): turned away \(refusals) times")
  }

  @Test("A stopping broker's fleet of 10,000 comes back evenly over the promised span")
  func stopped() {
    let seed: UInt64 = 0x5EED_0402
    var generator = Seeded(seed)
    let spread = ReturnSpread(
      devices: 10_000, perSecond: 500, shortest: .seconds(5), first: .milliseconds(500))
    #expect(spread.span == .seconds(20))
    let times = (0..<10_000).map { index -> Timestamp in
      let slice = spread[index]
      #expect(slice.lowerBound >= .milliseconds(500))
      #expect(slice.upperBound <= .milliseconds(20_500))
      return start
        + .fromSeconds(
          .random(
            in: slice.lowerBound.inSeconds...slice.upperBound.inSeconds, using: &generator))
    }
    let counts = bySecond(times)
    // 500 on average; the slices at both ends overlap with fewer others.
    #expect(counts.allSatisfy { $0 <= 625 }, "seed \(seed): \(counts)")
    #expect(counts.count <= 21)
  }

  @Test("A few devices come back over the configured span", arguments: [0, 1, 2, 50])
  func few(devices: Int) {
    let spread = ReturnSpread(
      devices: devices, perSecond: 500, shortest: .seconds(5), first: .milliseconds(500))
    #expect(spread.span == .seconds(5))
    for index in 0..<devices {
      #expect(spread[index].lowerBound >= .milliseconds(500))
      #expect(spread[index].upperBound <= .milliseconds(5_500))
    }
  }

  @Test("A queue that fills and a store that fails turn devices away, in places of their own")
  func behind() {
    var admission = Admission(policy: .init(), now: start)
    let full = Admission.Load(queueShare: 0.51, storeAvailable: true)
    guard case .comeBack(let first, .queueFull) = admission.arrival(full, now: start),
      case .comeBack(let second, .queueFull) = admission.arrival(full, now: start)
    else {
      Issue.record("let in")
      return
    }
    #expect(first == .seconds(5))
    #expect(second == .milliseconds(5_001))
    #expect(admission.arrival(idle, now: start) == .admit)
  }

  @Test(
    "While the store is unavailable one device a second is let in, or nobody would notice its return"
  )
  func trials() {
    var admission = Admission(policy: .init(), now: start)
    let down = Admission.Load(queueShare: 0, storeAvailable: false)
    var admitted = 0
    for millisecond in 0..<3_000
    where admission.arrival(down, now: start + .milliseconds(millisecond)) == .admit {
      admitted += 1
    }
    #expect(admitted == 3)
  }

  @Test("A desk that stops lets nobody in and says why")
  func desk() {
    let now = start
    let desk = AdmissionDesk(
      policy: .init(), load: { Admission.Load(queueShare: 0, storeAvailable: true) }, now: { now },
      refused: { #expect($0 == .stopping) })
    #expect(desk.arrival() == .admit)
    desk.stop()
    guard case .comeBack(_, .stopping) = desk.arrival() else {
      Issue.record("let in")
      return
    }
  }
}
