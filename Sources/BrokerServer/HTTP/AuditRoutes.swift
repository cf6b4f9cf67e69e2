import BrokerCore
import DeviceProtocol
import HTTPTypes
import Hummingbird
import NIOCore
import TelemetryModel

/// `/v1/audit`: who had which device do what, when, and what came of it.
///
/// As JSON in pages; whole, as it is read, as a JSON line each (`application/x-ndjson`) or a table.
struct AuditRoutes {
  /// Lines read at once.
  static let slice = 1_000

  let desk: CommandDesk
  let now: @Sendable () -> Timestamp

  private enum Format: String, CaseIterable {
    case json
    case lines = "ndjson"
    case csv

    var mediaType: String {
      switch self {
      case .json: "application/json"
      case .lines: "application/x-ndjson"
      case .csv: "text/csv"
      }
    }
  }

  func add(to router: Router<BrokerRequestContext>) {
    router.get("v1/audit") { request, _ in try await read(request) }
  }

  private func read(_ request: Request) async throws -> Response {
    let query = try QueryParameters(
      request,
      known: ["from", "to", "device", "command", "rollout", "limit", "cursor", "format"])
    let now = now()
    var wanted = AuditQuery(limit: AuditRoutes.slice)
    wanted.from = try query.time("from", now: now) ?? .distantPast
    wanted.to = try query.time("to", now: now) ?? .distantFuture
    wanted.command = query["command"]
    wanted.rollout = query["rollout"]
    wanted.device = try query.device("device")
    wanted.after = try query.cursor("cursor") ?? 0
    let limit = try query.integer("limit", in: 1...DeviceRoutes.maxPage, default: 100)
    switch try format(query["format"], accept: request.headers[.accept]) {
    case .json:
      return try await page(wanted, limit: limit)
    case .lines:
      return streamed(wanted, type: Format.lines.mediaType, head: "") { entry, bytes in
        var json = JSONWriter(bytes)
        CommandJSON.write(entry, to: &json)
        bytes = json.bytes
        bytes.append(UInt8(ascii: "\n"))
      }
    case .csv:
      return streamed(
        wanted, type: "text/csv; charset=utf-8; header=present", head: AuditTable.head
      ) { AuditTable.append($0, to: &$1) }
    }
  }

  private func format(_ name: String?, accept: String?) throws(Problem) -> Format {
    if let name {
      guard let format = Format(rawValue: name) else {
        throw .badRequest("format", "format is one of json, ndjson, csv.")
      }
      return format
    }
    return Format.allCases.dropFirst().first { accept?.contains($0.mediaType) ?? false } ?? .json
  }

  private func page(_ query: AuditQuery, limit: Int) async throws -> Response {
    var query = query
    query.limit = limit + 1
    let found = try await problems { [query] in try await desk.audit(query) }
    let page = found.prefix(limit)
    return Response.json { json in
      json.object { json in
        json.key("entries")
        json.array { json in
          for entry in page {
            json.element()
            CommandJSON.write(entry, to: &json)
          }
        }
        if found.count > page.count, let last = page.last {
          json.key("next")
          json.write("\(last.number)")
        }
      }
    }
  }

  private func streamed(
    _ query: AuditQuery, type: String, head: String,
    _ write: @escaping @Sendable (AuditEntry, inout [UInt8]) -> Void
  ) -> Response {
    let desk = desk
    return Response(
      status: .ok, headers: [.contentType: type, .cacheControl: "no-store"],
      body: ResponseBody { writer in
        var query = query
        var bytes = Array(head.utf8)
        while true {
          let entries = try await desk.audit(query)
          for entry in entries { write(entry, &bytes) }
          try await writer.write(ByteBuffer(bytes: bytes))
          bytes = []
          guard entries.count == AuditRoutes.slice, let last = entries.last else { break }
          query.after = last.number
        }
        try await writer.finish(nil)
      })
  }
}

/// The audit as a table (RFC 4180).
enum AuditTable {
  static let head = "number,time,actor,event,device,command,rollout,cause,detail\r\n"

  static func append(_ entry: AuditEntry, to bytes: inout [UInt8]) {
    let line = entry.line
    bytes += "\(entry.number),".utf8
    line.time.writeRFC3339(into: &bytes)
    for text in [
      line.actor, line.event, line.device?.string ?? "", line.command ?? "", line.rollout ?? "",
      line.cause, line.detail?.description ?? "",
    ] {
      bytes.append(UInt8(ascii: ","))
      appendField(text, to: &bytes)
    }
    bytes += "\r\n".utf8
  }

  private static func appendField(_ text: String, to bytes: inout [UInt8]) {
    // A spreadsheet takes what begins so for a formula.
    let text = text.first.map { "=+-@\t\r".contains($0) } == true ? "'\(text)" : text
    guard text.utf8.contains(where: { "\",\r\n".utf8.contains($0) }) else {
      bytes += text.utf8
      return
    }
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      if byte == UInt8(ascii: "\"") { bytes.append(byte) }
      bytes.append(byte)
    }
    bytes.append(UInt8(ascii: "\""))
  }
}
