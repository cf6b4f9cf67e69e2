import BrokerCore
import DeviceProtocol
import Foundation
import Hummingbird
import Logging
import Synchronization
import TelemetryModel
import Testing

@testable import BrokerServer

/// The history routes on a port of their own, for the length of one test.
final class HistoryServer: Sendable {
  struct Answer {
    var status = 0
    var headers: [String: String] = [:]
    var trailers: [String: String] = [:]
    var body = Data()
    var text: String { String(decoding: body, as: UTF8.self) }
  }

  struct Failure: Error {
    var text: String
  }

  private let clock = Mutex(CountingStore.start + .seconds(300))
  private let port = Mutex(0)

  func now() -> Timestamp { clock.withLock { $0 } }

  func advance(_ duration: Duration) {
    clock.withLock { $0 = $0 + duration }
  }

  static func run(
    _ store: CountingStore, _ body: (HistoryServer) async throws -> Void
  ) async throws {
    let server = HistoryServer()
    let catalog = SeriesCatalog(try store.series())
    let registry = DeviceRegistry(try store.devices())
    let limits: [Resolution: Duration] = [.s1: .seconds(86_400), .s10: .seconds(7 * 86_400)]
    let router = Router(context: BrokerRequestContext.self)
    router.add(middleware: CompressionMiddleware())
    router.add(middleware: ProblemMiddleware())
    HistoryRoutes(
      store: store, catalog: catalog, registry: registry, now: { server.now() },
      kept: { limits[$0] }
    ).add(to: router)
    let (started, ready) = AsyncStream<Int>.makeStream()
    let application = Application(
      router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
      onServerRunning: { ready.yield($0.localAddress?.port ?? 0) },
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let running = Task { try await application.run() }
    var ports = started.makeAsyncIterator()
    let port = await ports.next() ?? 0
    server.port.withLock { $0 = port }
    do {
      try await body(server)
    } catch {
      running.cancel()
      throw error
    }
    running.cancel()
    _ = try? await running.value
  }

  /// `coding` is what of content codings is accepted; what is answered is not decoded.
  func get(_ path: String, accept: String? = nil, coding: String? = nil) async throws -> Answer {
    let fields = [accept.map { "Accept: \($0)" }, coding.map { "Accept-Encoding: \($0)" }]
    let bytes = try await exchange(path, fields.compactMap(\.self), upTo: .max)
    return try Answer(parsing: bytes)
  }

  /// Asks, reads the beginning of the answer, and closes the connection.
  func getAndLeave(_ path: String) async throws {
    _ = try await exchange(path, [], upTo: 10_000)
  }

  private func exchange(_ path: String, _ fields: [String], upTo limit: Int) async throws -> Data {
    let port = port.withLock { $0 }
    // A thread of its own: it blocks, and the tasks' threads are few.
    return try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread {
        continuation.resume(
          with: Result { try HistoryServer.exchange(port, path, fields, limit) })
      }
    }
  }

