import Foundation
import Testing
import TestSupport

extension EndToEndTests {
  /// `hawser echo` and other people's WebSocket implementations, each as client and as server. The
  /// peer sends messages of all sizes, whole and in fragments, and compares what comes back.
  @Suite("Other implementations", .timeLimit(.minutes(3)))
  struct Interop {
    @Test("Their client's messages come back from Hawser's server", arguments: InteropPeer.clients)
    func theirClient(_ peer: InteropPeer) async throws {
      try await Workspace.use { workspace in
        let echo = try await workspace.startEcho()
        let report = try await workspace.start(peer, connectingTo: echo.address).finalReport()
        #expect(report.echoed >= peer.leastMessages)
        #expect(report.code == 1000)
        #expect((report.deflate != nil) == peer.compresses)
      }
    }

    @Test("Their server's messages come back from Hawser's client", arguments: InteropPeer.servers)
    func theirServer(_ peer: InteropPeer) async throws {
      try await Workspace.use { workspace in
        let server = try await workspace.start(peer, connectingTo: nil)
        let client = try workspace.startEchoClient(
          to: "ws://127.0.0.1:\(try await server.listeningPort())/")
        let report = try await server.finalReport()
        #expect(report.echoed >= peer.leastMessages)
        #expect(report.code == 1000)
        #expect((report.deflate != nil) == peer.compresses)
        #expect(try await client.end() == .exit(0), "\(client.transcript)")
      }
    }

    @Test("Every variant of compression is understood", arguments: CompressionVariant.all)
    func compression(_ variant: CompressionVariant) async throws {
      try await Workspace.use { workspace in
        let echo = try await workspace.startEcho(variant.hawser)
        let client = try await workspace.start(
          .websockets, connectingTo: echo.address, variant.peer
        ).finalReport()
        #expect(client.code == 1000)
        #expect((client.deflate != nil) == variant.compresses)

        let server = try await workspace.start(.websockets, connectingTo: nil, variant.peer)
        let hawser = try workspace.startEchoClient(
          to: "ws://127.0.0.1:\(try await server.listeningPort())/", variant.hawser)
        let report = try await server.finalReport()
        #expect(report.code == 1000)
        #expect((report.deflate != nil) == variant.compresses)
        #expect(try await hawser.end() == .exit(0), "\(hawser.transcript)")
      }
    }

    @Test("A browser's messages come back")
    func browser() async throws {
      try await Workspace.use { workspace in
        let echo = try await workspace.startEcho()
        let script = try String(
          contentsOf: InteropPeer.folder.appending(path: "interop_browser.js"), encoding: .utf8
        ).replacing("ADDRESS", with: echo.address)
        // The page is the endpoint's answer to a request without an upgrade, since a browser lets
        // only pages from a local address speak to one.
        let page = echo.address.replacing("ws://", with: "http://")
        let browser = try workspace.startPeer(
          "browser", script: "browser.py", [page, "--evaluate", script])
        struct Evaluated: Decodable { var evaluated: InteropReport? }
        let report = try await browser.report("echoes", of: Evaluated.self) { $0.evaluated }
        #expect(report.echoed == 239)
        #expect(report.code == 1000)
        #expect(report.deflate?.hasPrefix("permessage-deflate") == true)
      }
    }

    @Test("Messages pass nginx, with TLS and without, in both directions")
    func nginx() async throws {
      try await Workspace.use { workspace in
        let certificate = try await workspace.makeCertificate()
        let echo = try await workspace.startEcho()
        let server = try await workspace.start(.websockets, connectingTo: nil)
        let nginx = try await workspace.startNginx(
          before: [echo.port, try await server.listeningPort()], certificate: certificate)

        let client = try await workspace.start(
          .websockets, connectingTo: "wss://localhost:\(nginx[0].tls)/",
          ["--ca", certificate.chain.path]
        ).finalReport()
        #expect(client.echoed == 239)
        #expect(client.deflate != nil)
        let plain = try await workspace.start(
          .wsproto, connectingTo: "ws://127.0.0.1:\(nginx[0].plain)/"
        ).finalReport()
        #expect(plain.echoed == 239)

        let hawser = try workspace.startEchoClient(
          to: "wss://localhost:\(nginx[1].tls)/", ["--ca", certificate.chain.path])
        #expect(try await server.finalReport().echoed == 239)
        #expect(try await hawser.end() == .exit(0), "\(hawser.transcript)")
      }
    }

    @Test("TLS of its own, in both roles")
    func tls() async throws {
      try await Workspace.use { workspace in
        let certificate = try await workspace.makeCertificate()
        let files = ["--tls", certificate.chain.path, "--key", certificate.key.path]
        let trust = ["--ca", certificate.chain.path]
        let echo = try await workspace.startEcho(files)
        let client = try await workspace.start(
          .websockets, connectingTo: "wss://localhost:\(echo.port)/", trust
        ).finalReport()
        #expect(client.echoed == 239)

        let server = try await workspace.start(.websockets, connectingTo: nil, files)
        let port = try await server.listeningPort()
        let wary = try workspace.startEchoClient(to: "wss://localhost:\(port)/")
        #expect(try await wary.end() == .exit(69), "an unknown authority was trusted")
        #expect(wary.errors.contains("certificate not trusted"))
        let hawser = try workspace.startEchoClient(to: "wss://localhost:\(port)/", trust)
        #expect(try await server.finalReport().echoed == 239)
        #expect(try await hawser.end() == .exit(0), "\(hawser.transcript)")
      }
    }
  }
}

/// One way to agree on permessage-deflate: Hawser's options, and those of `interop_websockets.py`.
struct CompressionVariant: Sendable, CustomTestStringConvertible {
  var name: String
  var hawser: [String] = []
  var peer: [String] = []
  var compresses = true

  var testDescription: String { name }

  static let all = [
    CompressionVariant(
      name: "Hawser wants no takeover by the client", hawser: ["--no-client-takeover"]),
    CompressionVariant(
      name: "Hawser wants no takeover by the server", hawser: ["--no-server-takeover"]),
    CompressionVariant(
      name: "the peer wants no takeover at all",
      peer: ["--no-client-takeover", "--no-server-takeover"]),
    CompressionVariant(
      name: "the smallest windows", hawser: ["--window-bits", "9", "--peer-window-bits", "9"],
      peer: ["--server-bits", "9", "--client-bits", "9"]),
    CompressionVariant(
      name: "windows of different sizes", hawser: ["--peer-window-bits", "14"],
      peer: ["--server-bits", "11", "--client-bits", "13"]),
    CompressionVariant(
      name: "full windows and history",
      hawser: ["--peer-window-bits", "15", "--history-bytes", "32768", "--level", "9"]),
    CompressionVariant(
      name: "a client that does not offer to limit the server's window",
      hawser: ["--no-server-window-offer"]),
    CompressionVariant(
      name: "Hawser without compression", hawser: ["--no-compression"], compresses: false),
    CompressionVariant(
      name: "a peer without compression", peer: ["--no-compression"], compresses: false),
  ]
}
