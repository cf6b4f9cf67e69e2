import Foundation
import TestSupport

/// What a peer writes in the end.
struct InteropReport: Decodable {
  var echoed: Int
  var deflate: String?
  var code: Int
}

/// A foreign implementation with its driver in `Peers`.
struct InteropPeer: Sendable, CustomStringConvertible {
  /// How its driver is started.
  enum Driver: Sendable {
    case python(String)
    case node
    case java
    case libwebsockets(offersCompression: Bool)
  }

  var description: String
  var driver: Driver
  var compresses = true
  /// How many messages its driver has; one that leaves some out says so in its file.
  var leastMessages = 239

  static let websockets = InteropPeer(
    description: "Python websockets", driver: .python("interop_websockets.py"))
  static let wsproto = InteropPeer(
    description: "Python wsproto", driver: .python("interop_wsproto.py"))
  static let node = InteropPeer(description: "Node ws", driver: .node)
  static let java = InteropPeer(
    description: "java.net.http", driver: .java, compresses: false, leastMessages: 226)
  static let libwebsockets = InteropPeer(
    description: "libwebsockets", driver: .libwebsockets(offersCompression: true),
    leastMessages: 211)
  static let libwebsocketsPlain = InteropPeer(
    description: "libwebsockets without compression",
    driver: .libwebsockets(offersCompression: false), compresses: false, leastMessages: 224)

  static let clients = [websockets, wsproto, node, java, libwebsockets, libwebsocketsPlain]
  static let servers = [websockets, wsproto, node, libwebsockets]

  static let folder = Checkout.root.appending(path: "Tests/EndToEndTests/Peers")

  /// A program that `config/test.sh` sees to.
  static func tool(_ name: String) throws -> URL {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    for folder in folders + ["/usr/sbin"] {
      let program = URL(filePath: "\(folder)/\(name)")
      if FileManager.default.isExecutableFile(atPath: program.path) { return program }
    }
    throw TestFailure("no \(name): run config/test.sh once, it installs what the tests need")
  }
}

/// A `hawser echo` that serves.
struct EchoRun {
  var run: ProgramRun
  var address: String
  var port: Int
}

extension ProgramRun {
  /// The port that a peer in the server's role says it listens on.
  func listeningPort() async throws -> Int {
    struct Listening: Decodable { var port: Int }
    return try await report("its port", of: Listening.self) { $0.port }
  }

  /// What a peer reports once all its messages came back.
  func finalReport() async throws -> InteropReport {
    try await report("that all came back", of: InteropReport.self, within: .seconds(60)) { $0 }
  }
}

extension Workspace {
  /// Starts `hawser echo` as a server and waits until it listens.
  func startEcho(_ options: [String] = []) async throws -> EchoRun {
    let run = try start(
      "echo-server", program: Checkout.program("hawser"), ["echo", "--port", "0"] + options)
    let line = try await run.line(containing: "hawser: echoing at ")
    guard let address = line.split(separator: " ").last.map(String.init),
      let port = URL(string: address)?.port
    else { throw TestFailure("no address in: \(line)") }
    return EchoRun(run: run, address: address, port: port)
  }

  /// Starts `hawser echo` as a client.
  func startEchoClient(to address: String, _ options: [String] = []) throws -> ProgramRun {
    try start(
      "echo-client-\(UUID().uuidString.prefix(8))", program: Checkout.program("hawser"),
      ["echo", "--url", address] + options)
  }

  /// Starts a peer: as a client of `address`, or as a server where there is none.
  func start(
    _ peer: InteropPeer, connectingTo address: String?, _ options: [String] = []
  ) async throws -> ProgramRun {
    let name = "peer-\(UUID().uuidString.prefix(8))"
    let file: (String) -> String = { InteropPeer.folder.appending(path: $0).path }
    switch peer.driver {
    case .python(let script):
      let url = address.map { ["--url", $0] } ?? []
      return try startPeer(name, script: script, url + options)
    case .node:
      let url = address.map { [$0] } ?? []
      return try start(
        name, program: InteropPeer.tool("node"), [file("interop_node.cjs")] + url,
        environment: ["NODE_PATH": "/usr/share/nodejs:/usr/share/node_modules"])
    case .java:
      return try start(
        name, program: InteropPeer.tool("java"), [file("InteropJava.java")] + [address ?? ""])
    case .libwebsockets(let offersCompression):
      let program = folder.appending(path: "interop_lws")
      // Every Swift toolchain brings this compiler.
      let compiler = try start(
        "\(name)-compiler", program: InteropPeer.tool("clang"),
        ["-O1", "-Wall", "-o", program.path, file("interop_lws.c"), "-lwebsockets"])
      guard try await compiler.end(within: .seconds(60)) == .exit(0) else {
        throw TestFailure("interop_lws.c does not compile\n\(compiler.transcript)")
      }
      let port = address.flatMap { URL(string: $0)?.port }.map { ["\($0)"] } ?? []
      let deflate = offersCompression && address != nil ? ["deflate"] : []
      return try start(name, program: program, port + deflate)
    }
  }

  /// A certificate for this machine's own names, signed by itself, and its key.
  func makeCertificate() async throws -> (chain: URL, key: URL) {
    let chain = folder.appending(path: "chain.pem")
    let key = folder.appending(path: "key.pem")
    let openssl = try start(
      "openssl", program: InteropPeer.tool("openssl"),
      [
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-days", "2", "-subj", "/CN=localhost", "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key.path, "-out", chain.path,
      ])
    guard try await openssl.end() == .exit(0) else { throw TestFailure(openssl.transcript) }
    return (chain, key)
  }

  /// Puts nginx before servers on this machine; answers with its ports for each, in their order.
  func startNginx(
    before servers: [Int], certificate: (chain: URL, key: URL)
  ) async throws -> [(plain: Int, tls: Int)] {
    let ports = try servers.map { _ in (plain: try FreePort.pick(), tls: try FreePort.pick()) }
    let blocks = zip(servers, ports).map { server, port in
      """
        server {
          listen 127.0.0.1:\(port.plain);
          listen 127.0.0.1:\(port.tls) ssl;
          ssl_certificate \(certificate.chain.path);
          ssl_certificate_key \(certificate.key.path);
          location / {
            proxy_pass http://127.0.0.1:\(server);
            proxy_http_version 1.1;
            proxy_set_header Host $host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
          }
        }
      """
    }
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map {
      "  \($0)_temp_path nginx-\($0);"
    }
    let configuration = """
      daemon off;
      master_process off;
      pid nginx.pid;
      error_log stderr;
      events {}
      http {
        access_log off;
      \(temporary.joined(separator: "\n"))
      \(blocks.joined(separator: "\n"))
      }
      """
    try Data(configuration.utf8).write(to: folder.appending(path: "nginx.conf"))
    let run = try start(
      "nginx", program: InteropPeer.tool("nginx"),
      ["-p", folder.path, "-c", "nginx.conf", "-e", "stderr"])
    for port in ports.flatMap({ [$0.plain, $0.tls] }) {
      try await waitUntil("nginx to listen on \(port)", detail: { run.transcript }) {
        FreePort.isServed(port) ? true : nil
      }
    }
    return ports
  }
}
