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
      let wait = retryAfter.map { "\((($0.inSeconds * 10).rounded()) / 10) s" } ?? "never"
      // The first failure matters; an hour of the same is one fact.
      logger.log(
        level: failures <= 3 ? .warning : .info, "link down",
        metadata: [
          "url": "\(url)", "cause": "\(end.cause)", "detail": "\(Self.detail(ending))",
          "retry": "\(wait)",
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
      logger.error("the spool does not work", metadata: ["reason": "\(failure)"])
    }
  }

  private static func detail(_ ending: LinkEnding) -> String {
    switch ending {
    case .refused(let status, _): "status \(status)"
    case .unreachable(let reason): reason
    case .timedOut(let step): "in step \(step)"
    case .closed(let code, let reason): "\(code) \(reason)"
    case .dropped: "the connection was cut"
    case .gaveUp(let reason): reason.text
    }
  }
}
