import Foundation
import TestSupport

/// Something that stands between an agent and its broker: how it is started, and what it does to
/// links that pass through it.
struct MiddleBox: Sendable, CustomStringConvertible {
  /// What the box does to a link.
  enum Fault: Sendable, Hashable {
    /// It ends a link that was silent for so long, with a FIN or RST.
    case cutsIdle(seconds: Double)
    /// It forgets a link that was silent for so long and says nothing.
    case forgetsIdle(seconds: Double)
    /// It ends every link at this age.
    case cutsAge(seconds: Double)
    /// No WebSocket passes; ordinary requests do. How it is diagnosed.
    case blocksWebSocket(String)
    /// Nothing passes. How it is diagnosed, and how `diagnose` ends.
    case refuses(String, Int32)
    /// It loses every packet for so long, once.
    case losesAll(seconds: Double)
    /// Nothing: it is in the way, and works.
    case none
  }

  /// The way through a started box.
  struct Route: Sendable {
    /// The broker's address as the agent has to call it.
    var broker: String
    /// The agent's further options.
    var options: [String] = []
    /// What only the environment may hold.
    var environment: [String: String] = [:]
    /// The network the agent lives in; nil for this machine's own.
    var network: NATNetwork?
  }

  var description: String
  var fault: Fault
  /// Whether the trial ends within 20 s, so that it runs every time.
  var isFast = false
  var start: @Sendable (Workspace, BrokerRun) async throws -> Route

  /// The silence, in seconds, that the box lets no link survive.
  var idleLimit: Double? {
    switch fault {
    case .cutsIdle(let seconds), .forgetsIdle(let seconds): seconds
    case .cutsAge, .blocksWebSocket, .refuses, .losesAll, .none: nil
    }
  }
}

extension MiddleBox {
  /// Every box of the evidence. Limits are whole seconds, since the boxes' own settings are.
  static let all: [MiddleBox] =
    [
      nginx(seconds: 3, isFast: true), nginx(seconds: 5), nginx(seconds: 30),
      haproxy(seconds: 3), apache(seconds: 4),
      squid(seconds: 3, isFast: true), squidWithoutAuthentication(seconds: 6),
      tinyproxy(seconds: 4), tinyproxyWithoutAuthentication(seconds: 6),
      nat(seconds: 3), nat(seconds: 8), outage(seconds: 125),
      middlebox(.cutsAge(seconds: 10), mode: "lifetime"),
      middlebox(.none, mode: "pass"),
      middlebox(.blocksWebSocket("upgrade-stripped"), mode: "strip", isFast: true),
      middlebox(.blocksWebSocket("frames-swallowed"), mode: "swallow", isFast: true),
    ]

  /// Boxes that let no link through: what is wrong is all there is to find out.
  static let closed: [MiddleBox] = [
    MiddleBox(
      description: "Squid that wants other credentials", fault: .refuses("proxy-407", 77)
    ) { workspace, broker in
      var route = try await workspace.startSquidBox(
        to: broker.port, limit: 60, credentials: .forTests)
      route.environment["HAWSER_AGENT_PROXY_PASSWORD"] = "wrong"
      return route
    },
    MiddleBox(
      description: "Squid that allows another port alone", fault: .refuses("proxy-refused", 69)
    ) { workspace, _ in
      var route = try await workspace.startSquidBox(to: 443, limit: 60, credentials: nil)
      route.broker = "http://127.0.0.1:444"
      return route
    },
    MiddleBox(
      description: "nginx with a certificate of an unknown authority",
      fault: .refuses("tls-intercepted", 76)
    ) { workspace, broker in
      var route = try await workspace.startNginxBox(before: broker.port, limit: 60)
      route.options = []
      return route
    },
    MiddleBox(
      description: "nginx whose broker is gone", fault: .refuses("refused-502", 75)
    ) { workspace, _ in
      try await workspace.startNginxBox(before: try FreePort.pick(), limit: 60)
    },
    MiddleBox(description: "a port that nobody listens at", fault: .refuses("port-closed", 69)) {
      _, _ in MiddleBox.Route(broker: "http://127.0.0.1:\(try FreePort.pick())")
    },
    MiddleBox(description: "a name that does not exist", fault: .refuses("dns", 68)) { _, _ in
      MiddleBox.Route(broker: "http://broker.invalid")
    },
  ]

