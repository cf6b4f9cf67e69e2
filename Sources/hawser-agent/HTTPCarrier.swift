import AgentCore
import DeviceProtocol
import NIOCore
import NIOHTTP1
import TelemetryModel
import WebSocketTransport

/// HTTP requests as a carrier: makes the requests that an `HTTPSessionMachine` decides on, each lane's
/// over a connection that is kept while it works. Bound to the shell's event loop.
final class HTTPCarrier: LinkCarrier {
  /// A lane's connection. The number tells what was abandoned from what is wanted.
  private struct Lane {
    var connection: HTTPClientConnection?
    var number = 0
  }

  private let attempt: LinkAttempt
  private let requests: HTTPRequests
  private let shell: LinkShell
  private let loop: any EventLoop
  private var machine: HTTPSessionMachine
  private var lanes: [HTTPLane: Lane] = [.up: Lane(), .down: Lane()]
  private var random = SystemRandomNumberGenerator()
  private var timer: (due: Duration, task: Scheduled<Void>)?
  private var isClosing = false
  private var isOver = false

  init(
    _ attempt: LinkAttempt, holds: Bool, requests: HTTPRequests, shell: LinkShell,
    loop: any EventLoop
  ) {
    self.attempt = attempt
    self.requests = requests
    self.shell = shell
    self.loop = loop
    machine = HTTPSessionMachine(holds: holds)
  }

  /// Connects before anything is said, so that what fails is known for what it is.
  func connect() {
    requests.connect(on: loop).assumeIsolated().whenComplete { result in
      switch result {
      case .success(let connection):
        guard !self.isClosing else {
          connection.close()
          return self.over(.closed(code: CloseReason.normal.code, reason: ""))
        }
        self.lanes[.up]?.connection = connection
        self.shell.opened(self.attempt, isCompressed: false)
      case .failure(let error):
        guard !self.isOver else { return }
        self.isOver = true
        self.shell.failed(self.attempt, error)
      }
    }
  }

  // MARK: LinkCarrier

  func send(_ message: [UInt8]) {
    carryOut(machine.send(message, at: now))
    rearm()
  }

  func close(_ reason: CloseReason, detail: String) {
    isClosing = true
    guard lanes[.up]?.connection != nil || machine.deadline != nil else { return }
    carryOut(machine.close(isOrderly: reason != .heartbeatLost, at: now))
    rearm()
  }

  // MARK: Time

  private var now: Duration { SystemClock.now().monotonic }

  private func rearm() {
    guard !isOver, let due = machine.deadline else { return }
    if let timer, timer.due <= due { return }
    timer?.task.cancel()
    let wait = TimeAmount(max(due - now, .zero))
    timer = (due, loop.assumeIsolated().scheduleTask(in: wait) { self.wake() })
  }

  private func wake() {
    timer = nil
    guard !isOver else { return }
    carryOut(machine.tick(at: now, using: &random))
    rearm()
  }

  // MARK: Actions

  private func carryOut(_ actions: [HTTPSessionMachine.Action]) {
    for action in actions where !isOver {
      switch action {
      case .send(let exchange, let lane): send(exchange, on: lane)
      case .abandon(let lane):
        lanes[lane]?.connection?.close()
        lanes[lane] = Lane(connection: nil, number: (lanes[lane]?.number ?? 0) + 1)
      case .deliver(let line): shell.received(attempt, ByteBuffer(bytes: line))
      case .heard: shell.heard(attempt)
      case .holdsNoMore: shell.narrowed(attempt, to: .shortPost)
      case .ended(let ending): over(ending)
      }
    }
  }

  private func over(_ ending: LinkEnding) {
    guard !isOver else { return }
    isOver = true
    timer?.task.cancel()
    shell.ended(attempt, ending)
  }

  private func send(_ exchange: HTTPExchange, on lane: HTTPLane) {
    guard let number = lanes[lane]?.number else { return }
    if let connection = lanes[lane]?.connection, connection.isIdle {
      return send(exchange, over: connection, lane, number)
    }
    lanes[lane]?.connection = nil
    requests.connect(on: loop).assumeIsolated().whenComplete { result in
      switch result {
      case .success(let connection):
        guard self.lanes[lane]?.number == number, !self.isOver else { return connection.close() }
        self.lanes[lane]?.connection = connection
        self.send(exchange, over: connection, lane, number)
      case .failure(let error):
        self.failed(lane, number, self.shell.ending(of: error), wasUsed: false)
      }
    }
  }

  private func send(
    _ exchange: HTTPExchange, over connection: HTTPClientConnection, _ lane: HTTPLane,
    _ number: Int
  ) {
    let wasUsed = connection.wasUsed
    requests.send(exchange, over: connection).assumeIsolated().whenComplete { result in
      switch result {
      case .success(let reply):
        self.answered(lane, number, HTTPExchangeAnswer(reply, now: self.shell.time))
      case .failure(let error):
        self.failed(lane, number, LinkEnding(requestFailed: error), wasUsed: wasUsed)
      }
    }
  }

  private func answered(_ lane: HTTPLane, _ number: Int, _ answer: HTTPExchangeAnswer) {
    guard lanes[lane]?.number == number, !isOver else { return }
    carryOut(machine.answered(lane, answer, at: now, using: &random))
    rearm()
  }

  private func failed(_ lane: HTTPLane, _ number: Int, _ ending: LinkEnding, wasUsed: Bool) {
    guard lanes[lane]?.number == number, !isOver else { return }
    lanes[lane]?.connection?.close()
    lanes[lane]?.connection = nil
    carryOut(machine.failed(lane, ending, wasUsed: wasUsed, at: now, using: &random))
    rearm()
  }
}

extension HTTPExchangeAnswer {
  fileprivate init(_ reply: HTTPReply, now: Timestamp?) {
    self.init(
      status: reply.status, retryAfter: LinkEnding.retryAfter(reply.headers, now: now),
      body: Array(reply.body.readableBytesView))
  }
}

extension LinkEnding {
  /// Why a request has no answer.
  fileprivate init(requestFailed error: any Error) {
    switch error as? HTTPClientError {
    case .dropped: self = .dropped
    case .tooLarge?: self = .gaveUp(.messageTooLarge)
    case .failed(let text)?: self = .transportFailed(text)
    case nil: self = .transportFailed("\(error)")
    }
  }
}
