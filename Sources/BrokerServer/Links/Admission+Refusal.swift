import BrokerCore
import HTTPTypes
import NIOHTTP1
import TelemetryModel
import WebSocketTransport

// How devices are told that they are not let in now.
extension Admission.Cause {
  /// The cause for people, one sentence.
  var text: String {
    switch self {
    case .tooManyArrivals: "Too many devices arrive at once."
    case .queueFull: "Too much waits for the store."
    case .storeUnavailable: "The store is unavailable."
    case .stopping: "The broker is stopping."
    case .duplicateDevice: "Another device is connected under this name."
    case .tooManySessions: "Too many sessions are open."
    }
  }
}

extension HTTPRefusal {
  /// 503 with `Retry-After`.
  static func comeBack(after wait: Duration, _ cause: Admission.Cause) -> HTTPRefusal {
    HTTPRefusal(
      .serviceUnavailable, code: "overloaded", cause.text,
      headers: ["Retry-After": "\(wait.retryAfterSeconds)"])
  }
}

extension Problem {
  /// A refusal that comes before any route, in the form of all errors.
  static func body(of refusal: HTTPRefusal) -> (type: String, text: String) {
    let status = HTTPResponse.Status(
      code: Int(refusal.status.code), reasonPhrase: refusal.status.reasonPhrase)
    let problem = Problem(status: status, code: refusal.code, detail: refusal.detail)
    return (mediaType, String(decoding: problem.json, as: UTF8.self))
  }
}

extension Duration {
  /// As `Retry-After` has it (RFC 9110 §10.2.3): whole seconds, never sooner than asked.
  var retryAfterSeconds: Int { max(1, Int(inSeconds.rounded(.up))) }
}
