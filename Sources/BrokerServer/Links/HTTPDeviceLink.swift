import BrokerCore
import DeviceProtocol
import NIOCore
import TelemetryModel
import WebSocketTransport

/// A device's link whose messages travel in HTTP requests: the same ``DeviceConnection`` as a
/// WebSocket's, over an ``HTTPMailbox``. Loop-bound; requests come by way of ``HTTPDeviceLinkRemote``.
final class HTTPDeviceLink: DeviceTransport {
  /// What a request is answered with.
  enum Answer: Sendable {
    /// 200 with these lines; 204 where there are none and the request was a GET.
    case lines([UInt8])
    /// 400: a message could not be read, so that the session was closed.
    case malformed(String)
    /// 404: the session is over.
    case gone
  }

  /// What came of a `hello`.
  enum Opening: Sendable {
    /// The session has begun; its result line.
    case opened([UInt8])
    /// It has not.
    case refused(CloseReason, String, retryAfter: Duration?)
  }

  let eventLoop: any EventLoop
  let kind = LinkTransport.http
  let remoteIP: String?
  private let connection: DeviceConnection
  private let services: LinkServices
  private let sessions: HTTPDeviceSessions
  private var mailbox = HTTPMailbox()
  private var waiting: [HTTPMailbox.Ticket: EventLoopPromise<Answer>] = [:]
  private var opening: EventLoopPromise<Opening>?
  private var session: String?
  private var closed: (reason: CloseReason, text: String)?
  private var retryAfter: Duration?
  private var settleScheduled = false
  private lazy var timer = CallbackTimer { [weak self] _ in self?.settle() }
  /// Held, because a loop's resources go with the last that holds them, and there may be no WebSocket.
  private let resources: LoopResources

  /// Call on the loop.
  init(
    device: DeviceID, remoteIP: String?, services: LinkServices, sessions: HTTPDeviceSessions,
    loop: any EventLoop
  ) {
    eventLoop = loop
    self.remoteIP = remoteIP
    self.services = services
    self.sessions = sessions
    resources = LoopResources.of(loop)
    connection = DeviceConnection(device: device, services: services, repeatsAcks: true)
  }

  // MARK: - Requests

  /// The first one: begins the session.
  func open(_ hello: ByteBuffer, _ promise: EventLoopPromise<Opening>) {
    opening = promise
    connection.opened(over: self)
    connection.received(hello)
  }

  /// Messages from the agent; none are a question whether there are any for it.
  func up(_ messages: [ByteBuffer], _ promise: EventLoopPromise<Answer>) -> HTTPMailbox.Ticket? {
    guard session != nil else {
      promise.succeed(.gone)
      return nil
    }
    connection.heard()
    for message in messages {
      guard closed == nil else { break }
      connection.received(message)
    }
    if let closed, closed.reason == .protocolError, !messages.isEmpty {
      promise.succeed(.malformed(closed.text))
      forget()
      return nil
    }
    let ticket = mailbox.post(now: services.steady())
    waiting[ticket] = promise
    settle()
    return ticket
  }

  /// A question for messages that waits for them.
  func down(_ promise: EventLoopPromise<Answer>) -> HTTPMailbox.Ticket? {
    guard session != nil else {
      promise.succeed(.gone)
      return nil
    }
    connection.heard()
    let (ticket, older) = mailbox.get(now: services.steady())
    waiting[ticket] = promise
    answer(older)
    settle()
    return ticket
  }

  /// The agent ends the session in order; false where it was over already.
  func end() -> Bool {
    guard session != nil, closed == nil else { return false }
    closed = (.normal, "")
    connection.ended(.closedByDevice, detail: "DELETE")
    forget()
    return true
  }

  /// A request's connection is gone.
  func leave(_ ticket: HTTPMailbox.Ticket) {
    mailbox.leave(ticket)
    waiting.removeValue(forKey: ticket)?.succeed(.lines([]))
  }

  // MARK: - From the session

