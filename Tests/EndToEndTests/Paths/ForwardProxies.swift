import Foundation
import TestSupport

// Proxies that agents ask for tunnels, with the configurations of `config/proxies`.
extension Workspace {
  /// Squid; without credentials it lets everybody through.
  func startSquidBox(
    to broker: Int, limit: Int, credentials: ProxyCredentials?
  ) async throws -> MiddleBox.Route {
    let port = try FreePort.pick()
    var changes = [
      ("http_port 3128", "http_port 127.0.0.1:\(port)"),
      ("acl broker_port port 443", "acl broker_port port \(broker)"),
      ("read_timeout 15 minutes", "read_timeout \(limit) seconds"),
    ]
    if let credentials {
      changes.append(("/etc/squid/passwords", try await makePasswords(credentials).path))
    } else {
      changes += [
        ("auth_param basic program", "# auth_param basic program"),
        ("auth_param basic realm", "# auth_param basic realm"),
        ("acl known proxy_auth REQUIRED", "acl known src 127.0.0.1"),
      ]
    }
    try install("squid.conf", as: "proxy.conf", changes)
    // What a packaged Squid has by itself, without its files outside of the workspace.
    try write(
      "squid.conf",
      """
      include \(folder.appending(path: "proxy.conf").path)
      pid_filename none
      cache_log /dev/stderr
      access_log none
      cache deny all
      coredump_dir \(folder.path)
      shutdown_lifetime 0 seconds
      visible_hostname localhost
      """)
    // Squid gives root up for its own user, who has to read the passwords.
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o755], ofItemAtPath: folder.path)
    let run = try start(
      "squid", program: InteropPeer.tool("squid"),
      ["-N", "-n", "hawser\(port)", "-f", folder.appending(path: "squid.conf").path])
    try await listening(run, on: port)
    return route(to: broker, through: port, credentials)
  }

  /// tinyproxy; without credentials it lets everybody through.
  func startTinyproxyBox(
    to broker: Int, limit: Int, credentials: ProxyCredentials?
  ) async throws -> MiddleBox.Route {
    let port = try FreePort.pick()
    let access = credentials.map { "BasicAuth \($0.user) \($0.password)" }
    try install(
      "tinyproxy.conf", as: "tinyproxy.conf",
      [
        ("Port 8888", "Port \(port)"), ("ConnectPort 443", "ConnectPort \(broker)"),
        ("BasicAuth agents secret", access ?? "# no BasicAuth"),
        ("Timeout 600", "Timeout \(limit)"),
      ])
    let run = try start(
      "tinyproxy", program: InteropPeer.tool("tinyproxy"),
      ["-d", "-c", folder.appending(path: "tinyproxy.conf").path])
    try await listening(run, on: port)
    return route(to: broker, through: port, credentials)
  }

  private func route(
    to broker: Int, through proxy: Int, _ credentials: ProxyCredentials?
  ) -> MiddleBox.Route {
    var route = MiddleBox.Route(
      broker: "http://127.0.0.1:\(broker)",
      options: ["--set", "proxy.address=http://127.0.0.1:\(proxy)"])
    if let credentials {
      route.options += ["--set", "proxy.user=\(credentials.user)"]
      route.environment["HAWSER_AGENT_PROXY_PASSWORD"] = credentials.password
    }
    return route
  }

  /// A password file as `htpasswd` makes it.
  private func makePasswords(_ credentials: ProxyCredentials) async throws -> URL {
    let openssl = try start(
      "openssl-passwd", program: InteropPeer.tool("openssl"),
      ["passwd", "-apr1", credentials.password])
    guard try await openssl.end() == .exit(0) else { throw TestFailure(openssl.transcript) }
    try write("passwords", "\(credentials.user):\(openssl.output)")
    return folder.appending(path: "passwords")
  }
}