  /// Those that run every time.
  static let fast = all.filter(\.isFast)
}

extension MiddleBox {
  private static func nginx(seconds: Int, isFast: Bool = false) -> MiddleBox {
    MiddleBox(
      description: "nginx, proxy_read_timeout \(seconds) s",
      fault: .cutsIdle(seconds: Double(seconds)), isFast: isFast
    ) { workspace, broker in
      try await workspace.startNginxBox(before: broker.port, limit: seconds)
    }
  }

  private static func haproxy(seconds: Int) -> MiddleBox {
    MiddleBox(
      description: "HAProxy, timeout tunnel \(seconds) s",
      fault: .cutsIdle(seconds: Double(seconds))
    ) { workspace, broker in
      try await workspace.startHAProxyBox(before: broker.port, limit: seconds)
    }
  }

  private static func apache(seconds: Int) -> MiddleBox {
    MiddleBox(
      description: "Apache, ProxyTimeout \(seconds) s", fault: .cutsIdle(seconds: Double(seconds))
    ) { workspace, broker in
      try await workspace.startApacheBox(before: broker.port, limit: seconds)
    }
  }

  private static func squid(seconds: Int, isFast: Bool = false) -> MiddleBox {
    MiddleBox(
      description: "Squid with Basic authentication, read_timeout \(seconds) s",
      fault: .cutsIdle(seconds: Double(seconds)), isFast: isFast
    ) { workspace, broker in
      try await workspace.startSquidBox(
        to: broker.port, limit: seconds, credentials: .forTests)
    }
  }

  private static func squidWithoutAuthentication(seconds: Int) -> MiddleBox {
    MiddleBox(
      description: "Squid, read_timeout \(seconds) s", fault: .cutsIdle(seconds: Double(seconds))
    ) { workspace, broker in
      try await workspace.startSquidBox(to: broker.port, limit: seconds, credentials: nil)
    }
  }

  private static func tinyproxy(seconds: Int) -> MiddleBox {
    MiddleBox(
      description: "tinyproxy with Basic authentication, Timeout \(seconds) s",
      fault: .cutsIdle(seconds: Double(seconds))
    ) { workspace, broker in
      try await workspace.startTinyproxyBox(
        to: broker.port, limit: seconds, credentials: .forTests)
    }
  }

  private static func tinyproxyWithoutAuthentication(seconds: Int) -> MiddleBox {
    MiddleBox(
      description: "tinyproxy, Timeout \(seconds) s", fault: .cutsIdle(seconds: Double(seconds))
    ) { workspace, broker in
      try await workspace.startTinyproxyBox(to: broker.port, limit: seconds, credentials: nil)
    }
  }

  private static func nat(seconds: Int) -> MiddleBox {
    MiddleBox(
      description: "NAT that forgets after \(seconds) s",
      fault: .forgetsIdle(seconds: Double(seconds))
    ) { workspace, broker in
      try await workspace.startNATBox(before: broker.port, limit: seconds)
    }
  }

  private static func outage(seconds: Int) -> MiddleBox {
    MiddleBox(
      description: "NAT that loses every packet for \(seconds) s",
      fault: .losesAll(seconds: Double(seconds))
    ) { workspace, broker in
      try await workspace.startNATBox(before: broker.port, limit: 3600)
    }
  }

  private static func middlebox(_ fault: Fault, mode: String, isFast: Bool = false) -> MiddleBox {
    let what =
      switch mode {
      case "strip": "a proxy that strips the upgrade"
      case "swallow": "a proxy that answers 101 and swallows frames"
      case "lifetime": "a proxy that cuts every connection after 10 s"
      default: "a proxy that does nothing"
      }
    return MiddleBox(description: what, fault: fault, isFast: isFast) { workspace, broker in
      try await workspace.startMiddlebox(mode, before: broker.port, fault: fault)
    }
  }
}

/// User name and password for a proxy.
struct ProxyCredentials: Sendable {
  var user: String
  var password: String

  /// With characters that Basic authentication must carry as they are.
  static let forTests = ProxyCredentials(user: "agents", password: "s3cret-Pass.word")
}
