package import NIOCore

/// Something that wants to be woken at a time; a place in its loop's wheel is all it costs.
package class WheelTimer {
  /// When it is to be woken; nil while it stands in no wheel.
  package fileprivate(set) var deadline: NIODeadline?
  fileprivate var slot: UInt16 = 0
  fileprivate var place: UInt32 = 0

  /// A timer that stands in no wheel yet.
  package init() {}

  /// Called on the loop at or behind the deadline; the timer has left the wheel by then.
  package func deadlinePassed(now: NIODeadline) {}
}

/// All deadlines of one event loop. Loop-bound. Setting, moving and taking out a timer are O(1) and
/// allocate nothing in the long run; the loop itself is asked for one wake-up, at the first deadline.
///
/// Deadlines are met within `slotLength`, never early. One further away than the wheel reaches waits
/// in its furthest slot and is put back from there.
package final class TimingWheel {
  /// How exactly deadlines are kept.
  package static let slotLength = TimeAmount.milliseconds(100)
  private static let slotCount = 1024

  private let eventLoop: any EventLoop
  private var slots: [[WheelTimer]]
  /// The slot number, counted since the loop's time began, up to which all have been woken.
  private var woken: UInt64
  private var count = 0
  private var scheduled: Scheduled<Void>?
  private var scheduledSlot: UInt64 = .max

  /// An empty wheel; used on `eventLoop` only.
  package init(eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
    slots = Array(repeating: [], count: Self.slotCount)
    woken = eventLoop.now.uptimeNanoseconds / UInt64(Self.slotLength.nanoseconds)
  }

  /// How many timers wait.
  package var waiting: Int { count }

  /// Wakes `timer` at `deadline` instead of whenever it was to be woken before.
  package func set(_ timer: WheelTimer, at deadline: NIODeadline) {
    if timer.deadline != nil { remove(timer) }
    if count == 0 { woken = max(woken, slotNumber(eventLoop.now)) }
    insert(timer, at: deadline)
    wake(at: timerSlot(deadline))
  }

  /// Takes `timer` out; nothing happens where it stands in no wheel.
  package func cancel(_ timer: WheelTimer) {
    guard timer.deadline != nil else { return }
    remove(timer)
    if count == 0 {
      scheduled?.cancel()
      scheduled = nil
      scheduledSlot = .max
    }
  }

  private func slotNumber(_ time: NIODeadline) -> UInt64 {
    time.uptimeNanoseconds / UInt64(Self.slotLength.nanoseconds)
  }

  /// The first slot whose beginning is not before `deadline`, as far as the wheel reaches.
  private func timerSlot(_ deadline: NIODeadline) -> UInt64 {
    let length = UInt64(Self.slotLength.nanoseconds)
    let exact = deadline.uptimeNanoseconds / length
    let rounded = deadline.uptimeNanoseconds % length == 0 ? exact : exact + 1
    return min(max(rounded, woken + 1), woken + UInt64(Self.slotCount) - 1)
  }

  private func insert(_ timer: WheelTimer, at deadline: NIODeadline) {
    let index = Int(timerSlot(deadline) % UInt64(Self.slotCount))
    timer.deadline = deadline
    timer.slot = UInt16(index)
    timer.place = UInt32(slots[index].count)
    slots[index].append(timer)
    count += 1
  }

  private func remove(_ timer: WheelTimer) {
    let index = Int(timer.slot)
    let place = Int(timer.place)
    let last = slots[index].removeLast()
    if last !== timer {
      slots[index][place] = last
      last.place = UInt32(place)
    }
    timer.deadline = nil
    count -= 1
  }

  private func wake(at slot: UInt64) {
    guard slot < scheduledSlot else { return }
    scheduled?.cancel()
    scheduledSlot = slot
    let time = NIODeadline.uptimeNanoseconds(slot * UInt64(Self.slotLength.nanoseconds))
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    scheduled = eventLoop.scheduleTask(deadline: time) { bound.value.turn() }
  }

  /// Wakes whatever is due, one by one: each may set or cancel any other. Then sees to the next
  /// wake-up.
  private func turn() {
    scheduled = nil
    scheduledSlot = .max
    let now = eventLoop.now
    let current = slotNumber(now)
    while woken < current && count > 0 {
      woken += 1
      // What is put back here lands in a later slot, at the earliest the next.
      let index = Int(woken % UInt64(Self.slotCount))
      while let timer = slots[index].last {
        let deadline = timer.deadline
        remove(timer)
        if let deadline, deadline > now {
          insert(timer, at: deadline)
        } else {
          timer.deadlinePassed(now: now)
        }
      }
    }
    woken = max(woken, current)
    wakeAtNext()
  }

  private func wakeAtNext() {
    guard count > 0 else { return }
    for ahead in 1..<UInt64(Self.slotCount)
    where !slots[Int((woken + ahead) % UInt64(Self.slotCount))].isEmpty {
      wake(at: woken + ahead)
      return
    }
  }
}
