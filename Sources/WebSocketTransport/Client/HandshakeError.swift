package import NIOHTTP1

/// Why a client has no connection. Each case is something another remedy is for; none carries a
/// credential, a token or a query.
package enum HandshakeError: Error, Equatable, Sendable, CustomStringConvertible {
  /// How far an attempt had come.
  package enum Step: String, Sendable {
    /// Looking the name up, and TCP (to the proxy, where there is one).
    case connect
    /// The proxy's answer to CONNECT.
    case proxy
    /// The TLS handshake.
    case tls
    /// The server's answer to the WebSocket request.
    case upgrade
  }

  /// Why there is no TCP connection.
  package enum ConnectFailure: Equatable, Sendable {
    /// The name has no address, or no name server answers.
    case nameNotFound
    /// Somebody is there and listens not.
    case refused
    /// No route to host or network.
    case unreachable
    /// Any other errno.
    case errno(Int32)
  }

  /// Why there is no TLS session.
  package enum TLSFailure: String, Equatable, Sendable {
    /// No trusted authority vouches for the certificate, or it is not valid now: a wrong clock, or
    /// somebody in between.
    case certificateNotTrusted = "certificate not trusted"
    /// The certificate is for another name.
    case wrongName = "certificate for another name"
    /// What answers does not speak TLS.
    case notTLS = "peer does not speak TLS"
    /// The trust roots could not be read.
    case unusableTrustRoots = "trust roots cannot be read"
    /// Anything else, a version or cipher not shared above all.
    case handshake = "handshake failed"
  }

  /// No TCP connection; `toProxy` says to whom.
  case connect(ConnectFailure, toProxy: Bool)
  /// No TLS session.
  case tls(TLSFailure)
  /// The proxy answered CONNECT with another status than 2xx; 407 asks for (other) credentials.
  case proxyRefused(status: Int)
  /// The proxy's answer is not HTTP.
  case proxyAnswerMalformed
  /// The named environment variable holds no usable proxy.
  case unusableProxy(variable: String)
  /// The server answered the request with an HTTP status; `bodyPrefix` is at most 1 KB.
  case status(Int, headers: HTTPHeaders, bodyPrefix: String)
  /// Something in between took the upgrade away: the answer is that to an ordinary request.
  case upgradeStripped(status: Int)
  /// `Sec-WebSocket-Accept` does not fit the key: not a WebSocket server, or a cache in between.
  case badAccept
  /// The server chose a subprotocol that was not offered, or none.
  case badSubprotocol
  /// The server's extensions answer no offer.
  case badExtensions(DeflateNegotiation.NegotiationError)
  /// The server's answer is not HTTP.
  case answerMalformed
  /// The head of the proxy's or server's answer is longer than allowed.
  case headTooLarge(Step, limitBytes: Int)
  /// The connection ended within this step.
  case dropped(Step)
  /// The deadline came within this step.
  case timedOut(Step)

  /// One sentence for logs and people.
  package var description: String {
    switch self {
    case .connect(.nameNotFound, let toProxy): "\(Self.whose(toProxy)) name was not found"
    case .connect(.refused, let toProxy): "\(Self.whose(toProxy)) port refused the connection"
    case .connect(.unreachable, let toProxy): "\(Self.whose(toProxy)) address is unreachable"
    case .connect(.errno(let code), let toProxy):
      "\(Self.whose(toProxy)) address: connecting failed, errno \(code)"
    case .tls(let failure): "TLS: \(failure.rawValue)"
    case .proxyRefused(407): "the proxy wants (other) credentials (407)"
    case .proxyRefused(let status): "the proxy refused the tunnel (\(status))"
    case .proxyAnswerMalformed: "the proxy does not answer in HTTP"
    case .unusableProxy(let variable): "the variable \(variable) names no usable proxy"
    case .status(let code, _, _): "the server answered with HTTP status \(code)"
    case .upgradeStripped(let status):
      "the upgrade was lost on the way (answered with HTTP status \(status))"
    case .badAccept: "the server's Sec-WebSocket-Accept is wrong"
    case .badSubprotocol: "the server chose no subprotocol that was offered"
    case .badExtensions(let error): "the server answered \(error.rawValue)"
    case .answerMalformed: "the server does not answer in HTTP"
    case .headTooLarge(let step, let limit):
      "the answer's head in step \(step.rawValue) is over \(limit) bytes"
    case .dropped(let step): "the connection ended during step \(step.rawValue)"
    case .timedOut(let step): "the deadline came during step \(step.rawValue)"
    }
  }

  private static func whose(_ toProxy: Bool) -> String {
    toProxy ? "the proxy's" : "the server's"
  }
}
