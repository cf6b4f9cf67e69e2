import AgentCore
import DeviceProtocol
import TelemetryModel
import Testing

@Suite("Time of day that is not known")
struct ClockTests {
  private let real = Timestamp(seconds: 1_800_000_000)

  /// A board that believes it is 1970, so many seconds after boot.
  private func unset(_ monotonic: Double) -> SampleTime {
    SampleTime(wall: Timestamp(seconds: monotonic), monotonic: .seconds(monotonic))
  }

  private func record(_ time: Timestamp, _ name: String = "cpu") -> SenMLRecord {
    SenMLRecord(name: name, unit: "/", time: time, value: .number(0.5))
  }

  private func decode(_ pack: [UInt8], received: Timestamp) throws -> [SenMLRecord] {
    try SenMLDecoder.decode(pack.span, now: received)
  }

  @Test("The system's clock counts from the day the program was built, or the broker told")
  func plausible() {
    var clock = AgentClock()
    #expect(!clock.isPlausible(Timestamp(seconds: 0)))
    #expect(!clock.isPlausible(Timestamp(seconds: 1_700_000_000)))
    #expect(clock.isPlausible(real))
    clock.heard(real + .seconds(86_400 * 300), took: .zero, at: .seconds(5))
    #expect(!clock.isPlausible(real))
    #expect(!AgentClock(lastKnown: real).isPlausible(real - .seconds(86_400 * 2)))
    #expect(AgentClock(lastKnown: real).isPlausible(real - .seconds(3600)), "a day's grace")
  }

  @Test("Certificates go by the latest of the system's clock, the build and the broker's word")
  func trusted() {
    let built = real - .seconds(86_400 * 100)
    var clock = AgentClock(builtAt: built)
    #expect(clock.trusted(at: unset(50)) == built)
    #expect(AgentClock(lastKnown: real, builtAt: built).trusted(at: unset(50)) == real)
    clock.heard(real, took: .zero, at: .seconds(60))
    #expect(clock.trusted(at: unset(90)) == real + .seconds(30))
    let ahead = SampleTime(wall: real + .seconds(500), monotonic: .seconds(100))
    #expect(clock.trusted(at: ahead) == ahead.wall)
    let behind = SampleTime(wall: real - .seconds(3600), monotonic: .seconds(100))
    #expect(clock.trusted(at: behind) == real, "plausible, but earlier than what the broker told")
  }

  @Test("A broker that told a time years ahead does not keep a device away for good")
  func wrongWord() throws {
    let built = real - .seconds(86_400 * 100)
    let ahead = real + .seconds(86_400 * 365 * 50)
    var memory = AgentMemory()
    memory.brokerTime = ahead
    var link = LinkHarness(memory: memory) { $0.builtAt = built }
    link.now.wall = real
    _ = link.start()
    #expect(link.machine.clock.trusted(at: link.now) == ahead)
    _ = link.end(.unreachable(.certificateNotTrusted, detail: "expired"))
    #expect(link.machine.clock.trusted(at: link.now) == real)
    _ = link.tickAtDeadline()
    _ = link.end(.unreachable(.portClosed, detail: ""))
    #expect(link.machine.clock.trusted(at: link.now) == link.now.wall)
    _ = link.tickAtDeadline()
    _ = link.end(.unreachable(.clockNotSet, detail: "not yet valid"))
    #expect(link.machine.clock.trusted(at: link.now) == ahead)
  }

  @Test("Without a clock of its own the broker's word is carried on by the monotonic clock")
  func carried() {
    var clock = AgentClock()
    #expect(clock.wall(at: unset(50)) == nil)
    clock.heard(real, took: .seconds(2), at: .seconds(100))
    #expect(clock.wall(at: unset(130)) == real + .seconds(31))
    // A slower answer later does not replace a quick one.
    clock.heard(real + .seconds(300), took: .seconds(60), at: .seconds(130))
    #expect(clock.wall(at: unset(130)) == real + .seconds(31))
    let set = SampleTime(wall: real + .seconds(5), monotonic: .seconds(140))
    #expect(clock.wall(of: .seconds(100), at: set) == real - .seconds(35))
  }

  @Test("Readings without a time get it when the clock is known, relative ones while it is not")
  func rebased() throws {
    let taken = unset(100)
    let spooled = UnclockedPack.encode(
      [record(taken.wall), record(taken.wall, "load")], at: taken, boot: "b")
    #expect(spooled.first == UInt8(ascii: "~"))
    var clock = AgentClock()
    var packs = PackClock(boot: "b")
    let relative = packs.clocked(spooled, clock, at: unset(103))
    for decoded in try decode(relative, received: real) {
      #expect(decoded.time == real - .seconds(3))
    }
    #expect(String(decoding: relative, as: UTF8.self).contains(#""bt":-3,"#))
    clock.heard(real, took: .zero, at: .seconds(400))
    let late = packs.clocked(spooled, clock, at: unset(500))
    #expect(
      try decode(late, received: .distantFuture).map(\.time) == [
        real - .seconds(300), real - .seconds(300),
      ])
    let set = SampleTime(wall: real + .seconds(1000), monotonic: .seconds(600))
    let known = packs.clocked(spooled, AgentClock(), at: set)
    #expect(try decode(known, received: .distantFuture).first?.time == real + .seconds(500))
    let plain = Array("[]".utf8)
    let untouched = packs.clocked(plain, clock, at: set)
    #expect(untouched == plain)
  }

  @Test("Readings of an earlier boot keep their distances and end when this boot began")
  func earlierBoot() throws {
    var packs = PackClock(boot: "second")
    let clock = AgentClock()
    let now = SampleTime(wall: real, monotonic: .seconds(60))
    func sent(_ moment: Double) throws -> Timestamp {
      let taken = unset(moment)
      let pack = packs.clocked(
        UnclockedPack.encode([record(taken.wall)], at: taken, boot: "first"), clock, at: now)
      return try #require(try decode(pack, received: real).first).time
    }
    #expect(try sent(5000) == real - .seconds(60), "the newest goes first")
    #expect(try sent(4990) == real - .seconds(70))
    #expect(try sent(3000) == real - .seconds(2060))
  }

  @Test("A board without a clock: relative at first, absolute once it is set, nothing lost")
  func link() throws {
    var link = LinkHarness()
    link.now = unset(100)
    let before = link.machine.append([record(link.now.wall)], at: link.now)
    #expect(before.isEmpty)
    link.advance(.seconds(200))
    _ = link.start()
    let hello = link.open().hello
    #expect(hello?.clock?.synced == false && hello?.clock?.wall == nil)
    let welcome = Welcome(
      session: "s", generation: 1, acked: SequenceRanges(), now: real,
      heartbeat: HeartbeatPolicy(interval: .seconds(20), timeout: .seconds(60)),
      window: WindowLimits(messages: 10, bytes: 10_000), server: Software(name: "b", version: "1"))
    let welcomed = link.receive(try link.wire(.welcome(id: link.lastRequestID, welcome)))
    func times(_ actions: [LinkAction]) throws -> [Timestamp] {
      var times: [Timestamp] = []
      for case .sendPack(_, _, let pack, _) in actions {
        times += try decode(pack, received: real).map(\.time)
      }
      return times
    }
    #expect(try times(welcomed) == [real - .seconds(200)], "by the broker's clock")
    let live = link.machine.append([record(link.now.wall)], at: link.now)
    #expect(try times(live) == [real])
    link.now.wall = real + .seconds(50)
    let set = link.machine.append([record(link.now.wall)], at: link.now)
    #expect(try times(set) == [real + .seconds(50)])
  }
}
