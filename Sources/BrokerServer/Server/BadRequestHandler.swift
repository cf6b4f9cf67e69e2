import HTTPTypes
import NIOCore
import NIOHTTP1

/// Answers what is no request with a problem document, and ends the connection: an HTTP library left
/// alone says 400 without a word, and takes requests without a `Host` or with two (RFC 9112 §3.2).
///
/// Answers to requests before it go out first. Where a request breaks off in its body, whoever reads
/// that is told, and answers. Loop-bound.
final class BadRequestHandler: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  /// How long a peer may take to read the answer and go.
  private static let patience = TimeAmount.seconds(3)

  private enum State {
    /// Requests are taken.
    case open
    /// Nothing more is; once all before is answered, this is said, or nothing more.
    case ending(Problem?)
    /// All is said.
    case over
  }

  private var state = State.open
  /// Requests whose answer is not complete.
  private var unanswered = 0
  private var isInBody = false

  /// Puts one behind the decoder of an HTTP pipeline. On the channel's loop.
  static func add(to channel: any Channel) throws {
    let pipeline = channel.pipeline.syncOperations
    let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
    try pipeline.addHandler(BadRequestHandler(), position: .after(decoder))
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard case .open = state else { return }
    switch unwrapInboundIn(data) {
    case .head(let head):
      guard head.version == .http1_0 || head.headers["Host"].count == 1 else {
        return refuse(context, .hostMissing)
      }
      unanswered += 1
      isInBody = true
    case .body: break
    case .end: isInBody = false
    }
    context.fireChannelRead(data)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard let fault = error as? HTTPParserError else { return context.fireErrorCaught(error) }
    guard case .open = state else { return }
    guard isInBody else { return refuse(context, Problem(fault)) }
    state = .ending(nil)
    context.fireErrorCaught(error)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    if case .over = state {
      promise?.fail(ChannelError.outputClosed)
      return
    }
    context.write(data, promise: promise)
    guard case .end = unwrapOutboundIn(data) else { return }
    unanswered -= 1
    end(context)
  }

  private func refuse(_ context: ChannelHandlerContext, _ problem: Problem) {
    state = .ending(problem)
    end(context)
  }

  /// Ends the connection, if it is to end and all is answered.
  private func end(_ context: ChannelHandlerContext) {
    guard case .ending(let problem) = state, unanswered <= 0 else { return }
    state = .over
    if let problem { say(context, problem) }
    context.flush()
    // Only this direction: closing both while the peer still sends would reset the connection, and the
    // answer could be lost with it.
    context.close(mode: .output, promise: nil)
    let channel = context.channel
    context.eventLoop.scheduleTask(in: Self.patience) { channel.close(promise: nil) }
  }

  private func say(_ context: ChannelHandlerContext, _ problem: Problem) {
    let body = ByteBuffer(bytes: problem.json)
    let headers: HTTPHeaders = [
      "Content-Type": Problem.mediaType, "Content-Length": "\(body.readableBytes)",
      "Connection": "close",
    ]
    let head = HTTPResponseHead(
      version: .http1_1, status: HTTPResponseStatus(statusCode: problem.status.code),
      headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
    context.write(wrapOutboundOut(.end(nil)), promise: nil)
  }
}

extension Problem {
  fileprivate static let hostMissing = Problem(
    status: .badRequest, code: "malformedRequest", detail: "Host has to be given once.")

  /// What is no request, or one with too large a head.
  init(_ error: HTTPParserError) {
    switch error {
    case .headerOverflow:
      self.init(
        status: .requestHeaderFieldsTooLarge, code: "headTooLarge",
        detail: "The request's head is too large.")
    default:
      self.init(
        status: .badRequest, code: "malformedRequest",
        detail: "This is no HTTP/1.1 request: \(error).")
    }
  }
}
