import HTTPTypes
import Hummingbird

/// Which methods there are for a path, for telling 405 from 404 (RFC 9110 §15.5.6).
struct MethodTable: Sendable {
  private struct Entry {
    var parts: [Substring]
    var method: HTTPRequest.Method
  }

  private let entries: [Entry]

  /// Of a router with all of its routes.
  init(_ router: Router<BrokerRequestContext>) {
    entries = router.routes.map { route in
      Entry(parts: route.path.description.split(separator: "/"), method: route.method)
    }
  }

  /// The methods of the routes that lead to a path, each once, in the order of the alphabet.
  func methods(of path: String) -> [String] {
    let parts = path.split(separator: "/")
    let fitting = entries.filter { entry in
      entry.parts.count == parts.count
        && zip(entry.parts, parts).allSatisfy { $0.hasPrefix(":") || $0.hasPrefix("{") || $0 == $1 }
    }
    return Set(fitting.map(\.method.rawValue)).sorted()
  }
}

/// Answers 405 with `Allow` where a path is served by other methods only.
struct MethodCheck<Inner: HTTPResponder>: HTTPResponder
where Inner.Context == BrokerRequestContext {
  let inner: Inner
  let table: MethodTable
  /// What is answered here has not gone through the router.
  let crossOrigin: CrossOriginMiddleware<BrokerRequestContext>

  @concurrent func respond(
    to request: Request, context: BrokerRequestContext
  ) async throws -> Response {
    let response = try await inner.respond(to: request, context: context)
    guard response.status == .notFound else { return response }
    let methods = table.methods(of: request.uri.path)
    guard !methods.isEmpty, !methods.contains(request.method.rawValue) else { return response }
    var refusal = Problem(
      status: .methodNotAllowed, code: "methodNotAllowed",
      detail: "This path takes \(MethodCheck.words(methods)) only."
    ).response
    refusal.headers[.allow] = methods.joined(separator: ", ")
    crossOrigin.admit(request, to: &refusal)
    return refusal
  }

  /// `GET`, `GET and HEAD`, `DELETE, GET and HEAD`.
  private static func words(_ methods: [String]) -> String {
    guard let last = methods.last, methods.count > 1 else { return methods.joined() }
    return "\(methods.dropLast().joined(separator: ", ")) and \(last)"
  }
}
