import AgentCore
import NIOCore
import WebSocketTransport

/// Finds out whether ordinary requests reach the broker, by asking for a session that does not exist.
struct RequestTrial {
  let configuration: AgentConfiguration
  let tls: ClientTLS?
  let loop: any EventLoop

  /// Whether a broker answered.
  func run() async -> Bool {
    let requests = HTTPRequests(
      url: configuration.url, configuration: configuration.transport, tls: tls,
      proxy: configuration.proxy)
    let answered = loop.makePromise(of: Bool.self)
    loop.execute { [loop] in
      requests.connect(on: loop).assumeIsolated().whenComplete { result in
        guard case .success(let connection) = result else { return answered.succeed(false) }
        let limit = loop.assumeIsolated().scheduleTask(
          in: TimeAmount(DiagnosticLink.answerLimit)
        ) {
          connection.close()
        }
        requests.send(.down(session: "diagnose"), over: connection).assumeIsolated()
          .whenComplete { result in
            limit.cancel()
            connection.close()
            answered.succeed(Self.isBroker(try? result.get()))
          }
      }
    }
    return (try? await answered.futureResult.get()) ?? false
  }

  /// A page of a box in between does not have the broker's word for it.
  private static func isBroker(_ reply: HTTPReply?) -> Bool {
    guard let reply, reply.status == 404 else { return false }
    return String(buffer: reply.body).contains("sessionUnknown")
  }
}
