import BrokerCore
import DeviceProtocol
import HTTPTypes
import Hummingbird
import NIOCore
import TelemetryModel

/// `/v1/device/session…`: the device link where the path lets no WebSocket through. Bodies are the same
/// messages, one a line (`application/x-ndjson`).
struct DeviceSessionRoutes {
  let links: LinkServices
  let sessions: HTTPDeviceSessions
  let loops: [any EventLoop]
  let maxSessions: Int

  func add(to router: Router<BrokerRequestContext>) {
    let path = RouterPath(String(DeviceLink.sessionPath.dropFirst()))
    router.post(path) { try await open($0, $1) }
    router.post("\(path)/:session/up") { request, context in
      _ = try QueryParameters(request)
      let messages = try await messages(of: request)
      let answer = try await session(context).up(messages, from: context.channel)
      return try response(answer, isPost: true)
    }
    router.get("\(path)/:session/down") { request, context in
      _ = try QueryParameters(request)
      let answer = try await session(context).down(to: context.channel)
      return try response(answer, isPost: false)
    }
    router.delete("\(path)/:session") { request, context in
      _ = try QueryParameters(request)
      guard try await session(context).end() else { throw Problem.sessionUnknown }
      return Response(status: .noContent)
    }
  }

  private func session(_ context: BrokerRequestContext) throws -> HTTPDeviceLinkRemote {
    guard let link = sessions[try context.parameters.require("session")] else {
      throw Problem.sessionUnknown
    }
    return link
  }

  private func open(_ request: Request, _ context: BrokerRequestContext) async throws -> Response {
    let query = try QueryParameters(request, known: ["device"])
    guard let device = try query.device("device") else {
      throw Problem.badRequest(
        "device", "An open broker wants ?device=ID, a name of 1 to 64 bytes (RFC 8428 4.5.1).")
    }
    if case .comeBack(let wait, let cause) = links.admission.arrival() {
      return Response.comeBack(after: wait, cause.text)
    }
    guard sessions.count < maxSessions else {
      let cause = Admission.Cause.tooManySessions
      return Response.comeBack(after: links.admission.turnAway(cause), cause.text)
    }
    let messages = try await messages(of: request)
    guard messages.count == 1, let hello = messages.first else {
      throw Problem(
        status: .badRequest, code: "malformed", detail: "The body is one line, the hello.")
    }
    switch try await begin(device, hello, context) {
    case .opened(let line):
      return Response.lines(line)
    case .refused(.overloaded, let text, let retryAfter),
      .refused(.rateLimited, let text, let retryAfter),
      .refused(.serviceRestart, let text, let retryAfter):
      return Response.comeBack(after: retryAfter ?? .seconds(5), text)
    case .refused(let reason, let text, _):
      throw Problem(status: .badRequest, code: "malformed", detail: reason.text(text))
    }
  }

  private func begin(
    _ device: DeviceID, _ hello: ByteBuffer, _ context: BrokerRequestContext
  ) async throws -> HTTPDeviceLink.Opening {
    // The connection's own loop: what comes later over other connections hops to it.
    let own = context.channel.eventLoop
    guard let loop = loops.first(where: { $0 === own }) ?? loops.first else {
      return .refused(.internalError, "no event loop", retryAfter: nil)
    }
    let promise = loop.makePromise(of: HTTPDeviceLink.Opening.self)
    let remoteIP = context.channel.remoteAddress?.ipAddress
    let (links, sessions) = (links, sessions)
    loop.execute {
      let link = HTTPDeviceLink(
        device: device, remoteIP: remoteIP, services: links, sessions: sessions, loop: loop)
      link.open(hello, promise)
    }
    return try await promise.futureResult.get()
  }

  /// The lines of a body; blank ones are none.
  private func messages(of request: Request) async throws -> [ByteBuffer] {
    let body = try await request.body.collect(upTo: links.devicePolicy.maxMessageBytes)
    // A WebSocket checks its text; here nobody has yet.
    guard String(validating: body.readableBytesView, as: UTF8.self) != nil else {
      throw Problem(status: .badRequest, code: "malformed", detail: "The body is not UTF-8.")
    }
    return body.readableBytesView.split(separator: UInt8(ascii: "\n")).compactMap { line in
      line.allSatisfy { $0 == 0x20 || $0 == 0x0D || $0 == 0x09 } ? nil : ByteBuffer(line)
    }
  }

  private func response(_ answer: HTTPDeviceLink.Answer, isPost: Bool) throws -> Response {
    switch answer {
    case .lines(let lines):
      if lines.isEmpty, !isPost { return Response(status: .noContent) }
      return Response.lines(lines)
    case .malformed(let text):
      throw Problem(
        status: .badRequest, code: "malformed", detail: CloseReason.protocolError.text(text))
    case .gone:
      throw Problem.sessionUnknown
    }
  }
}

extension Problem {
  fileprivate static let sessionUnknown = Problem(
    status: .notFound, code: "sessionUnknown", detail: "This session is over; begin a new one.")
}

extension Response {
  fileprivate static func lines(_ lines: [UInt8]) -> Response {
    Response(
      status: .ok,
      headers: [.contentType: "application/x-ndjson", .cacheControl: "no-store"],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: lines)))
  }

  /// 503 with `Retry-After`, in whole seconds.
  static func comeBack(after wait: Duration, _ text: String) -> Response {
    var response = Problem(status: .serviceUnavailable, code: "overloaded", detail: text).response
    response.headers[.retryAfter] = "\(wait.retryAfterSeconds)"
    return response
  }
}
