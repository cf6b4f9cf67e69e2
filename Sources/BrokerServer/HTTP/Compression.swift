import HTTPTypes
import Hummingbird
import NIOCore

/// Compresses answers for whoever takes it so (RFC 9110 §8.4), piece by piece as they are written: history
/// is several times as long as it has to be. Short ones go as they are, and so does what is compressed
/// already, such as streams of events.
struct CompressionMiddleware<Context: RequestContext>: RouterMiddleware {
  /// What is shorter is not worth it, in bytes.
  private static var leastBytes: Int { 2_048 }

  @concurrent func handle(
    _ request: Request, context: Context,
    next: @concurrent (Request, Context) async throws -> Response
  ) async throws -> Response {
    var response = try await next(request, context)
    guard response.status == .ok, request.method != .head,
      response.body.contentLength ?? .max >= Self.leastBytes,
      response.headers[.contentEncoding] == nil, Self.isText(response.headers[.contentType])
    else { return response }
    // Whoever keeps the answer must not give it to one that does not take it so.
    let vary = response.headers[.vary]
    response.headers[.vary] = vary.map { "\($0), Accept-Encoding" } ?? "Accept-Encoding"
    let name = StreamCoding.chosen(request.headers[.acceptEncoding])
    guard name != .identity else { return response }
    response.headers[.contentEncoding] = name.rawValue
    response.headers[.contentLength] = nil
    // Other bytes under the same tag: a weak one says that they mean the same (RFC 9110 §8.8.3.3).
    if let tag = response.headers[.eTag], !tag.hasPrefix("W/") {
      response.headers[.eTag] = "W/\(tag)"
    }
    let body = response.body
    response.body = ResponseBody { writer in
      var compressing = CompressingWriter(inner: writer, coding: StreamCoding(name))
      try await compressing.begin()
      try await body.write(compressing)
    }
    return response
  }

  private static func isText(_ type: String?) -> Bool {
    guard let type = type?.split(separator: ";").first else { return false }
    return type != "text/event-stream"
      && (type.hasPrefix("text/") || type.hasSuffix("json") || type.hasSuffix("javascript"))
  }
}

/// Compresses what is written through it, each piece for itself.
private struct CompressingWriter: ResponseBodyWriter {
  var inner: any ResponseBodyWriter
  var coding: StreamCoding

  @concurrent mutating func begin() async throws {
    try await inner.write(ByteBuffer(bytes: coding.head))
  }

  @concurrent mutating func write(_ buffer: ByteBuffer) async throws {
    guard buffer.readableBytes > 0 else { return }
    try await inner.write(coding.encode(StreamEvent(Array(buffer.readableBytesView))))
  }

  @concurrent consuming func finish(_ trailers: HTTPFields?) async throws {
    try await inner.write(coding.tail)
    try await inner.finish(trailers)
  }
}
