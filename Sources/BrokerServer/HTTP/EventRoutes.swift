import BrokerCore
import DeviceProtocol
import HTTPTypes
import Hummingbird
import NIOCore
import TelemetryModel

/// `/v1/live/events`: a subscription, the devices, or both, as server-sent events, for networks that let
/// no WebSocket through and for programs that have none.
struct EventRoutes {
  static let known: Set<String> = [
    "device", "metric", "label", "resolution", "functions", "groupBy", "maxRate", "since", "watch",
  ]
  private static let lastEventID = HTTPField.Name("Last-Event-ID")
  private static let buffering = HTTPField.Name("X-Accel-Buffering")

  let links: LinkServices
  let loops: [any EventLoop]

  func add(to router: Router<BrokerRequestContext>) {
    router.get("v1/live/events") { request, context in try events(request, context) }
  }

  /// What a request asks for.
  private struct Wanted {
    var subscription: Subscription?
    var since: Since
    var watchesDevices: Bool
    var coding: StreamCoding.Name
  }

  private func events(_ request: Request, _ context: BrokerRequestContext) throws -> Response {
    let wanted = try wanted(request)
    if links.readers.isClosing {
      return Response.comeBack(after: LiveReaders.returnAfter(), Admission.Cause.stopping.text)
    }
    let own = context.channel.eventLoop
    // Hummingbird serves its connections on the loops that there are lanes for.
    guard loops.contains(where: { $0 === own }) else {
      throw HTTPError(.internalServerError)
    }
    var headers: HTTPFields = [
      .contentType: "text/event-stream", .cacheControl: "no-store, no-transform",
      .vary: "Accept-Encoding",
    ]
    // nginx would keep events until its buffer is full.
    if let name = EventRoutes.buffering { headers[name] = "no" }
    if wanted.coding != .identity { headers[.contentEncoding] = wanted.coding.rawValue }
    let (body, channel) = (request.body, context.channel)
    return Response(
      status: .ok, headers: headers,
      body: ResponseBody { writer in
        let (chunks, continuation) = AsyncStream<ByteBuffer>.makeStream()
        let stream = try await open(wanted, channel, continuation)
        defer { stream.onLoop { $0.end() } }
        // Watching whether the reader is still there uses up the connection.
        try await body.consumeWithCancellationOnInboundClose { _ in
          for await chunk in chunks {
            try await writer.write(chunk)
            let count = chunk.readableBytes
            stream.onLoop { $0.wrote(count) }
          }
        }
        try await writer.finish(nil)
      })
  }

  private func open(
    _ wanted: Wanted, _ channel: any Channel, _ chunks: AsyncStream<ByteBuffer>.Continuation
  ) async throws -> EventStreamRemote {
    let links = links
    let retry = LiveReaders.returnAfter()
    return try await channel.eventLoop.submit {
      let stream = EventStream(
        services: links, channel: channel, coding: wanted.coding, chunks: chunks)
      if stream.open(retry: retry) {
        if wanted.watchesDevices { _ = stream.ask(.watchDevices(EventRoutes.devices)) }
        if let subscription = wanted.subscription {
          _ = stream.ask(.subscribe(EventRoutes.subscription, subscription, wanted.since))
        }
      }
      return EventStreamRemote(stream, on: channel.eventLoop)
    }.get()
  }

  /// What stands for ids of requests, which streams have not.
  private static let devices = "devices"
  private static let subscription = "subscribed"

  private func wanted(_ request: Request) throws -> Wanted {
    let query = try QueryParameters(
      request, known: EventRoutes.known, mayBeEmpty: ["groupBy"])
    let watched = try query.words("watch") ?? ["series"]
    let kinds = Set(watched)
    guard kinds.count == watched.count, kinds.isSubset(of: ["series", "devices"]) else {
      throw Problem.badRequest("watch", "watch is series, devices, or both.")
    }
    var params = SubscribeParams(
      devices: try query.patterns("device"), metrics: try query.patterns("metric"),
      labels: try query.labels("label"))
    params.resolution = try query.resolution("resolution")
    params.functions = try query.functions("functions", default: [.last])
    params.groupBy = try query.groupBy("groupBy")
    guard params.groupBy == nil || params.resolution != .raw else { throw Problem.rawGroups }
    if let text = query["maxRate"] {
      guard let rate = Double(text), rate > 0, rate.isFinite else {
        throw Problem.badRequest("maxRate", "maxRate is updates a second, over 0.")
      }
      params.maxRate = rate
    }
    if let name = EventRoutes.lastEventID, let last = request.headers[name], !last.isEmpty {
      guard Cursor(last) != nil else {
        throw Problem.badRequest("Last-Event-ID", "Last-Event-ID is the id of an earlier event.")
      }
      params.since = .cursor(last)
    } else if let since = query["since"] {
      params.since = TimeText.parse(since, now: links.now()).map { .time($0) } ?? .cursor(since)
    }
    do {
      let (subscription, since) = try Subscription.wanted(params)
      return Wanted(
        subscription: watched.contains("series") ? subscription : nil, since: since,
        watchesDevices: watched.contains("devices"),
        coding: StreamCoding.chosen(request.headers[.acceptEncoding]))
    } catch {
      let field = error.data?.field?.split(separator: ".").last.map(String.init) ?? "query"
      throw Problem.badRequest(field, "\(error.message).")
    }
  }
}

/// A stream as the request's task has it.
struct EventStreamRemote: Sendable {
  private let stream: NIOLoopBound<EventStream>
  private let loop: any EventLoop

  /// Call on the loop.
  init(_ stream: EventStream, on loop: any EventLoop) {
    self.loop = loop
    self.stream = NIOLoopBound(stream, eventLoop: loop)
  }

  /// Does something on the loop, later.
  func onLoop(_ body: @escaping @Sendable (EventStream) -> Void) {
    loop.execute { body(stream.value) }
  }
}
