import AgentCore
import DeviceProtocol
import Glibc
import Logging
import TelemetryModel
import WebSocketTransport

/// The agent's words: constant messages, values as metadata, no secrets. The first link is also
/// told on standard output, for scripts that wait for it.
struct LinkLog {
  private let logger: Logger
  private let url: WebSocketURL
  private let device: DeviceID
  private var wasUp = false
  private var failures = 0
  private var spoolFailure: SpoolFailure?

  init(logger: Logger, url: WebSocketURL, device: DeviceID) {
    self.logger = logger
    self.url = url
    self.device = device
  }

  func detected(_ sensor: String, absence: String?) {
    if let absence {
      logger.notice("sensor absent", metadata: ["sensor": "\(sensor)", "reason": "\(absence)"])
    } else {
      logger.debug("sensor found", metadata: ["sensor": "\(sensor)"])
    }
  }

  func changed(_ change: Sample.HealthChange) {
    switch change {
    case .failed(let sensor, let reason):
      logger.warning("sensor fails", metadata: ["sensor": "\(sensor)", "reason": "\(reason)"])
    case .recovered(let sensor):
      logger.notice("sensor reads again", metadata: ["sensor": "\(sensor)"])
    }
  }

  func connecting(_ rung: TransportRung) {
    logger.debug("connecting", metadata: ["url": "\(url)", "way": "\(rung.rawValue)"])
  }

  func opened(deflate: Bool) {
    logger.debug("connection open", metadata: ["url": "\(url)", "deflate": "\(deflate)"])
  }

  func stopping() {
    logger.info("stopping")
  }

  mutating func write(_ report: LinkReport) {
    switch report {
    case .up(let welcome):
      failures = 0
      logger.info(
        "link up",
        metadata: [
          "url": "\(url)", "device": "\(device)", "session": "\(welcome.session)",
          "generation": "\(welcome.generation)", "server": "\(welcome.server.name)",
        ])
      if !wasUp {
        wasUp = true
        print("hawser-agent: connected to \(url) as \(device)")
        fflush(nil)
      }
    case .down(let end, let ending, let retryAfter):
      failures += 1
      let wait = retryAfter.map { "\(Self.tenths($0.inSeconds)) s" } ?? "never"
      // The first failure matters; an hour of the same is one fact.
      logger.log(
        level: failures <= 3 ? .warning : .info, "link down",
        metadata: [
          "url": "\(url)", "cause": "\(end.cause)", "detail": "\(Self.detail(ending))",
          "retry": "\(wait)", "lived": "\(Self.tenths(end.livedSeconds))",
          "idle": "\(Self.tenths(end.idleSeconds))",
        ])
    case .lost(let range, let reason):
      logger.warning(
        "readings given up",
        metadata: ["from": "\(range.from)", "to": "\(range.to)", "reason": "\(reason.rawValue)"])
    case .refused(let error):
      logger.warning("the broker refused a request", metadata: ["error": "\(error)"])
    case .ignored(let what):
      logger.debug("message ignored", metadata: ["what": "\(what)"])
    case .spoolFailed(let failure):
      // The same failure every second is one fact.
      let isNews = spoolFailure != failure
      spoolFailure = failure
      logger.log(
        level: isNews ? .error : .debug, "the disk does not take what it should keep",
        metadata: ["reason": "\(failure)"])
    case .otherEpoch(let epoch, let isDurable):
      if isDurable { spoolFailure = nil }
      logger.log(
        level: isDurable ? .notice : .error,
        isDurable ? "readings wait on the disk again" : "readings wait in memory alone",
        metadata: ["epoch": "\(epoch)"])
    case .command(let report): CommandLog.write(report, to: logger)
    case .handedOver, .notHandedOver, .otherWay, .learnt, .probed, .stateWritten:
      writeOfPath(report)
    }
  }

  private func writeOfPath(_ report: LinkReport) {
    switch report {
    case .handedOver(let rung):
      logger.info("link handed over", metadata: ["way": "\(rung.rawValue)"])
    case .notHandedOver(let ending):
      logger.info(
        "the link could not be handed over", metadata: ["detail": "\(Self.detail(ending))"])
    case .otherWay(let rung):
      logger.notice("way to the broker", metadata: ["way": "\(rung.rawValue)"])
    case .learnt(let path):
      func text(_ seconds: Double?) -> Logger.MetadataValue {
        .string(seconds.map { "\(($0 * 10).rounded() / 10) s" } ?? "unknown")
      }
      logger.info(
        "path learnt",
        metadata: [
          "network": "\(path.network)", "safe": text(path.safeSeconds),
          "fail": text(path.failSeconds), "life": text(path.lifeSeconds),
          "interval": text(path.intervalSeconds),
        ])
    case .probed(let silence, let survived):
      logger.info(
        "path probed",
        metadata: ["silence": "\(silence.inSeconds) s", "survived": "\(survived)"])
    case .stateWritten(let wear, let during):
      logger.info(
        "state written",
        metadata: [
          "bytes": "\(wear.bytes)", "syncs": "\(wear.syncs)",
          "seconds": "\(Int(during.inSeconds))",
        ])
    default: break
    }
  }

  /// Seconds to a tenth.
  private static func tenths(_ seconds: Double?) -> String {
    seconds.map { "\(($0 * 10).rounded() / 10)" } ?? "unknown"
  }

  private static func detail(_ ending: LinkEnding) -> String {
    switch ending {
    case .refused(let status, _): "status \(status)"
    case .unreachable(_, let detail): detail
    case .timedOut(let step): "in step \(step)"
    case .swallowed: "the WebSocket opened, and nothing came over it"
    case .closed(let code, let reason): "\(code) \(reason)"
    case .dropped: "the connection was cut"
    case .reset: "the connection was reset"
    case .transportFailed(let text): text
    case .gaveUp(let reason): reason.text
    }
  }
}
