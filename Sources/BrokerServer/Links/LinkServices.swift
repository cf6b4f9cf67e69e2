import BrokerCore
import DeviceProtocol
import Logging
import TelemetryModel

/// What links of either kind need of the broker; shared by all of them, safe from any thread.
struct LinkServices: Sendable {
  let pipeline: IngestPipeline
  let decoders: LoopDecoders
  let registry: DeviceRegistry
  let hub: LiveHub
  let readers: LiveReaders
  let metrics: BrokerMetrics
  let statistics: LinkStatistics
  let admission: AdmissionDesk
  let devicePolicy: DeviceSession.Policy
  let server: Software
  let logger: Logger
  /// Who takes orders, and what devices say of commands; nil where nobody sends any.
  var commands: CommandDesk?
  /// The wall clock.
  let now: @Sendable () -> Timestamp
  /// A clock that never jumps, for what is measured: silence and deadlines.
  let steady: @Sendable () -> Timestamp

  /// A name for a link's session that nobody can guess.
  func newSessionID() -> String {
    var generator = SystemRandomNumberGenerator()
    let high: UInt64 = generator.next()
    let low: UInt64 = generator.next()
    return String(high, radix: 36) + String(low, radix: 36)
  }
}
