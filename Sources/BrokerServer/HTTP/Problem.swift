import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import TelemetryModel

/// An error answer as RFC 9457 describes it; names the parameter at fault where one is.
struct Problem: Error, HTTPResponseError {
  var status: HTTPResponse.Status
  /// A stable word for programs.
  var code: String
  /// One sentence for people.
  var detail: String
  /// The query parameter, path part or body member at fault.
  var field: String?

  static func badRequest(_ field: String, _ detail: String) -> Problem {
    Problem(status: .badRequest, code: "invalidParameter", detail: detail, field: field)
  }

  static func notFound(_ detail: String) -> Problem {
    Problem(status: .notFound, code: "notFound", detail: detail)
  }

  static let storeUnavailable = Problem(
    status: .serviceUnavailable, code: "storeUnavailable",
    detail: "The store cannot be read at the moment; see /readyz.")

  var response: Response {
    var writer = JSONWriter()
    writer.object { json in
      json.key("type")
      json.write("about:blank")
      json.key("title")
      json.write(status.reasonPhrase)
      json.key("status")
      json.write(status.code)
      json.key("code")
      json.write(code)
      json.key("detail")
      json.write(detail)
      if let field {
        json.key("field")
        json.write(field)
      }
    }
    return Response(
      status: status, headers: [.contentType: "application/problem+json"],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: writer.bytes)))
  }

  func response(from request: Request, context: some RequestContext) throws -> Response {
    response
  }
}

extension Response {
  /// An answer whose body is written straight as JSON.
  static func json(
    status: HTTPResponse.Status = .ok, _ body: (inout JSONWriter) -> Void
  ) -> Response {
    var writer = JSONWriter()
    body(&writer)
    return Response(
      status: status,
      headers: [.contentType: "application/json", .cacheControl: "no-store"],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: writer.bytes)))
  }

  static func text(_ text: String, type: String) -> Response {
    Response(
      status: .ok, headers: [.contentType: type, .cacheControl: "no-store"],
      body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
  }
}

/// Turns whatever a route throws into a problem document, so that no error leaves without a body.
struct ProblemMiddleware<Context: RequestContext>: RouterMiddleware {
  @concurrent func handle(
    _ request: Request, context: Context,
    next: @concurrent (Request, Context) async throws -> Response
  ) async throws -> Response {
    do {
      return try await next(request, context)
    } catch let problem as Problem {
      return problem.response
    } catch let error as HTTPError {
      return Problem(
        status: error.status, code: "http\(error.status.code)",
        detail: error.body ?? error.status.reasonPhrase
      ).response
    } catch let error as any HTTPResponseError {
      return Problem(
        status: error.status, code: "http\(error.status.code)", detail: error.status.reasonPhrase
      ).response
    } catch {
      context.logger.error("Request failed", metadata: ["error": "\(error)"])
      return Problem(
        status: .internalServerError, code: "internal", detail: "The broker failed on this request."
      ).response
    }
  }
}
