import AgentCore
import Glibc
import WebSocketTransport

// What is wrong where no link comes about.
extension PathFault {
  /// The fault behind an attempt to connect that failed.
  init(_ error: HandshakeError, at places: PathPlaces) {
    let code = LinkEnding(error, isClockSet: places.isClockSet).cause()
    let fault =
      switch error {
      case .connect(let failure, toProxy: _): Self.connecting(failure, places)
      case .tls(let failure): Self.tls(failure, places)
      case .proxyRefused(let status): Self.proxy(status, places)
      case .proxyAnswerMalformed, .headTooLarge(.proxy, _): Self.noProxy(places)
      case .unusableProxy(let variable): Self.unusable(variable)
      case .status(let status, _, _): Self.status(status, places)
      case .upgradeStripped(let status): Self.stripped(status, places)
      case .badAccept, .badSubprotocol, .badExtensions, .answerMalformed, .headTooLarge:
        Self.badHandshake(error, places)
      case .dropped(let step): Self.ended(step, isTimeout: false, places)
      case .timedOut(let step): Self.ended(step, isTimeout: true, places)
      }
    self = PathFault(code, fault.exitCode, fault.text, fault.remedy)
  }

  private typealias Words = (exitCode: Int32, text: String, remedy: String)

  private static func connecting(
    _ failure: HandshakeError.ConnectFailure, _ places: PathPlaces
  ) -> Words {
    let place = places.firstHop
    switch failure {
    case .nameNotFound:
      return (
        EX_NOHOST, "The name in \(place) has no address here.",
        """
        Check its spelling, and this machine's name servers (/etc/resolv.conf). Where only a proxy \
        may look names up, set proxy.address.
        """
      )
    case .refused:
      return (
        EX_UNAVAILABLE, "\(place) is there, but nothing listens at that port.",
        "Check the port, and whether the program there runs; a firewall may also answer so."
      )
    case .unreachable:
      return (
        EX_UNAVAILABLE, "This machine has no route to \(place).",
        "Check cable, Wi-Fi or SIM, this machine's address and its default gateway."
      )
    case .errno(let number):
      return (
        EX_UNAVAILABLE, "Connecting to \(place) fails: \(String(cString: strerror(number))).",
        "Check this machine's network."
      )
    }
  }

  private static func tls(_ failure: HandshakeError.TLSFailure, _ places: PathPlaces) -> Words {
    let broker = places.broker
    switch failure {
    case .certificateNotTrusted where !places.isClockSet:
      return (
        EX_TEMPFAIL,
        "This machine does not know the date, so that the certificate cannot be checked.",
        "Set the clock: have NTP (UDP port 123) allowed, or set it by hand with `date`."
      )
    case .certificateNotTrusted:
      return (
        EX_PROTOCOL,
        """
        Nobody this machine trusts vouches for the certificate of \(broker), or it has expired: \
        the broker's authority is not known here, or something on the way opens TLS connections.
        """,
        """
        For a broker with an authority of its own, or a company's box that has to look in, put the \
        authority's certificate into a file and name it in tls.caFile; else have the connection \
        exempted.
        """
      )
    case .wrongName:
      return (
        EX_PROTOCOL, "The certificate of \(broker) is for another name.",
        "Use the name that the certificate has; an address works only where it is named there."
      )
    case .notTLS:
      return (
        EX_PROTOCOL, "What answers at \(broker) does not speak TLS.",
        "Check the port; for a broker without TLS write http:// in place of https://."
      )
    case .unusableTrustRoots:
      return (
        EX_NOINPUT, "The file of trusted authorities cannot be read.",
        "Check tls.caFile, and that the package ca-certificates is installed."
      )
    case .handshake:
      return (
        EX_PROTOCOL, "\(broker) and this agent find no common way of encryption.",
        "The broker, or the box that ends TLS before it, needs TLS 1.2 or newer."
      )
    }
  }