  private static func exchange(
    _ port: Int, _ path: String, _ fields: [String], _ limit: Int
  ) throws -> Data {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(socket) }
    var patience = timeval(tv_sec: 30, tv_usec: 0)
    setsockopt(
      socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    // The bytes of a `sockaddr_in`: which module that type belongs to differs from build to build,
    // as NIO's C modules contain it too.
    let address =
      [UInt8(AF_INET), 0, UInt8(port >> 8 & 0xFF), UInt8(port & 0xFF), 127, 0, 0, 1]
      + [UInt8](repeating: 0, count: 8)
    let connected = address.withUnsafeBytes { bytes -> Int32 in
      guard let start = bytes.baseAddress else { return -1 }
      return connect(socket, start.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
    }
    guard connected == 0 else { throw Failure(text: "cannot connect: \(errno)") }
    var head = "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nTE: trailers\r\n"
    for field in fields { head += "\(field)\r\n" }
    head += "\r\n"
    let request = Array(head.utf8)
    guard send(socket, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
      throw Failure(text: "cannot send: \(errno)")
    }
    var answer = Data()
    var part = [UInt8](repeating: 0, count: 65_536)
    while answer.count < limit {
      let count = recv(socket, &part, part.count, 0)
      guard count >= 0 else { throw Failure(text: "cannot receive: \(errno)") }
      if count == 0 { break }
      answer.append(contentsOf: part[..<count])
    }
    return answer
  }
}

extension HistoryServer.Answer {
  /// An HTTP/1.1 answer up to the end of its connection.
  init(parsing data: Data) throws {
    guard let end = data.range(of: Data("\r\n\r\n".utf8)) else {
      throw HistoryServer.Failure(text: "no answer: \(String(decoding: data, as: UTF8.self))")
    }
    let lines = String(decoding: data[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
    status = Int(lines[0].split(separator: " ")[1]) ?? 0
    headers = Self.fields(lines.dropFirst())
    guard headers["transfer-encoding"] == "chunked" else {
      body = data[end.upperBound...]
      return
    }
    var rest = data[end.upperBound...]
    while let line = rest.range(of: Data("\r\n".utf8)) {
      let size = Int(String(decoding: rest[..<line.lowerBound], as: UTF8.self), radix: 16) ?? 0
      rest = rest[line.upperBound...]
      guard size > 0 else {
        trailers = Self.fields(String(decoding: rest, as: UTF8.self).split(separator: "\r\n")[...])
        return
      }
      body += rest.prefix(size)
      rest = rest.dropFirst(size + 2)
    }
    throw HistoryServer.Failure(text: "the answer ends within a chunk")
  }

  private static func fields(_ lines: ArraySlice<Substring>) -> [String: String] {
    var fields: [String: String] = [:]
    for line in lines {
      guard let colon = line.firstIndex(of: ":") else { continue }
      fields[line[..<colon].lowercased()] =
        line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    }
    return fields
  }
}

/// A store in which series n has readings 0, 1, 2… a second apart; counts what it is asked for.
final class CountingStore: SampleStore {
  static let start = Timestamp(seconds: 1_800_000_000)

  struct Call {
    var rows: Int
  }

  let calls = Mutex<[Call]>([])
  private let count: Int
  private let readings: Int
  private let delay: Duration
  private let fails: Bool
  /// Readings that say something else than their number.
  private let texts: [Int: TextSample.Value]

  init(
    series: Int, readings: Int, delay: Duration = .zero, fails: Bool = false,
    texts: [Int: TextSample.Value] = [:]
  ) {
    count = series
    self.readings = readings
    self.delay = delay
    self.fails = fails
    self.texts = texts
  }

  func series() throws -> [Series] {
    try (1...count).map {
      Series(
        id: SeriesID(Int64($0)), device: try DeviceID("pi-\($0)"), metric: try MetricName("temp"),
        unit: "Cel")
    }
  }

  func devices() throws -> [StoredDevice] {
    try (1...count).map {
      StoredDevice(
        id: try DeviceID("pi-\($0)"), labels: ["site": #"lab "A", 1"#, "room": "r\($0)"],
        agent: nil,
        lastSeen: CountingStore.start)
    }
  }

  func history(_ request: HistoryRequest) async throws -> HistoryPage {
    if fails { throw StoreError.unavailable("test") }
    if delay > .zero { try await Task.sleep(for: delay) }
    var rows: [HistoryRow] = []
    var next: HistoryPosition?
    for series in request.series {
      var first = 0
      if let after = request.after {
        if series < after.series { continue }
        if series == after.series { first = index(of: after.time) + 1 }
      }
      let end = min(readings, first + request.limitRows - rows.count)
      for index in first..<max(first, end) {
        let time = CountingStore.start + .seconds(index)
        guard time >= request.from, time < request.to || readings > 1_000 else { continue }
        let text = texts[index]
        rows.append(
          HistoryRow(
            series: series, time: time, values: [text == nil ? Double(index) : nil],
            quality: index == 2 ? .late : [],
            received: index == 2 ? time + .milliseconds(1_500) : nil, text: text))
      }
      if end < readings, rows.count == request.limitRows, let last = rows.last {
        next = HistoryPosition(series: last.series, time: last.time, repeats: 1)
        break
      }
      if rows.count == request.limitRows { break }
    }
    if next == nil, let last = rows.last, last.series != request.series.last {
      next = HistoryPosition(series: last.series, time: last.time, repeats: 1)
    }
    if request.resolution != .raw {
      let states = windows(
        of: request.series, resolution: request.resolution, from: request.from, to: request.to,
        withSketch: false)
      rows = states.entries.map { entry in
        HistoryRow(
          series: entry.series, time: entry.start,
          values: request.functions.map { entry.summary.value(of: $0) })
      }
      next = nil
    }
    calls.withLock { $0.append(Call(rows: rows.count)) }
    return HistoryPage(commit: CommitNumber(9), rows: rows, next: next)
  }

  private func index(of time: Timestamp) -> Int {
    Int((time - CountingStore.start).inSeconds.rounded())
  }

  func windows(
    of series: [SeriesID], resolution: Resolution, from: Timestamp, to: Timestamp, withSketch: Bool
  ) -> WindowStates {
    var entries: [WindowStates.Entry] = []
    for series in series {
      var summary = WindowSummary(withSketch: withSketch)
      for index in 0..<readings {
        summary.add(Double(index), at: CountingStore.start + .seconds(index))
      }
      let start = resolution.windowStart(of: CountingStore.start)
      if start >= from, start < to {
        entries.append(WindowStates.Entry(series: series, start: start, summary: summary))
      }
    }
    return WindowStates(commit: CommitNumber(9), entries: entries)
  }

  func open() -> StoreContents {
    StoreContents(lastCommit: CommitNumber(9), series: [], devices: [])
  }

  func commit(_ batch: IngestBatch) throws { throw StoreError.unavailable("only read") }

  func ackedRanges(device: DeviceID, epoch: String) -> SequenceRanges { SequenceRanges() }

  func gaps(devices: [DeviceID], from: Timestamp, to: Timestamp) -> [StoredGap] { [] }

  func sizeBytes() -> Int64 { 0 }

  func close() {}
}
