import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
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

  /// Each parameter is right, but together they are not (RFC 9110 §15.5.21); `field` is one of them.
  static func contradiction(_ field: String, _ detail: String) -> Problem {
    Problem(status: .unprocessableContent, code: "contradiction", detail: detail, field: field)
  }

  static let rawGroups = Problem.contradiction(
    "groupBy", "groupBy merges windows; ask for a resolution of 1s or longer.")

  static func foreignCursor(_ name: String) -> Problem {
    badRequest(name, "\(name) is the next of an earlier answer.")
  }

  static func notFound(_ detail: String) -> Problem {
    Problem(status: .notFound, code: "notFound", detail: detail)
  }

  static let storeUnavailable = Problem(
    status: .serviceUnavailable, code: "storeUnavailable",
    detail: "The store cannot be read at the moment; see /readyz.")

  /// The media type of ``json`` (RFC 9457 §3).
  static let mediaType = "application/problem+json"

  /// The document.
  var json: [UInt8] {
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
    return writer.bytes
  }

  var response: Response {
    Response(
      status: status, headers: [.contentType: Problem.mediaType],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: json)))
  }

  func response(from request: Request, context: some RequestContext) throws -> Response {
    response
  }
}

extension Problem {
  /// What the HTTP library refuses by a status alone; `text` is what it says of that, if anything.
  init(_ status: HTTPResponse.Status, _ text: String?) {
    let (code, detail) =
      switch status {
      case .notFound:
        ("notFound", "There is nothing at this path; /openapi.json tells what there is.")
      case .contentTooLarge: ("bodyTooLarge", "The body is larger than it may be here.")
      case .internalServerError: ("internal", "The broker failed on this request.")
      default: ("http\(status.code)", status.reasonPhrase)
      }
    self.init(status: status, code: code, detail: text ?? detail)
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
    } catch let error as HTTPParserError {
      // The body breaks off in the midst.
      return Problem(error).response
    } catch let error as any HTTPResponseError {
      return Problem(error.status, (error as? HTTPError)?.body).response
    } catch {
      context.logger.error("Request failed", metadata: ["error": "\(error)"])
      return Problem(.internalServerError, nil).response
    }
  }
}
