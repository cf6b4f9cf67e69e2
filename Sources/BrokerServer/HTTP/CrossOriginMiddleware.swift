import HTTPTypes
import Hummingbird

/// Lets pages of other origins use the broker, those that are configured and no others (the Fetch
/// standard's CORS protocol). Without any it is as if it were not here.
struct CrossOriginMiddleware<Context: RequestContext>: RouterMiddleware {
  /// How long a browser may remember an answer to its question beforehand, in seconds.
  private static var memorySeconds: Int { 600 }

  let check: HostCheck

  @concurrent func handle(
    _ request: Request, context: Context,
    next: @concurrent (Request, Context) async throws -> Response
  ) async throws -> Response {
    guard let origin = request.headers[.origin], check.allowedOrigins.contains(origin) else {
      return try await next(request, context)
    }
    var response: Response
    if request.method == .options, request.headers[.accessControlRequestMethod] != nil {
      response = Response(status: .noContent)
      response.headers[.accessControlAllowMethods] = "GET, POST, PATCH, DELETE"
      response.headers[.accessControlAllowHeaders] =
        "Accept, Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID"
      response.headers[.accessControlMaxAge] = "\(Self.memorySeconds)"
    } else {
      response = try await next(request, context)
    }
    admit(request, to: &response)
    return response
  }

  /// Lets the page that asked read the answer, if it may.
  func admit(_ request: Request, to response: inout Response) {
    guard let origin = request.headers[.origin], check.allowedOrigins.contains(origin) else {
      return
    }
    response.headers[.accessControlExposeHeaders] =
      "ETag, Hawser-Next, Idempotency-Replayed, Location, Retry-After"
    response.headers[.accessControlAllowOrigin] = origin
    let vary = response.headers[.vary]
    response.headers[.vary] = vary.map { "\($0), Origin" } ?? "Origin"
  }
}
