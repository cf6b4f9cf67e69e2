import Synchronization
package import TelemetryModel

/// The broker's one ``Admission``, asked from every event loop.
package final class AdmissionDesk: Sendable {
  private let state: Mutex<(admission: Admission, isStopping: Bool)>
  private let load: @Sendable () -> Admission.Load
  private let now: @Sendable () -> Timestamp
  private let refused: @Sendable (Admission.Cause) -> Void

  /// Opens. `load` is asked at every arrival; `now` never jumps; `refused` is told of everybody who is
  /// turned away.
  package init(
    policy: Admission.Policy, load: @escaping @Sendable () -> Admission.Load,
    now: @escaping @Sendable () -> Timestamp,
    refused: @escaping @Sendable (Admission.Cause) -> Void
  ) {
    state = Mutex((Admission(policy: policy, now: now()), false))
    self.load = load
    self.now = now
    self.refused = refused
  }

  /// Decides about a device that arrives.
  package func arrival() -> Admission.Decision {
    let (load, now) = (load(), now())
    let decision = state.withLock { state -> Admission.Decision in
      guard !state.isStopping else {
        let wait = state.admission.place(behind: .seconds(1), now: now)
        return .comeBack(after: wait, .stopping)
      }
      return state.admission.arrival(load, now: now)
    }
    if case .comeBack(_, let cause) = decision { refused(cause) }
    return decision
  }

  /// Turns somebody away who was let in, or would have been.
  package func turnAway(_ cause: Admission.Cause) -> Duration {
    let now = now()
    refused(cause)
    return state.withLock { $0.admission.place(behind: .seconds(5), now: now) }
  }

  /// When a link that has to be closed is to come back: from its place in the line to a fifth behind.
  package func comeBack(_ cause: Admission.Cause) -> ClosedRange<Duration> {
    let place = turnAway(cause)
    return place...(place * 1.2)
  }

  /// Lets nobody in any more.
  package func stop() {
    state.withLock { $0.isStopping = true }
  }
}
