import Foundation
import Testing

@testable import BrokerServer

@Suite("Compressed answers")
struct CompressionTests {
  private static let gunzip = URL(filePath: "/bin/gzip")

  /// What gzip(1) makes of it.
  private func plain(_ data: Data) throws -> String {
    let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).gz")
    try data.write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let process = Process()
    let output = Pipe()
    process.executableURL = Self.gunzip
    process.arguments = ["-dc", file.path]
    process.standardOutput = output
    try process.run()
    let text = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return String(decoding: text, as: UTF8.self)
  }

  @Test(
    "Long answers, whole or streamed, are the same in fewer bytes",
    arguments: [
      // One slice, written whole; then several, and in a form that has a trailer.
      "resolution=raw&from=-1d&limit=1500", "resolution=raw&from=-1d&limit=9000",
      "resolution=raw&from=-1d&format=csv&limit=9000",
    ])
  func same(query: String) async throws {
    try await HistoryServer.run(CountingStore(series: 1, readings: 10_000)) { server in
      let path = "/v1/history?\(query)"
      let plainly = try await server.get(path)
      let packed = try await server.get(path, coding: "br, gzip;q=0.9, *;q=0")
      #expect(plainly.headers["content-encoding"] == nil)
      #expect(packed.headers["content-encoding"] == "gzip")
      #expect(plainly.headers["vary"] == "Accept, Accept-Encoding")
      #expect(packed.headers["vary"] == "Accept, Accept-Encoding")
      #expect(packed.body.count < plainly.body.count / 3)
      #expect(try plain(packed.body) == plainly.text)
      #expect(packed.trailers == plainly.trailers)
    }
  }

  @Test("Short answers, and those to whom nothing was said of it, go as they are")
  func short() async throws {
    try await HistoryServer.run(CountingStore(series: 1, readings: 5_000)) { server in
      let few = try await server.get("/v1/history?limit=1", coding: "gzip")
      #expect(few.headers["content-encoding"] == nil && few.text.hasSuffix("}"))
      let path = "/v1/history?resolution=raw&from=-1d"
      for coding in ["identity", "gzip;q=0", "br"] {
        #expect(try await server.get(path, coding: coding).headers["content-encoding"] == nil)
      }
    }
  }
}