  func sessionOpened(_ session: String) {
    self.session = session
    sessions.add(session, HTTPDeviceLinkRemote(self, loop: eventLoop))
  }

  func send(message: [UInt8]) {
    if let opening {
      // What comes before the session is part of no mailbox: the refusal says it.
      guard session != nil else { return }
      self.opening = nil
      return opening.succeed(.opened(message + [UInt8(ascii: "\n")]))
    }
    guard mailbox.put(message) else {
      return connection.carryOut(connection.session.close(.rateLimited, "fetches no messages"))
    }
    settleLater()
  }

  func send(bye: Bye) {
    retryAfter = bye.reconnectAfter?.lowerBound
    var bytes: [UInt8] = []
    BrokerMessage.bye(bye).encode(into: &bytes)
    send(message: bytes)
  }

  func close(_ reason: CloseReason, _ text: String) {
    guard closed == nil else { return }
    closed = (reason, text)
    connection.ended(.closedByDevice, detail: text)
    if let opening {
      self.opening = nil
      return opening.succeed(.refused(reason, text, retryAfter: retryAfter))
    }
    mailbox.close(last: DeviceLink.closedMessage(reason, text), now: services.steady())
    settleLater()
  }

  // MARK: - Answering

  private func settleLater() {
    guard !settleScheduled else { return }
    settleScheduled = true
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    eventLoop.execute {
      bound.value.settleScheduled = false
      bound.value.settle()
    }
  }

  private func settle() {
    let now = services.steady()
    answer(mailbox.settle(isSettled: connection.session.isSettled, now: now))
    if mailbox.isDone(now: now) { return forget() }
    guard let deadline = mailbox.deadline else { return resources.wheel.cancel(timer) }
    resources.wheel.set(
      timer, at: eventLoop.now + TimeAmount(max(.milliseconds(1), deadline - now)))
  }

  private func answer(_ answers: [HTTPMailbox.Answer]) {
    for answer in answers {
      waiting.removeValue(forKey: answer.ticket)?.succeed(.lines(answer.lines))
    }
  }

  private func forget() {
    resources.wheel.cancel(timer)
    if let session { sessions.remove(session) }
    session = nil
    for promise in waiting.values { promise.succeed(.gone) }
    waiting = [:]
  }
}

/// An HTTP session as requests reach it, from any thread.
struct HTTPDeviceLinkRemote: Sendable {
  private let link: NIOLoopBound<HTTPDeviceLink>
  private let loop: any EventLoop

  /// Call on the loop.
  init(_ link: HTTPDeviceLink, loop: any EventLoop) {
    self.link = NIOLoopBound(link, eventLoop: loop)
    self.loop = loop
  }

  /// Carries messages up; `requester` is the connection that waits for the answer.
  func up(_ messages: [ByteBuffer], from requester: any Channel) async throws
    -> HTTPDeviceLink.Answer
  {
    try await answer(for: requester) { $0.up(messages, $1) }
  }

  /// Waits for messages.
  func down(to requester: any Channel) async throws -> HTTPDeviceLink.Answer {
    try await answer(for: requester) { $0.down($1) }
  }

  /// Ends the session; false where it was over.
  func end() async throws -> Bool {
    let link = link
    return try await loop.submit { link.value.end() }.get()
  }

  private func answer(
    for requester: any Channel,
    _ body:
      @escaping @Sendable (HTTPDeviceLink, EventLoopPromise<HTTPDeviceLink.Answer>) ->
      HTTPMailbox.Ticket?
  ) async throws -> HTTPDeviceLink.Answer {
    let promise = loop.makePromise(of: HTTPDeviceLink.Answer.self)
    let (link, loop) = (link, loop)
    loop.execute {
      guard let ticket = body(link.value, promise) else { return }
      requester.closeFuture.hop(to: loop).whenComplete { _ in link.value.leave(ticket) }
    }
    return try await promise.futureResult.get()
  }
}
