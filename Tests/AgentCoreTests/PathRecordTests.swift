import AgentCore
import TelemetryModel
import Testing

@Suite("Path record: silence")
struct PathRecordTests {
  private let policy = PathRecord.Policy()
  private let now = Timestamp(seconds: 1_800_000_000)

  private func cut(_ record: inout PathRecord, silence: Double, age: Double = 40) {
    record.cut(
      silence: .seconds(silence), age: .seconds(age), interval: record.interval(policy), at: now,
      policy)
  }

  @Test("Where nothing is known the interval is 20 s; survived silence does not shorten it")
  func unknown() {
    var record = PathRecord()
    #expect(record.interval(policy) == .seconds(20))
    record.survived(.seconds(19))
    #expect(record.interval(policy) == .seconds(20))
  }

  @Test(
    "Two cuts after about the same silence make a limit, and the interval ends below it",
    arguments: [5, 8, 12, 13, 14, 15, 18, 20.0])
  func limit(silence: Double) throws {
    var record = PathRecord()
    cut(&record, silence: silence)
    #expect(record.fail == nil, "once is bad luck")
    cut(&record, silence: silence * 1.03)
    #expect(record.fail == .seconds(silence))
    #expect(try #require(record.safe) < .seconds(silence))
    #expect(record.interval(policy) < .seconds(silence))
  }

  @Test("The limit of 60 s that common proxies have leaves the interval at 20 s")
  func common() {
    var record = PathRecord()
    record.survived(.seconds(40))
    _ = record.probed(.seconds(80), survived: false, at: now)
    _ = record.probed(.seconds(80), survived: false, at: now)
    #expect(record.fail == .seconds(80))
    #expect(record.interval(policy) == .seconds(20))
  }

  @Test("Cuts of links in use, unequal ones and those after sleep teach nothing")
  func noise() {
    for silences in [[0.4, 0.4, 0.4], [3, 9, 5, 16], [25, 25, 25]] {
      var record = PathRecord()
      for silence in silences { cut(&record, silence: silence) }
      #expect(record.fail == nil && record.interval(policy) == .seconds(20))
    }
  }

  @Test("Two cuts at one age after a silence that is known to do no harm are a lifetime")
  func harmless() {
    var record = PathRecord()
    record.survived(.seconds(72))
    cut(&record, silence: 9.6, age: 3546.4)
    cut(&record, silence: 9.6, age: 3546.9)
    #expect(record.fail == nil)
    #expect(record.life == .seconds(3546.4))
  }

  @Test("Only metered devices lengthen it past 20 s, to 240 s at most")
  func metered() {
    var metered = policy
    metered.isMetered = true
    var record = PathRecord()
    for (safe, interval) in [(40.0, 30.0), (160, 120), (320, 240), (4000, 240)] {
      record.survived(.seconds(safe))
      #expect(record.interval(policy) == .seconds(20))
      #expect(record.interval(metered) == .seconds(interval))
    }
  }

  @Test("Probing doubles while nothing failed, then halves the rest, to within 10 %")
  func probing() throws {
    // Paths with every limit: what is found is safe, and close to it.
    for limit in [30.0, 60, 100, 250, 319, 350, 4000] {
      var record = PathRecord()
      var tried: [Double] = []
      while let silence = record.nextProbe(policy) {
        tried.append(silence.inSeconds)
        #expect(tried.count < 30)
        let survives = silence.inSeconds < limit
        if record.probed(silence, survived: survives, at: now) {
          #expect(record.nextProbe(policy) == silence, "once more the same")
          let third = record.probed(silence, survived: false, at: now)
          #expect(!third)
        }
      }
      #expect(tried.first == 40)
      let safe = record.safe?.inSeconds ?? 20
      #expect(safe < limit)
      if limit <= 320 {
        #expect(try #require(record.fail).inSeconds >= limit)
        #expect(safe >= limit * 0.85 || limit < 40, "limit \(limit): \(safe)")
      } else {
        #expect(record.fail == nil && safe == 320)
      }
    }
  }

  @Test("Where readings alone kept the link, probing finds a limit below the usual interval")
  func belowInterval() throws {
    for limit in [4.0, 9, 13.7, 19] {
      var record = PathRecord()
      for _ in 0..<60 {
        guard let silence = record.nextProbe(policy) else { break }
        _ = record.probed(silence, survived: silence.inSeconds < limit, at: now)
        if let fail = record.fail { #expect(record.interval(policy) < fail) }
      }
      #expect(record.nextProbe(policy) == nil, "limit \(limit)")
      #expect(record.interval(policy) < .seconds(limit))
      #expect(try #require(record.safe) > .seconds(limit * 0.85))
    }
  }

  @Test("A silence that failed once and then did not is no limit")
  func luckyProbe() {
    var record = PathRecord()
    let isRepeated = record.probed(.seconds(40), survived: false, at: now)
    let isRepeatedAgain = record.probed(.seconds(40), survived: true, at: now)
    #expect(isRepeated && !isRepeatedAgain)
    #expect(record.fail == nil && record.safe == .seconds(40))
  }

  @Test("Limits are forgotten after 30 days")
  func aging() {
    var record = PathRecord()
    cut(&record, silence: 15)
    cut(&record, silence: 15)
    record.age(at: now + .seconds(29 * 86_400), policy)
    #expect(record.fail == .seconds(15))
    record.age(at: now + .seconds(31 * 86_400), policy)
    #expect(record.fail == nil)
  }
}

@Suite("Path record: lifetime")
struct PathLifetimeTests {
  private let policy = PathRecord.Policy()

