import BrokerCore
import Foundation
import Synchronization
import TelemetryModel
import Testing

@testable import BrokerServer

/// `/v1/history` over a real port, from a store of readings that can be computed.
@Suite("History over HTTP")
struct HistoryRoutesTests {
  @Test("comes as JSON with what it is about, in pages that hold one span and one commit")
  func json() async throws {
    try await HistoryServer.run(CountingStore(series: 2, readings: 5)) { server in
      var query = "metric=temp*&resolution=raw&from=-10m&limit=3"
      var values: [Double] = []
      var cursors: Set<String> = []
      while true {
        let answer = try await server.get("/v1/history?\(query)")
        #expect(answer.status == 200)
        #expect(answer.headers["content-type"] == "application/json")
        let page = try JSONDecoder().decode(Page.self, from: answer.body)
        #expect(page.resolution == "raw")
        #expect(page.columns == ["series", "time", "value", "quality", "received"])
        #expect(page.series.map(\.device) == ["pi-1", "pi-2"])
        values += page.rows.map(\.value)
        #expect(
          page.rows.filter { $0.quality == "late" }.count
            == page.rows.filter { $0.value == 2 }.count)
        guard let next = page.next else { break }
        #expect(cursors.insert(next).inserted)
        server.advance(.seconds(400))
        query = "metric=temp*&resolution=raw&from=-10m&limit=3&cursor=\(next)"
      }
      #expect(values == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4])
    }
  }

  @Test("comes as a table, windows and groups, with the time in RFC 3339")
  func csv() async throws {
    try await HistoryServer.run(CountingStore(series: 2, readings: 3)) { server in
      let raw = try await server.get(
        "/v1/history?device=pi-1&resolution=raw", accept: "text/csv, application/json;q=0.5")
      #expect(raw.headers["content-type"] == "text/csv; charset=utf-8; header=present")
      #expect(
        raw.text == """
          device,metric,unit,time,value,quality,received\r
          pi-1,temp,Cel,2027-01-15T08:00:00Z,0,,\r
          pi-1,temp,Cel,2027-01-15T08:00:01Z,1,,\r
          pi-1,temp,Cel,2027-01-15T08:00:02Z,2,late,2027-01-15T08:00:03.5Z\r

          """)
      let groups = try await server.get(
        "/v1/history?groupBy=site&resolution=10s&functions=count,mean&format=csv")
      #expect(
        groups.text == """
          site,metric,unit,windowStart,count,mean\r
          "lab ""A"", 1",temp,Cel,2027-01-15T08:00:00Z,6,1\r

          """)
    }
  }

  @Test("comes as SenML that our own decoder reads back")
  func senML() async throws {
    try await HistoryServer.run(CountingStore(series: 2, readings: 3)) { server in
      let raw = try await server.get(
        "/v1/history?resolution=raw", accept: "application/senml+json")
      #expect(raw.headers["content-type"] == "application/senml+json")
      let records = try SenMLDecoder.decode(Array(raw.body).span, now: server.now())
      #expect(
        records.map(\.name) == [String](repeating: "pi-1/temp", count: 3)
          + [String](repeating: "pi-2/temp", count: 3))
      #expect(records.map(\.unit) == [String?](repeating: "Cel", count: 6))
      #expect(
        records.map { $0.time - CountingStore.start } == [0, 1, 2, 0, 1, 2].map { .seconds($0) })
      let windows = try await server.get(
        "/v1/history?device=pi-2&functions=count,max&resolution=10s&format=senml")
      let said = try SenMLDecoder.decode(Array(windows.body).span, now: server.now())
      #expect(said.map(\.name) == ["pi-2/temp/count", "pi-2/temp/max"])
      #expect(said.map(\.unit) == ["count", "Cel"])
      #expect(said.map(\.value) == [.number(3), .number(2)])
    }
  }

  @Test("gives text and data back in every form")
  func texts() async throws {
    let store = CountingStore(
      series: 1, readings: 3, texts: [0: .string("half \"open\", é"), 2: .data([1, 2, 255])])
    try await HistoryServer.run(store) { server in
      let json = try await server.get("/v1/history?resolution=raw").text
      #expect(
        json.contains(
          #""rows":[[1,1800000000,"half \"open\", é",null,null],[1,1800000001,1,null,null],"#
            + #"[1,1800000002,{"vd":"AQL_"},"late",1800000003.5]]"#), "\(json)")
      let csv = try await server.get("/v1/history?resolution=raw&format=csv").text
      #expect(csv.contains(#",2027-01-15T08:00:00Z,"half ""open"", é",,"# + "\r\n"), "\(csv)")
      #expect(csv.contains(",AQL_,late,"), "\(csv)")
      let senML = try await server.get("/v1/history?resolution=raw&format=senml").body
      let records = try SenMLDecoder.decode(Array(senML).span, now: server.now())
      #expect(
        records.map(\.value) == [.string("half \"open\", é"), .number(1), .data([1, 2, 255])])
    }
  }

  @Test("filters by label, and picks the resolution that makes as many points as fit")
  func filtersAndPoints() async throws {
    try await HistoryServer.run(CountingStore(series: 3, readings: 1)) { server in
      func page(_ query: String) async throws -> Page {
        try JSONDecoder().decode(
          Page.self, from: try await server.get("/v1/history?\(query)").body)
      }
      let second = try await page("label=room:r2")
      #expect(second.series.map(\.device) == ["pi-2"])
      #expect(try await page("label=room:r*,site:lab*").series.count == 3)
      #expect(try await page("label=room:r1,site:roof").series.isEmpty)
      #expect(try await page("points=600&from=-10m").resolution == "1s")
      #expect(try await page("points=599&from=-10m").resolution == "10s")
      #expect(try await page("points=1000&from=-30d").resolution == "1h")
      // Windows of ten seconds would do, but are not kept for so long.
      #expect(try await page("points=400&from=-8d&to=-691000s").resolution == "1m")
      #expect(try await page("points=1&from=-2000d").resolution == "1d")
    }
  }

  @Test(
    "says which parameter is wrong, and which are right but not together",
    arguments: [
      ("from=yesterday", "from"), ("from=-1e3m", "from"), ("from=2026-02-29T00:00:00Z", "from"),
      ("from=-1m&to=-2m", "from!"), ("resolution=2s", "resolution"),
      ("functions=mode", "functions"), ("functions=last,,mean", "functions"),
      ("limit=0", "limit"), ("limit=10000001", "limit"), ("limit=%2B5", "limit"),
      ("cursor=7", "cursor"), ("points=5&resolution=1m", "points!"), ("points=0", "points"),
      ("label=site", "label"), ("devise=pi-7", "devise"), ("to=-1m&to=-2m", "to"),
      ("device=", "device"), ("device=a,,b", "device"), ("device=%C3%A9", "device"),
      ("groupBy=site&resolution=raw", "groupBy!"), ("groupBy=site&format=senml", "groupBy!"),
      ("groupBy=a,a", "groupBy!"), ("groupBy=a,", "groupBy"), ("format=xml", "format"),
    ])
  func problems(query: String, field: String) async throws {
    let isContradiction = field.hasSuffix("!")
    let field = field.filter { $0 != "!" }
    try await HistoryServer.run(CountingStore(series: 1, readings: 1)) { server in
      let answer = try await server.get("/v1/history?\(query)")
      #expect(answer.status == (isContradiction ? 422 : 400))
      #expect(answer.headers["content-type"] == "application/problem+json")
      let told = try JSONDecoder().decode(Told.self, from: answer.body)
      #expect(told.field == field)
      #expect(told.code == (isContradiction ? "contradiction" : "invalidParameter"))
    }
  }

  @Test("refuses forms it does not have, and says that the store cannot be read")
  func otherProblems() async throws {
    try await HistoryServer.run(CountingStore(series: 1, readings: 1)) { server in
      let image = try await server.get("/v1/history", accept: "image/png")
      #expect(image.status == 406)
      #expect(
        try await server.get("/v1/history", accept: "text/*, */*;q=0.1").text.hasPrefix("device,"))
    }
    try await HistoryServer.run(CountingStore(series: 1, readings: 1, fails: true)) { server in
      let failed = try await server.get("/v1/history")
      #expect(failed.status == 503)
    }
  }

  @Test("streams a long answer slice by slice, its end told behind it")
  func streams() async throws {
    let store = CountingStore(series: 3, readings: 10_000)
    try await HistoryServer.run(store) { server in
      let answer = try await server.get(
        "/v1/history?resolution=raw&from=-1d&limit=25000&format=csv")
      #expect(answer.headers["transfer-encoding"] == "chunked")
      let lines = answer.text.split(separator: "\r\n").dropFirst()
      #expect(lines.count == 25_000)
      #expect(lines.last?.contains(",4999,") == true)
      let next = try #require(answer.trailers["hawser-next"])
      let rest = try await server.get(
        "/v1/history?resolution=raw&from=-1d&limit=25000&format=csv&cursor=\(next)")
      #expect(rest.text.split(separator: "\r\n").dropFirst().count == 5_000)
      #expect(rest.trailers["hawser-next"] == nil)
      #expect(store.calls.withLock { $0.max { $0.rows < $1.rows }?.rows } == HistoryWalk.sliceRows)
    }
  }

  @Test("stops reading the store when the client goes away")
  func clientGoes() async throws {
    // As long as anybody reads: a hundred million rows, and slow ones.
    let store = CountingStore(series: 1, readings: 100_000_000, delay: .milliseconds(5))
    try await HistoryServer.run(store) { server in
      try await server.getAndLeave(
        "/v1/history?resolution=raw&from=-2000d&limit=10000000&format=csv")
      var before = -1
      // Whatever was under way ends; then nothing more may be read.
      for _ in 0..<100 {
        let calls = store.calls.withLock(\.count)
        if calls == before { break }
        before = calls
        try await Task.sleep(for: .milliseconds(100))
      }
      #expect(before > 0)
      #expect(store.calls.withLock(\.count) == before)
      #expect(before < 1_000)
    }
  }
}

private struct Page: Decodable {
  struct Series: Decodable {
    var series: Int
    var device: String?
  }
  struct Row: Decodable {
    var series: Int
    var time: Double
    var value: Double
    var quality: String?

    init(from decoder: any Decoder) throws {
      var columns = try decoder.unkeyedContainer()
      series = try columns.decode(Int.self)
      time = try columns.decode(Double.self)
      value = try columns.decodeIfPresent(Double.self) ?? .nan
      quality = columns.isAtEnd ? nil : try? columns.decodeIfPresent(String.self)
    }
  }
  var resolution: String
  var series: [Series]
  var columns: [String]
  var rows: [Row]
  var next: String?
}

private struct Told: Decodable {
  var code: String
  var field: String
}
