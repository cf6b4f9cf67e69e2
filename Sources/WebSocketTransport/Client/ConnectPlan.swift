import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix

extension HandshakeError {
  /// An error of connecting, or of what came after, in words for people.
  package static func words(for error: any Error) -> String {
    switch error {
    case is NIOConnectionError, is IOError: "\(ConnectPlan.failure(error, toProxy: false))"
    case ChannelError.connectTimeout: "\(HandshakeError.timedOut(.connect))"
    default: "\(error)"
    }
  }
}

/// All there is to know for one attempt.
struct ConnectPlan {
  var url: WebSocketURL
  var shared: SharedConfiguration
  var tls: ClientTLS?
  var proxy: ProxyEndpoint?
  var headers: HTTPHeaders
  var subprotocols: [String]

  /// Throws where no proxy can be told, or no trust roots read.
  init(
    url: WebSocketURL, shared: SharedConfiguration, tls: ClientTLS?, proxy: ProxyPolicy,
    headers: HTTPHeaders = [:], subprotocols: [String] = []
  ) throws(HandshakeError) {
    self.url = url
    self.shared = shared
    if url.isSecure {
      if let tls { self.tls = tls } else { self.tls = try ClientTLS() }
    }
    self.proxy = try proxy.proxy(for: url)
    self.headers = headers
    self.subprotocols = subprotocols
  }

  /// What an error of NIO's bootstrap comes down to.
  static func failure(_ error: any Error, toProxy: Bool) -> HandshakeError {
    if let error = error as? NIOConnectionError {
      let errors = error.connectionErrors.map(\.error)
      if errors.isEmpty { return .connect(.nameNotFound, toProxy: toProxy) }
      // A refusal shows that somebody is there, which says more than a missing route.
      let codes = errors.compactMap { ($0 as? IOError)?.errnoCode }
      if codes.contains(ECONNREFUSED) { return .connect(.refused, toProxy: toProxy) }
      if let code = codes.first { return failure(errno: code, toProxy: toProxy) }
      return .timedOut(.connect)
    }
    if let code = (error as? IOError)?.errnoCode { return failure(errno: code, toProxy: toProxy) }
    return .timedOut(.connect)
  }

  private static func failure(errno code: Int32, toProxy: Bool) -> HandshakeError {
    switch code {
    case ECONNREFUSED: .connect(.refused, toProxy: toProxy)
    case ENETUNREACH, EHOSTUNREACH: .connect(.unreachable, toProxy: toProxy)
    case ETIMEDOUT: .timedOut(.connect)
    default: .connect(.errno(code), toProxy: toProxy)
    }
  }
}