  private static func proxy(_ status: Int, _ places: PathPlaces) -> Words {
    let proxy = places.firstHop
    switch status {
    case 407 where places.hasProxyUser:
      return (
        EX_NOPERM, "The proxy \(proxy) does not accept the user name and password (407).",
        "Check proxy.user and HAWSER_AGENT_PROXY_PASSWORD; Basic authentication has to be allowed."
      )
    case 407:
      return (
        EX_NOPERM, "The proxy \(proxy) wants a user name and a password (407).",
        "Set proxy.user, and the password in the environment: HAWSER_AGENT_PROXY_PASSWORD."
      )
    case 500...599:
      return (
        EX_UNAVAILABLE,
        "The proxy \(proxy) works, but does not reach \(places.broker) (\(status)).",
        "Check the broker's name and port; the proxy looks the name up, not this machine."
      )
    default:
      return (
        EX_UNAVAILABLE, "The proxy \(proxy) gives no tunnel to \(places.broker) (\(status)).",
        """
        Have its administrator allow CONNECT to \(places.broker). Many allow port 443 alone: the \
        broker may have to be reachable there.
        """
      )
    }
  }

  private static func noProxy(_ places: PathPlaces) -> Words {
    (
      EX_PROTOCOL, "What answers at \(places.firstHop) is no HTTP proxy.",
      "Check proxy.address, or https_proxy and http_proxy in the environment."
    )
  }

  private static func unusable(_ variable: String) -> Words {
    (
      EX_CONFIG, "The environment's \(variable) names no proxy that can be used.",
      "Write it as http://HOST:PORT, or set proxy.address."
    )
  }

  private static func status(_ status: Int, _ places: PathPlaces) -> Words {
    switch status {
    case 401, 403:
      return (
        EX_NOPERM, "\(places.broker) does not let this device in (\(status)).",
        "Check this device's name and its enrolment; a box on the way can also answer so."
      )
    case 404:
      return (
        EX_UNAVAILABLE, "What answers at \(places.broker) knows no devices (404).",
        "Check that the address is a Hawser broker's, with the path before /v1 if there is one."
      )
    case 502, 504:
      return (
        EX_TEMPFAIL, "A proxy before the broker answers, but does not reach it (\(status)).",
        "Check that the broker runs, and the address that the proxy before it has."
      )
    case 429, 503:
      return (
        EX_TEMPFAIL, "The broker is there and has no room now (\(status)).",
        "Wait; agents come back by themselves."
      )
    default:
      return (
        EX_UNAVAILABLE, "What answers at \(places.broker) refuses the link (\(status)).",
        "Check that the address is a Hawser broker's, and the boxes before it."
      )
    }
  }

  private static func stripped(_ status: Int, _ places: PathPlaces) -> Words {
    (
      EX_UNAVAILABLE,
      """
      Something on the way takes the WebSocket upgrade off the request: \(places.broker) saw an \
      ordinary one (\(status)).
      """,
      """
      In a proxy before the broker switch it on (nginx: proxy_set_header Upgrade and Connection, \
      Apache: upgrade=websocket). In a network's own box: use wss:// on port 443, which it cannot \
      look into.
      """
    )
  }

  private static func badHandshake(_ error: HandshakeError, _ places: PathPlaces) -> Words {
    (
      EX_PROTOCOL, "What answers at \(places.broker) is no broker: \(error).",
      "Check the address; a cache or an inspecting box on the way can also answer so."
    )
  }

  private static func ended(
    _ step: HandshakeError.Step, isTimeout: Bool, _ places: PathPlaces
  ) -> Words {
    let does = isTimeout ? "does not answer" : "hangs up"
    let exitCode = isTimeout ? EX_TEMPFAIL : EX_UNAVAILABLE
    switch step {
    case .connect:
      return (
        EX_TEMPFAIL, "Nothing at all comes back from \(places.firstHop): packets are lost.",
        """
        Have outgoing TCP connections to \(places.firstHop) allowed in the firewall; where the \
        network has a proxy, set proxy.address. If it worked before, the network is down: wait.
        """
      )
    case .proxy:
      return (
        exitCode, "The proxy \(places.firstHop) takes the connection and then \(does).",
        "Check proxy.address; the proxy may also be waiting for a broker that it cannot reach."
      )
    case .tls:
      return (
        exitCode, "\(places.broker) takes the connection and then \(does) when TLS begins.",
        """
        Something on the way lets no TLS through, or the port is not the broker's. Have the \
        connection exempted from inspection, or use port 443.
        """
      )
    case .upgrade:
      return (
        exitCode, "\(places.broker) takes the request for a WebSocket and then \(does).",
        """
        A box on the way breaks WebSockets, or the broker is stuck. Use wss:// on port 443, which \
        a box cannot look into, and look at the broker's /readyz.
        """
      )
    }
  }
}
