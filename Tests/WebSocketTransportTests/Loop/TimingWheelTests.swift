import NIOCore
import NIOEmbedded
import TestValues
import Testing
@testable import WebSocketTransport

struct TimingWheelTests {
  private final class Alarm: WheelTimer {
    var woken: [NIODeadline] = []
    var onWake: (Alarm) -> Void = { _ in }

    override func deadlinePassed(now: NIODeadline) {
      woken.append(now)
      onWake(self)
    }
  }

  @Test("Timers are woken within a slot behind their deadline, never before, near and far")
  func onTime() {
    let loop = EmbeddedEventLoop()
    let wheel = TimingWheel(eventLoop: loop)
    var generator = Seeded(2)
    let alarms = (0..<300).map { _ in Alarm() }
    var deadlines: [NIODeadline] = []
    for alarm in alarms {
      let after = Int64.random(in: 0...400_000, using: &generator)
      deadlines.append(loop.now + .milliseconds(after))
      wheel.set(alarm, at: loop.now + .milliseconds(after))
    }
    for _ in 0..<9000 { loop.advanceTime(by: .milliseconds(47)) }
    for (alarm, deadline) in zip(alarms, deadlines) {
      #expect(alarm.woken.count == 1)
      guard let woken = alarm.woken.first else { continue }
      #expect(woken >= deadline)
      #expect(woken <= deadline + TimingWheel.slotLength + TimingWheel.slotLength)
    }
    #expect(wheel.waiting == 0)
  }

  @Test("A timer that is moved or cancelled is not woken at its old time")
  func movedAndCancelled() {
    let loop = EmbeddedEventLoop()
    let wheel = TimingWheel(eventLoop: loop)
    let moved = Alarm()
    let cancelled = Alarm()
    wheel.set(moved, at: loop.now + .seconds(1))
    wheel.set(cancelled, at: loop.now + .seconds(1))
    wheel.set(moved, at: loop.now + .seconds(3))
    wheel.cancel(cancelled)
    wheel.cancel(cancelled)
    loop.advanceTime(by: .seconds(2))
    #expect(moved.woken.isEmpty)
    loop.advanceTime(by: .seconds(2))
    #expect(moved.woken.count == 1)
    #expect(cancelled.woken.isEmpty)
  }

  @Test("A timer that sets itself again, and cancels its neighbour, while the wheel turns")
  func changesWhileTurning() {
    let loop = EmbeddedEventLoop()
    let wheel = TimingWheel(eventLoop: loop)
    let first = Alarm()
    let second = Alarm()
    let swap: (Alarm) -> Void = { alarm in
      wheel.cancel(alarm === first ? second : first)
      if alarm.woken.count < 3 { wheel.set(alarm, at: loop.now + .seconds(1)) }
    }
    first.onWake = swap
    second.onWake = swap
    wheel.set(first, at: loop.now + .seconds(1))
    wheel.set(second, at: loop.now + .seconds(1))
    loop.advanceTime(by: .seconds(30))
    #expect(first.woken.count + second.woken.count == 3)
    #expect(wheel.waiting == 0)
  }

  @Test("A loop that was held up wakes everything that is due, once")
  func heldUp() {
    let loop = EmbeddedEventLoop()
    let wheel = TimingWheel(eventLoop: loop)
    let alarms = (1...50).map { _ in Alarm() }
    for (index, alarm) in alarms.enumerated() {
      wheel.set(alarm, at: loop.now + .seconds(Int64(index) * 10))
    }
    loop.advanceTime(by: .hours(3))
    #expect(alarms.allSatisfy { $0.woken.count == 1 })
  }
}
