import ArgumentParser
import Glibc
import NIOCore
import WebSocketTransport

/// `hawser echo`: the production WebSocket pipeline with nothing behind it, for conformance suites,
/// other implementations and proxies to be tried against.
struct EchoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "echo",
    abstract: "Send every WebSocket message back to where it came from.",
    discussion: """
      With --port an endpoint that takes any path, and prints one line with its address when it is \
      ready. With --url a client that answers until the server closes; with --agent as well it \
      walks through the cases of a conformance suite (getCaseCount, runCase, updateReports).

      Nothing is limited as it would be in a broker: messages of 16 MiB in any number of frames are \
      echoed, and there is no authentication. It listens on the loopback interface unless told \
      otherwise.
      """)

  @Option(help: "Serve at this port; 0 picks a free one.")
  var port: UInt16?

  @Option(help: "The address to serve at.")
  var address = "127.0.0.1"

  @Option(help: "Serve wss with the certificate chain in this PEM file.")
  var tls: String?

  @Option(help: "The private key to it, a PEM file.")
  var key: String?

  @Option(help: "Connect to this ws or wss address instead of serving.")
  var url: String?

  @Option(help: "Walk through a conformance suite's cases under this name.")
  var agent: String?

  @Option(help: "Trust the authorities in this PEM file too.")
  var ca: String?

  @Flag(help: "Connect by the proxy that http_proxy, https_proxy and no_proxy name.")
  var proxyFromEnvironment = false

  @OptionGroup(title: "Compression") var compression: EchoCompression

  func validate() throws {
    guard (port == nil) != (url == nil) else {
      throw ValidationError("Give either --port, to serve, or --url, to connect.")
    }
    guard (tls == nil) == (key == nil) else {
      throw ValidationError("--tls and --key go together.")
    }
    if let url, WebSocketURL(url) == nil {
      throw ValidationError("--url has to be a ws:// or wss:// address: \(url)")
    }
    guard agent == nil || url != nil else { throw ValidationError("--agent goes with --url.") }
    if let agent, !agent.utf8.allSatisfy({ HTTPToken.allows($0) && $0 != UInt8(ascii: "&") }) {
      throw ValidationError("--agent has to be a name without blanks.")
    }
  }

  func run() async throws {
    let shared = SharedConfiguration(configuration)
    if let port {
      try await serve(at: port, shared)
    } else if let text = url, let url = WebSocketURL(text) {
      try await connect(to: url, text, shared)
    }
  }

  /// The production configuration with the limits that conformance suites need.
  private var configuration: WebSocketConfiguration {
    var configuration = WebSocketConfiguration()
    configuration.maxMessageBytes = 16 << 20
    configuration.maxFrameBytes = 16 << 20
    configuration.maxFragments = 1 << 20
    // An echo waits whole while the next message arrives.
    configuration.maxBufferedBytes = 64 << 20
    configuration.compression = compression.settings(as: port == nil ? .client : .server)
    return configuration
  }
}

/// What is negotiated of permessage-deflate, to try every variant.
struct EchoCompression: ParsableArguments {
  @Flag(help: "Neither offer nor accept permessage-deflate.")
  var noCompression = false

  @Flag(help: "Agree on client_no_context_takeover: answered by the server, offered by the client.")
  var noClientTakeover = false

  @Flag(help: "Agree on server_no_context_takeover: answered by the server, offered by the client.")
  var noServerTakeover = false

  @Flag(help: "As a client: do not offer server_max_window_bits.")
  var noServerWindowOffer = false

  @Option(help: "The largest window to compress with, in bits (8 to 15).")
  var windowBits: Int?

  @Option(help: "The window to ask the peer to keep to, in bits (8 to 15).")
  var peerWindowBits: Int?

  @Option(help: "Plaintext of earlier messages to compress against, in bytes.")
  var historyBytes: Int?

  @Option(help: "zlib's level, 1 to 9.")
  var level: Int?

  /// What one side wants: takeover is named by the wire's sides above, by this side and its peer here.
  func settings(as role: WebSocketRole) -> DeflateSettings? {
    guard !noCompression else { return nil }
    var settings = DeflateSettings()
    settings.contextTakeover = !(role == .server ? noServerTakeover : noClientTakeover)
    settings.peerContextTakeover = !(role == .server ? noClientTakeover : noServerTakeover)
    settings.offersPeerWindowBits = !noServerWindowOffer
    if let windowBits { settings.windowBits = windowBits }
    if let peerWindowBits { settings.peerWindowBits = peerWindowBits }
    if let historyBytes { settings.historyBytes = historyBytes }
    if let level { settings.level = level }
    return settings
  }

  func validate() throws {
    for bits in [windowBits, peerWindowBits].compactMap(\.self) where !(8...15 ~= bits) {
      throw ValidationError("A window has 8 to 15 bits, not \(bits).")
    }
    if let level, !(1...9 ~= level) { throw ValidationError("A level is 1 to 9, not \(level).") }
    if let historyBytes, !(0...32_768 ~= historyBytes) {
      throw ValidationError("A history has 0 to 32768 bytes, not \(historyBytes).")
    }
  }
}
