package import BrokerCore
import NIOCore

/// What a broker runs with; checked before it gets here.
package struct BrokerConfiguration: Sendable {
  /// How outgoing messages are compressed.
  package struct Compression: Sendable {
    /// zlib's level, 1…9.
    package var level: Int
    /// log2 of the window in bytes, 9…15.
    package var windowBits: Int

    /// Names both.
    package init(level: Int, windowBits: Int) {
      self.level = level
      self.windowBits = windowBits
    }
  }

  /// Where the one port listens.
  package var listen: ListenAddress
  /// The store's folder.
  package var stateFolder: String
  /// Connections held at once.
  package var maxConnections = 15_000
  /// How long a connection may take to send its first request.
  package var requestTimeout: Duration = .seconds(10)
  /// What device links are promised and asked.
  package var devices = DeviceSession.Policy()
  /// How many devices are let in, and when they are told to come back.
  package var admission = Admission.Policy()
  /// Nil where permessage-deflate is declined.
  package var compression: Compression? = Compression(level: 1, windowBits: 10)
  /// How packs are grouped and bounded on their way to the store.
  package var ingest = IngestPipeline.Configuration()
  /// How long commands wait and run.
  package var commands = CommandDesk.Policy()
  /// How long the store keeps what.
  package var kept = StoreLimits()
  /// How long a link may take to finish its closing handshake.
  package var closeTimeout: Duration = .seconds(3)
  /// How widely agents told of a stop are spread when they come back, at least: a large fleet is
  /// spread so that half of `admission.arrivalsPerSecond` come in a second.
  package var reconnectSpread: Duration = .seconds(5)

  /// Origins whose pages may use the broker beside its own: `https://HOST`, with a port where it is not
  /// the usual one.
  package var allowedOrigins: Set<String> = []

  /// The defaults above, at an address and with a folder.
  package init(listen: ListenAddress, stateFolder: String) {
    self.listen = listen
    self.stateFolder = stateFolder
  }
}

/// `ADDRESS:PORT`, the address a literal or `localhost`.
package struct ListenAddress: Hashable, Sendable, CustomStringConvertible {
  /// Without brackets.
  package var host: String
  /// 0 picks a free one.
  package var port: Int

  /// Reads `127.0.0.1:8080`, `[::1]:0`, `localhost:80`; nil for anything else, names among it.
  package init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"),
      let port = UInt16(text[text.index(after: colon)...])
    else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
      guard host.contains(":") else { return nil }
    } else if host.contains(":") {
      return nil
    }
    guard host == "localhost" || (try? SocketAddress(ipAddress: String(host), port: 0)) != nil
    else { return nil }
    self.host = String(host)
    self.port = Int(port)
  }

  /// Whether only this machine reaches it.
  package var isLoopback: Bool { HostCheck.isLoopback(host.contains(":") ? "[\(host)]" : host) }

  /// As it was read.
  package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
