package import NIOCore

/// A timer for owners outside this module: calls back on the loop when its deadline has passed.
package final class CallbackTimer: WheelTimer {
  private let callback: (NIODeadline) -> Void

  /// A timer that stands in no wheel yet. What the callback holds lives as long as the timer.
  package init(_ callback: @escaping (NIODeadline) -> Void) {
    self.callback = callback
    super.init()
  }

  /// Calls back; the timer has left the wheel by then and may be set again.
  package override func deadlinePassed(now: NIODeadline) {
    callback(now)
  }
}
