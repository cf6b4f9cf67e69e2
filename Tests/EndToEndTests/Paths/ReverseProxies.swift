import Foundation
import TestSupport

// Proxies that stand before the broker, with the configurations of `config/proxies`.
extension Workspace {
  /// nginx with TLS, as agents meet it most.
  func startNginxBox(
    before broker: Int, limit: Int, certificate given: (chain: URL, key: URL)? = nil
  ) async throws -> MiddleBox.Route {
    let port = try FreePort.pick()
    let certificate: (chain: URL, key: URL)
    if let given { certificate = given } else { certificate = try await makeCertificate() }
    try install(
      "nginx.conf", as: "site.conf",
      [
        ("listen 443 ssl;", "listen 127.0.0.1:\(port) ssl;"),
        ("server_name broker.example;", "server_name localhost;"),
        ("/etc/ssl/certs/broker.pem", certificate.chain.path),
        ("/etc/ssl/private/broker.pem", certificate.key.path),
        ("proxy_pass http://127.0.0.1:8080;", "proxy_pass http://127.0.0.1:\(broker);"),
        ("proxy_read_timeout 300s;", "proxy_read_timeout \(limit)s;"),
      ])
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map {
      "  \($0)_temp_path nginx-\($0);"
    }
    try write(
      "nginx.conf",
      """
      daemon off;
      master_process off;
      pid nginx.pid;
      error_log stderr;
      events {}
      http {
        access_log off;
      \(temporary.joined(separator: "\n"))
        include site.conf;
      }
      """)
    let run = try start(
      "nginx", program: InteropPeer.tool("nginx"),
      ["-p", folder.path, "-c", "nginx.conf", "-e", "stderr"])
    try await listening(run, on: port)
    return MiddleBox.Route(
      broker: "https://localhost:\(port)",
      options: ["--set", "tls.caFile=\(certificate.chain.path)"])
  }

  /// HAProxy without TLS.
  func startHAProxyBox(before broker: Int, limit: Int) async throws -> MiddleBox.Route {
    let port = try FreePort.pick()
    try install(
      "haproxy.cfg", as: "haproxy.cfg",
      [
        ("bind :80", "bind 127.0.0.1:\(port)"),
        ("server broker 127.0.0.1:8080", "server broker 127.0.0.1:\(broker)"),
        ("timeout tunnel 1h", "timeout tunnel \(limit)s"),
      ])
    let run = try start(
      "haproxy", program: InteropPeer.tool("haproxy"),
      ["-db", "-f", folder.appending(path: "haproxy.cfg").path])
    try await listening(run, on: port)
    return MiddleBox.Route(broker: "http://127.0.0.1:\(port)")
  }

  /// Apache without TLS.
  func startApacheBox(before broker: Int, limit: Int) async throws -> MiddleBox.Route {
    let port = try FreePort.pick()
    try install(
      "apache.conf", as: "site.conf",
      [
        ("<VirtualHost *:80>", "<VirtualHost 127.0.0.1:\(port)>"),
        ("ServerName broker.example", "ServerName localhost"),
        ("ProxyTimeout 300", "ProxyTimeout \(limit)"), ("TimeOut 300", "TimeOut \(limit)"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:\(broker)/"),
      ])
    let modules = ["mpm_event", "authz_core", "proxy", "proxy_http", "proxy_wstunnel"].map {
      "LoadModule \($0)_module /usr/lib/apache2/modules/mod_\($0).so"
    }
    try write(
      "apache2.conf",
      """
      ServerRoot \(folder.path)
      ServerName localhost
      PidFile apache.pid
      DefaultRuntimeDir \(folder.path)
      ErrorLog /dev/stderr
      Listen 127.0.0.1:\(port)
      \(modules.joined(separator: "\n"))
      Include site.conf
      """)
    let run = try start(
      "apache", program: InteropPeer.tool("apache2"),
      ["-X", "-d", folder.path, "-f", folder.appending(path: "apache2.conf").path])
    try await listening(run, on: port)
    return MiddleBox.Route(broker: "http://127.0.0.1:\(port)")
  }

  /// One of `middlebox.py`.
  func startMiddlebox(
    _ mode: String, before broker: Int, fault: MiddleBox.Fault
  ) async throws -> MiddleBox.Route {
    var arguments = [mode, "--to", "\(broker)"]
    if case .cutsAge(let seconds) = fault { arguments += ["--seconds", "\(seconds)"] }
    let run = try startPeer("middlebox", script: "middlebox.py", arguments)
    return MiddleBox.Route(broker: "http://127.0.0.1:\(try await run.listeningPort())")
  }

  /// Copies a file of `config/proxies` into the workspace with some of its values replaced, each of
  /// which has to be there just once: the file that is tested is the one that people get.
  func install(
    _ name: String, as copy: String, _ replacements: [(value: String, by: String)]
  ) throws {
    let file = Checkout.root.appending(path: "config/proxies/\(name)")
    var text = try String(contentsOf: file, encoding: .utf8)
    for (value, replacement) in replacements {
      guard text.components(separatedBy: value).count == 2 else {
        throw TestFailure("\(file.path) does not have \(value) exactly once")
      }
      text = text.replacing(value, with: replacement)
    }
    try write(copy, text)
  }

  /// Writes a file of the workspace.
  func write(_ name: String, _ text: String) throws {
    try Data(text.utf8).write(to: folder.appending(path: name))
  }

  /// Waits until a program listens.
  func listening(_ run: ProgramRun, on port: Int) async throws {
    try await waitUntil("\(run.name) to listen on \(port)", detail: { run.transcript }) {
      if let ending = run.hasEnded {
        throw TestFailure("\(run.name) ended (\(ending))\n\(run.transcript)")
      }
      return FreePort.isServed(port) ? true : nil
    }
  }
}
