import AgentCore
import TelemetryModel
import TestValues
import Testing

@Suite("Sampling")
struct SamplingTests {
  @Test("Late wake-ups do not add up")
  func noDrift() {
    var schedule = SampleSchedule(start: .seconds(5), interval: .seconds(1))
    var random = Seeded(1)
    for index in 0..<1000 {
      #expect(schedule.nextDue == .seconds(5 + index))
      let late = Duration.milliseconds(Int.random(in: 0...900, using: &random))
      let isDue = schedule.take(at: schedule.nextDue + late)
      #expect(isDue)
    }
    #expect(schedule.skipped == 0)
  }

  @Test("Nothing is due before its time, and nothing twice")
  func notTwice() {
    var schedule = SampleSchedule(start: .seconds(5), interval: .seconds(1))
    let early = schedule.take(at: .milliseconds(4999))
    let due = schedule.take(at: .seconds(5))
    let again = schedule.take(at: .seconds(5))
    #expect(!early && due && !again)
  }

  @Test("Missed moments are counted and not made up for")
  func skipped() {
    var schedule = SampleSchedule(start: .zero, interval: .milliseconds(100))
    let isDue = schedule.take(at: .milliseconds(350))
    #expect(isDue)
    #expect(schedule.skipped == 3)
    #expect(schedule.nextDue == .milliseconds(400))
    let isDueLater = schedule.take(at: .seconds(86_400))
    #expect(isDueLater)
    #expect(schedule.nextDue == .seconds(86_400) + .milliseconds(100))
  }

  @Test("A useless interval is a millisecond")
  func uselessInterval() {
    #expect(SampleSchedule(start: .zero, interval: .zero).interval == .milliseconds(1))
  }

  @Test("A failing sensor is reported once, then again when the reason or its luck changes")
  func failures() {
    final class Luck { var reason: String? }
    struct Fickle: Sensor {
      let name = "fickle"
      let luck: Luck
      mutating func read(
        at time: SampleTime, into records: inout [SenMLRecord]
      ) throws(SensorFailure) {
        if let reason = luck.reason { throw SensorFailure(reason) }
        records.append(SenMLRecord(name: "ok", time: time.wall, value: .bool(true)))
      }
    }
    let luck = Luck()
    var sampler = Sampler(sensors: [Fickle(luck: luck)])
    let time = SampleTime(wall: Timestamp(seconds: 1), monotonic: .zero)
    var seen: [Sample] = []
    for reason in [nil, "gone", "gone", "broken", nil, nil] as [String?] {
      luck.reason = reason
      seen.append(sampler.sample(at: time))
    }
    #expect(seen.map(\.records.count) == [1, 0, 0, 0, 1, 1])
    #expect(
      seen.map(\.changes) == [
        [], [.failed(sensor: "fickle", reason: "gone")], [],
        [.failed(sensor: "fickle", reason: "broken")], [.recovered(sensor: "fickle")], [],
      ])
  }
}
