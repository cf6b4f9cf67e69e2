import HTTPTypes
import Hummingbird
import NIOHTTP1

/// Keeps other sites' pages out of a broker that has no authentication.
///
/// In open mode everyone who reaches the port is an admin, and a browser on this machine reaches it
/// on behalf of any page. So the `Host` must be a loopback name (a page that had its own name
/// resolve to 127.0.0.1 fails here), and an `Origin`, where there is one, must be the same host.
struct HostCheck: Sendable {
  /// Whether only loopback names are served.
  var loopbackOnly: Bool
  /// Other origins, `https://HOST` with a port where it is not the usual one, whose pages may use the
  /// broker.
  var allowedOrigins: Set<String> = []

  /// Why a request is refused, or nil.
  func refusal(host: String?, origin: String?) -> String? {
    if loopbackOnly, let host, !HostCheck.isLoopback(host) {
      return "An open broker answers to loopback names only, not to \(host)."
    }
    if let origin, allowedOrigins.contains(origin) { return nil }
    if let origin, origin != "null" {
      guard let host, origin == "http://\(host)" || origin == "https://\(host)" else {
        return "Pages from \(origin) may not use this broker."
      }
    } else if origin == "null" {
      return "Pages without an origin may not use this broker."
    }
    return nil
  }

  static func isLoopback(_ host: String) -> Bool {
    var name = Substring(host.lowercased())
    if name.hasPrefix("[") {
      name = name.dropFirst().prefix { $0 != "]" }
    } else if let colon = name.lastIndex(of: ":") {
      name = name[..<colon]
    }
    if name == "localhost" || name.hasSuffix(".localhost") || name == "::1" { return true }
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }
}

extension HostCheck {
  /// The same for a handshake's head.
  func refusal(_ head: HTTPRequestHead) -> String? {
    refusal(host: head.headers.first(name: "host"), origin: head.headers.first(name: "origin"))
  }
}

/// Applies the check to every request.
struct HostCheckMiddleware<Context: RequestContext>: RouterMiddleware {
  let check: HostCheck

  @concurrent func handle(
    _ request: Request, context: Context,
    next: @concurrent (Request, Context) async throws -> Response
  ) async throws -> Response {
    if let refusal = check.refusal(
      host: request.head.authority, origin: request.headers[.origin])
    {
      throw Problem(status: .forbidden, code: "forbiddenOrigin", detail: refusal)
    }
    return try await next(request, context)
  }
}
