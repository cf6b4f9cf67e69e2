import ArgumentParser
import NIOCore
import NIOHTTP1
import NIOPosix
import TelemetryModel
import WebSocketTransport

/// Asks a broker's REST side; one connection a question.
struct RestClient {
  /// What was answered.
  struct Answer: Sendable {
    var status = 0
    var body = ByteBuffer()
    /// Where to go on, of an answer that has no place for it in its body.
    var next: String?
  }

  let options: BrokerOptions

  /// The answer's JSON.
  ///
  /// - Throws: `ExitCode`, its cause told: EX_UNAVAILABLE where there is no answer, EX_USAGE where the
  ///   broker refuses, EX_PROTOCOL where it answers no JSON.
  func json(_ path: String, _ query: [(String, String)] = []) async throws -> JSONValue {
    let answer = try await get(path, query, accept: "application/json")
    do {
      return try JSONValue(parsing: answer.body.readableBytesUInt8Span)
    } catch {
      throw Failure.protocolError("\(options.broker) does not answer as a broker does: \(error)")
    }
  }

  /// The entries of all pages of a list, in the order of the pages.
  func list(
    _ path: String, _ member: String, _ query: [(String, String)]
  ) async throws -> [JSONValue] {
    var entries: [JSONValue] = []
    var cursor: String?
    repeat {
      let page = try await json(path, query + (cursor.map { [("cursor", $0)] } ?? []))
      entries += page[member]?.array ?? []
      cursor = page["next"]?.string
    } while cursor != nil
    return entries
  }

  /// The whole answer.
  ///
  /// - Throws: `ExitCode`, its cause told, unless the status is 200.
  func get(
    _ path: String, _ query: [(String, String)], accept: String
  ) async throws -> Answer {
    let url = try options.address(path, query)
    let answer: Answer
    do {
      answer = try await exchange(url, headers: ["Accept": accept])
    } catch {
      throw noAnswer(error)
    }
    guard answer.status == 200 else {
      let problem = try? JSONValue(parsing: answer.body.readableBytesUInt8Span)
      let refusal = Refusal(status: answer.status, problem: problem ?? .null)
      // What was asked for was typed; what is not there is no broker's.
      switch answer.status {
      case 400, 422: throw Failure.refused(refusal.detail)
      case 404: throw Failure.protocolError(refusal.detail)
      default: throw refusal.said()
      }
    }
    return answer
  }

  /// What it says where there is no answer.
  func noAnswer(_ error: any Error) -> ExitCode {
    Failure.unavailable("\(options.broker) does not answer: \(HandshakeError.words(for: error))")
  }

  private func trust(_ url: WebSocketURL) throws -> ClientTLS? {
    url.isSecure ? try ClientTLS(caFile: options.ca) : nil
  }

  /// One request and its answer, whatever its status.
  func exchange(
    _ url: WebSocketURL, method: HTTPMethod = .GET, headers: HTTPHeaders, body: ByteBuffer? = nil
  ) async throws -> Answer {
    let tls = try trust(url)
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let promise = loop.makePromise(of: Answer.self)
    do {
      let channel = try await ClientBootstrap(group: loop)
        .connectTimeout(.seconds(10))
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try tls?.addHandler(to: channel, host: url.host)
            try channel.pipeline.syncOperations.addHTTPClientHandlers()
            try channel.pipeline.syncOperations.addHandler(AnswerHandler(promise))
          }
        }
        .connect(host: url.host, port: url.port).get()
      var head = HTTPRequestHead(
        version: .http1_1, method: method, uri: url.target,
        headers: ["Host": url.hostField, "Connection": "close"])
      head.headers.add(contentsOf: headers)
      if let body { head.headers.add(name: "Content-Length", value: "\(body.readableBytes)") }
      channel.write(HTTPClientRequestPart.head(head), promise: nil)
      if let body {
        channel.write(HTTPClientRequestPart.body(.byteBuffer(body)), promise: nil)
      }
      channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
    } catch {
      promise.fail(error)
    }
    return try await promise.futureResult.get()
  }
}

/// Gathers one answer.
private final class AnswerHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart

  private struct Ended: Error, CustomStringConvertible {
    let description = "the connection ended within the answer"
  }

  private static let next = "Hawser-Next"

  private let promise: EventLoopPromise<RestClient.Answer>
  private var answer = RestClient.Answer()

  init(_ promise: EventLoopPromise<RestClient.Answer>) {
    self.promise = promise
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      answer.status = Int(head.status.code)
      answer.next = head.headers.first(name: AnswerHandler.next)
    case .body(let part): answer.body.writeImmutableBuffer(part)
    case .end(let trailers):
      if let next = trailers?.first(name: AnswerHandler.next) { answer.next = next }
      promise.succeed(answer)
      context.close(promise: nil)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    promise.fail(error)
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) { promise.fail(Ended()) }
}
