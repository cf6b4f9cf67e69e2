import AgentCore
import TestValues
import Testing

@Suite("Heartbeat schedule")
struct HeartbeatScheduleTests {
  private func schedule(
    _ seed: UInt64, _ policy: HeartbeatSchedule.Policy = .init()
  ) -> (HeartbeatSchedule, Seeded) {
    var random = Seeded(seed)
    let schedule = HeartbeatSchedule(policy: policy, now: .zero, using: &random)
    return (schedule, random)
  }

  @Test("The first heartbeat comes within the interval, spread evenly over a fleet")
  func firstBeat() {
    let moments = (0..<2000).map { schedule(UInt64($0)).0.deadline }
    #expect(moments.allSatisfy { $0 >= .zero && $0 <= .seconds(20) })
    for quarter in 0..<4 {
      let low = Duration.seconds(quarter * 5)
      let count = moments.count { $0 >= low && $0 < low + .seconds(5) }
      // The silence limit of 18–20 s takes the place of later first beats.
      #expect((400...600).contains(count), "quarter \(quarter): \(count)")
    }
  }

  @Test("The first heartbeat is sent however busy the link is; later ones only in silence")
  func busyLink() {
    for seed in 0..<50 as Range<UInt64> {
      var (schedule, random) = schedule(seed)
      var beats = 0
      for tick in 1...3000 {
        let now = Duration.milliseconds(tick * 100)
        schedule.flushed(at: now)
        schedule.received(at: now)
        if schedule.action(at: now, using: &random) == .beat { beats += 1 }
      }
      #expect(beats == 1)
    }
  }

  @Test("A silent link has a heartbeat every 18 to 20 s, and answered ones never kill it")
  func silentLink() {
    for seed in 0..<50 as Range<UInt64> {
      var (schedule, random) = schedule(seed)
      var beats: [Duration] = []
      while beats.count < 100 {
        let now = schedule.deadline
        #expect(schedule.action(at: now, using: &random) == .beat)
        beats.append(now)
        schedule.answered(at: now + .milliseconds(80))
      }
      for (earlier, later) in zip(beats, beats.dropFirst()) {
        #expect((.seconds(18)...(.seconds(20) + .milliseconds(81))).contains(later - earlier))
      }
    }
  }

  @Test("One silent direction is enough for a heartbeat")
  func oneDirection() {
    var (schedule, random) = schedule(1)
    #expect(schedule.action(at: .seconds(20), using: &random) == .beat)
    schedule.answered(at: .seconds(20))
    for second in 21...37 { schedule.flushed(at: .seconds(second)) }
    #expect(schedule.deadline <= .seconds(40), "nothing came in since 20 s")
    var (other, more) = self.schedule(2)
    #expect(other.action(at: .seconds(20), using: &more) == .beat)
    other.answered(at: .seconds(20))
    for second in 21...37 { other.received(at: .seconds(second)) }
    #expect(other.deadline <= .seconds(40), "nothing went out since 20 s")
  }

  @Test("A silent peer is known dead 30 s after its last byte at most, after two heartbeats")
  func deadPeer() {
    for seed in 0..<200 as Range<UInt64> {
      for roundTripMs in [1, 80, 1000, 2000, 4000] {
        var (schedule, random) = schedule(seed)
        // An answered first beat teaches the round trip.
        let first = schedule.deadline
        #expect(schedule.action(at: first, using: &random) == .beat)
        let last = first + .milliseconds(roundTripMs)
        schedule.answered(at: last)
        var beats = 0
        var now = last
        while true {
          now = schedule.deadline
          // Telemetry keeps leaving: it must not put the decision off.
          schedule.flushed(at: now)
          let action = schedule.action(at: now, using: &random)
          if action == .dead { break }
          if action == .beat { beats += 1 }
        }
        #expect(beats == 2)
        #expect(now - last <= .seconds(30), "seed \(seed), round trip \(roundTripMs) ms")
        #expect(now - last >= .seconds(20))
      }
    }
  }

  @Test("Any inbound byte proves life while a heartbeat is out")
  func anyByte() {
    var (schedule, random) = schedule(3)
    let beat = schedule.deadline
    #expect(schedule.action(at: beat, using: &random) == .beat)
    schedule.received(at: beat + .seconds(4))
    #expect(schedule.action(at: beat + .seconds(12), using: &random) == .wait)
    #expect(schedule.deadline > beat + .seconds(15))
  }

  @Test("The round trip is smoothed, and not measured after a repeated heartbeat")
  func roundTrip() {
    var (schedule, random) = schedule(4)
    var now = schedule.deadline
    _ = schedule.action(at: now, using: &random)
    schedule.answered(at: now + .milliseconds(800))
    #expect(schedule.roundTrip == .milliseconds(800))
    now = schedule.deadline
    _ = schedule.action(at: now, using: &random)
    schedule.answered(at: now + .milliseconds(1600))
    #expect(schedule.roundTrip == .milliseconds(900))
    now = schedule.deadline
    _ = schedule.action(at: now, using: &random)
    now = schedule.deadline
    #expect(schedule.action(at: now, using: &random) == .beat)
    schedule.answered(at: now + .milliseconds(1))
    #expect(schedule.roundTrip == .milliseconds(900))
  }

  @Test("A slow path gets longer timeouts, within the promised detection")
  func slowPath() {
    var (schedule, random) = schedule(5)
    let first = schedule.deadline
    _ = schedule.action(at: first, using: &random)
    schedule.answered(at: first + .seconds(2))
    let second = schedule.deadline
    #expect(second - first <= .seconds(16), "two timeouts of 8 s must still fit")
    _ = schedule.action(at: second, using: &random)
    #expect(schedule.deadline - second == .seconds(8))
  }

  @Test("The broker's interval is kept within bounds, and a long one moves the detection with it")
  func brokerInterval() {
    let base = HeartbeatSchedule.Policy()
    #expect(base.withInterval(.zero).interval == .milliseconds(50))
    #expect(base.withInterval(.seconds(9999)).interval == .seconds(240))
    #expect(base.withInterval(.seconds(120)).detection == .seconds(130))
    var (schedule, random) = schedule(6, base.withInterval(.seconds(120)))
    while schedule.deadline < .seconds(121) {
      let now = schedule.deadline
      _ = schedule.action(at: now, using: &random)
      schedule.answered(at: now)
    }
    #expect(schedule.deadline > .seconds(108))
  }
}
