import Glibc

/// What is wrong with the path to the broker, in words for the one who installs a device.
struct PathFault: Hashable, Sendable {
  /// A stable word; the agent's log calls the same fault so.
  let code: String
  /// What is wrong, in one sentence.
  let text: String
  /// What to do about it.
  let remedy: String
  /// How the program ends, as sysexits(3) has it.
  let exitCode: Int32

  init(_ code: String, _ exitCode: Int32, _ text: String, _ remedy: String) {
    self.code = code
    self.text = text
    self.remedy = remedy
    self.exitCode = exitCode
  }
}

extension PathFault {
  /// The same where ordinary requests get through, which agents then send by themselves.
  var bypassed: PathFault {
    PathFault(
      code, EX_OK, text,
      """
      Nothing has to be done: agents send plain requests by themselves, which get through, at more \
      bytes and wake-ups than a WebSocket. To do better: \(remedy)
      """)
  }
}

/// The places that a path leads through, as sentences call them.
struct PathPlaces: Hashable, Sendable {
  /// The broker's name or address.
  var host: String
  /// Host and port of the broker.
  var broker: String
  /// Host and port of the proxy; nil without one.
  var proxy: String?
  /// Whether a user name is sent to the proxy.
  var hasProxyUser = false
  /// Whether this machine knows the date, by which certificates are checked.
  var isClockSet = true

  /// Where TCP leads.
  var firstHop: String { proxy ?? broker }
}

extension PathFault {
  /// Nothing that is sent behind the upgrade comes out at the other end.
  static func framesSwallowed(_ places: PathPlaces) -> PathFault {
    PathFault(
      "frames-swallowed", EX_UNAVAILABLE,
      """
      \(places.broker) seems to accept the WebSocket, but nothing sent over it arrives: something \
      on the way answers in the broker's name and swallows what follows.
      """,
      """
      Use wss:// on port 443, which a box on the way cannot look into; or have this connection \
      exempted from its inspection of HTTP.
      """)
  }

  /// Compressed messages do not get through, plain ones do.
  static let compressionBroken = PathFault(
    "compression-broken", EX_OK,
    "Compressed messages do not get through, plain ones do: something on the way breaks them.",
    """
    Nothing has to be done: agents change to plain messages by themselves, at about five times the \
    bytes. Setting link.compression to false spares them the attempts.
    """)

  /// A link that is silent is ended.
  static func idleCut(afterSeconds silence: Double) -> PathFault {
    let silence = PathFault.seconds(silence)
    return PathFault(
      "idle-cut", EX_OK,
      "Something on the way ends connections that are silent for \(silence).",
      """
      Nothing has to be done: agents learn it and say something in time. To spare the traffic, \
      raise the limit of the proxy in between (nginx: proxy_read_timeout, HAProxy: timeout tunnel, \
      Apache: ProxyTimeout, Squid: read_timeout, tinyproxy: Timeout) over 300 s.
      """)
  }

  /// A link that is silent is forgotten without a word.
  static func idleForgotten(survivedSeconds: Double?, lostSeconds: Double) -> PathFault {
    let survived = survivedSeconds.map { "; \(seconds($0)) of silence do no harm" } ?? ""
    return PathFault(
      "idle-forgotten", EX_OK,
      """
      Something on the way forgets connections that are silent for \(seconds(lostSeconds)), and \
      tells nobody\(survived): a NAT or a firewall with a short memory.
      """,
      """
      Nothing has to be done: agents learn it and say something in time. To spare the traffic, \
      raise the limit for established TCP connections in the router or firewall.
      """)
  }

  /// A link is ended at an age, whatever it carries.
  static func lifetimeCut(seconds age: Double) -> PathFault {
    PathFault(
      "lifetime-cut", EX_OK,
      """
      Something on the way ends every connection when it is \(seconds(age)) old, whatever it \
      carries.
      """,
      """
      Nothing has to be done: agents learn it and move to a new connection before. To spare that, \
      raise the limit (Squid: client_lifetime; load balancers call it maximum duration).
      """)
  }

  /// Links die for no reason that this shows.
  static func unsteady(seconds age: Double) -> PathFault {
    PathFault(
      "unsteady", EX_TEMPFAIL,
      """
      A connection in use and a silent one beside it both fell silent \(seconds(age)) after they \
      were made: the network lost everything for a while.
      """,
      "Look at the network itself (reception, cable, load), and run this again.")
  }

  /// Seconds as people write them.
  static func seconds(_ value: Double) -> String {
    let tenths = (value * 10).rounded() / 10
    return tenths == tenths.rounded() ? "\(Int(tenths)) s" : "\(tenths) s"
  }
}