  private func cut(_ record: inout PathRecord, age: Double, silence: Double = 0.3)
    -> PathRecord.Cut
  {
    record.cut(
      silence: .seconds(silence), age: .seconds(age), interval: .seconds(20), at: nil, policy)
  }

  @Test("Two ages that agree within 2 % make a lifetime")
  func agreeing() {
    var record = PathRecord()
    let first = cut(&record, age: 7200)
    let second = cut(&record, age: 7290)
    #expect(first == .unexplained && second == .lifetime)
    #expect(record.life == .seconds(7200))
    #expect(record.isLifetime(.seconds(7210)) && !record.isLifetime(.seconds(6000)))
  }

  @Test("Ages that do not agree, and very young links, make none")
  func disagreeing() {
    var record = PathRecord()
    for age in [7200, 7000, 300, 310, 0.5, 0.5] {
      let cut = cut(&record, age: age)
      #expect(cut == .unexplained)
    }
    #expect(record.life == nil)
  }

  @Test("An idle link that is cut at its first silence has no lifetime")
  func idle() {
    var record = PathRecord()
    for _ in 1...2 {
      let cut = cut(&record, age: 6, silence: 5)
      #expect(cut == .idle)
    }
    #expect(record.life == nil && record.fail == .seconds(5))
  }

  @Test("A link that lives on past it proves it wrong")
  func outlived() {
    var record = PathRecord()
    _ = cut(&record, age: 30)
    _ = cut(&record, age: 30)
    record.outlived(.seconds(32))
    #expect(record.life == .seconds(30))
    record.outlived(.seconds(34))
    #expect(record.life == nil)
  }
}

@Suite("Agent memory")
struct AgentMemoryTests {
  private func key(_ number: Int) -> PathKey {
    PathKey(interface: "eth\(number)", gateway: "192.0.2.1", proxy: "p:3128", broker: "b:443")
  }

  private func memory() -> AgentMemory {
    var memory = AgentMemory()
    memory.brokerTime = Timestamp(seconds: 1_800_000_000.5)
    let now = Timestamp(seconds: 1_800_000_000)
    var record = PathRecord()
    for _ in 0..<2 {
      record.cut(
        silence: .seconds(15.25), age: .seconds(20), interval: .seconds(20), at: now, .init())
    }
    _ = record.probed(.seconds(14), survived: false, at: now)
    memory.paths[key(1)] = record
    memory.paths[key(2)] = PathRecord()
    return memory
  }

  @Test("What is written is read again")
  func roundTrip() {
    #expect(AgentMemory(decoding: memory().encoded) == memory())
    #expect(AgentMemory(decoding: AgentMemory().encoded) == AgentMemory())
  }

  @Test("A torn or flipped file is no memory, or a memory, but never a crash")
  func damaged() {
    let whole = memory().encoded
    for index in whole.indices {
      _ = AgentMemory(decoding: Array(whole[..<index]))
      for bit in [0x01, 0x10, 0x80] as [UInt8] {
        var bytes = whole
        bytes[index] ^= bit
        _ = AgentMemory(decoding: bytes)
      }
    }
    #expect(AgentMemory(decoding: Array(whole.dropLast(2))) == nil)
    #expect(AgentMemory(decoding: []) == nil)
    let hostile = #"{"version":1,"paths":[{"broker":"b","safe":1e300,"life":-4,"rung":"x"}]}"#
    let read = AgentMemory(decoding: Array(hostile.utf8))
    #expect(read?.paths[PathKey(broker: "b")] == PathRecord())
  }

  @Test("The 32 paths used last are remembered")
  func bounded() {
    var memory = AgentMemory()
    for number in 0..<50 {
      var record = PathRecord()
      record.survived(.seconds(number + 1))
      memory.paths[key(number)] = record
    }
    #expect(memory.paths[key(49)].safe == .seconds(50))
    #expect(memory.paths[key(18)].safe == .seconds(19))
    #expect(memory.paths[key(17)].safe == nil)
  }

  @Test("The network's name tells the kind and the gateway, not the device")
  func network() {
    let key = PathKey(interface: "wlan0", gateway: "192.168.1.1", broker: "b")
    #expect(key.network == "wifi 192.168.1.1")
    #expect(PathKey(broker: "b").network == "unknown")
    #expect(PathKey(interface: "wwan0", proxy: "p:1", broker: "b").network == "mobile p:1")
  }
}
