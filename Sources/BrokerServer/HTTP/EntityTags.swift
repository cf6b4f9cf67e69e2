import HTTPTypes
import Hummingbird
import TelemetryModel

/// Entity tags (RFC 9110 §8.8.3) of lists that carry a number which changes with them: whoever polls a
/// list that is as it was costs no list.
struct EntityTags: Sendable {
  /// Numbers begin anew with every run.
  private let run: String

  init() {
    run = String(UInt64.random(in: 0...UInt64.max), radix: 36)
  }

  /// The tag of a list at these numbers, whatever part of it is asked for: that is in its address.
  func tag(_ versions: UInt64...) -> String {
    "\"\(run).\(versions.map { String($0, radix: 36) }.joined(separator: "."))\""
  }

  /// 304, where the request has what the tag stands for.
  func unchanged(_ request: Request, _ tag: String) -> Response? {
    EntityTags.unchanged(request, tag)
  }

  /// 304, where the request has what the tag stands for.
  static func unchanged(_ request: Request, _ tag: String) -> Response? {
    guard isKnown(to: request, tag) else { return nil }
    return Response(status: .notModified, headers: [.eTag: tag, .cacheControl: "no-cache"])
  }

  /// Whether the request has what the tag stands for (RFC 9110 §13.1.2: compared weakly).
  static func isKnown(to request: Request, _ tag: String) -> Bool {
    guard let field = request.headers[.ifNoneMatch] else { return false }
    let known = field.split(separator: ",").map { part in
      let text = part.filter { $0 != " " }
      return text.hasPrefix("W/") ? String(text.dropFirst(2)) : text
    }
    return known.contains(tag) || known == ["*"]
  }
}

extension Response {
  /// An answer whose body is written straight as JSON, and that may be kept as long as its tag is asked
  /// for again.
  static func json(tag: String, _ body: (inout JSONWriter) -> Void) -> Response {
    var response = Response.json(body)
    response.headers[.eTag] = tag
    response.headers[.cacheControl] = "no-cache"
    return response
  }
}
