import TelemetryModel
import Testing

@testable import hawser

@Suite("Text for terminals")
struct TerminalTextTests {
  @Test(
    "Numbers have about five digits that say something",
    arguments: [
      (0.0, "0"), (1.0, "1"), (-1.5, "-1.5"), (20.123456, "20.123"), (1234.5678, "1234.6"),
      (9_999.5, "9999.5"), (123_456.7, "123.46k"), (982_235, "982.24k"), (5e9, "5G"),
      (66_137_137_152, "66.137G"), (-1.5e6, "-1.5M"),
      (0.000012345, "1.234e-5"), (-3e18, "-3e18"),
      (-0.00001, "-1e-5"),
    ])
  func numbers(_ value: Double, _ text: String) {
    #expect(TextTable.number(value) == text)
  }

  @Test("Bytes have binary prefixes")
  func bytes() {
    #expect(TextTable.number(62_946_000_000, unit: "B") == "58.623Gi")
    #expect(TextTable.number(9_000, unit: "B") == "9000")
    #expect(TextTable.number(20_480, unit: "B") == "20Ki")
    #expect(TextTable.number(20_480, unit: "bit/s") == "20.48k")
  }

  @Test("There is a mark where there is no number")
  func missing() {
    #expect(TextTable.number(nil) == "-")
    #expect(TextTable.number(.nan) == "-")
  }

  @Test("Columns are as wide as their widest cell, numbers stand to the right")
  func columns() {
    let lines = TextTable.lines([["A", "N"], ["longer", "1"], ["b", "1000"]], right: [1])
    #expect(lines == ["A          N", "longer     1", "b       1000"])
  }

  @Test(
    "Queries name devices and metrics",
    arguments: [
      ("*", [], []), ("pump-*", ["pump-*"], []), ("*/cpu.*", [], ["cpu.*"]),
      ("a,b/c,d/e", ["a", "b"], ["c", "d/e"]),
    ] as [(String, [String], [String])])
  func queries(_ text: String, _ devices: [String], _ metrics: [String]) {
    let query = QueryText(text)
    #expect(query.devices == devices && query.metrics == metrics)
  }

  @Test("A table shows each series' newest row, and late windows do not turn it back")
  func table() throws {
    var table = WatchTable()
    let result = try JSONValue(
      parsing: Array(
        #"{"cursor":"1-2","columns":["series","windowStart","last","mean"],"series":[{"series":7,"device":"d","metric":"m","unit":"Cel","labels":{}}]}"#
          .utf8
      ).span)
    #expect(table.take(nil, result) == false)
    for (time, value) in [(100, 1), (101, 2), (99, 9)] {
      let update = try JSONValue(
        parsing: Array(
          #"{"cursor":"\#(time)-5","rows":[[7,\#(time),\#(value),1.25]]}"#.utf8
        ).span)
      #expect(table.take("update", update) == true)
    }
    let lines = table.render(height: 10, width: 80, now: Timestamp(seconds: 104))
    #expect(lines.count == 2)
    #expect(lines[0].split(separator: " ") == ["DEVICE", "METRIC", "UNIT", "LAST", "MEAN", "AGE"])
    #expect(lines[1].split(separator: " ") == ["d", "m", "Cel", "2", "1.25", "3s", "▁█"])
    #expect(table.cursor == "99-5")
  }

  @Test("Texts and data are shown as they are, without what a terminal would obey")
  func texts() throws {
    #expect(TextTable.value("open") == "open")
    #expect(
      TextTable.value("a\u{1B}]0;x\u{7}\u{9B}2J\n\u{202E}b")
        == "a\u{FFFD}]0;x\u{FFFD}\u{FFFD}2J\u{FFFD}\u{FFFD}b")
    #expect(TextTable.value(.string(String(repeating: "y", count: 99))).count == 32)
    #expect(TextTable.value(["vd": "AP8B"]) == "vd:AP8B")
    #expect(TextTable.value(.null) == "-" && TextTable.value(nil) == "-")
    #expect(TextTable.word("say \"no\"\n") == #""say \"no\"\n""#)
    #expect(TextTable.lines([["a\u{1B}[31m", "b"]]) == ["a\u{FFFD}[31m  b"])
    var table = WatchTable()
    _ = table.take(
      nil,
      [
        "columns": ["series", "time", "value"],
        "series": [["series": 1, "device": "d", "metric": "door"]],
      ])
    _ = table.take("update", ["rows": [[1, 5, "shut"], [1, 6, "open"], [1e300, 7, "nowhere"]]])
    let lines = table.render(height: 10, width: 80, now: Timestamp(seconds: 8))
    #expect(lines[1].split(separator: " ") == ["d", "door", "open", "2s"])
    var plots = SeriesPlots()
    plots.take([
      "resolution": "raw", "columns": ["series", "time", "value"],
      "series": [["series": 1, "device": "d", "metric": "door"]],
      "rows": [[1, 5, "shut"], [1, 6, "shut"], [1, 7, "open"]],
    ])
    #expect(
      plots.lines(width: 80) == [
        "d door, raw", "  \(TextPlot.localTime(5))  shut", "  \(TextPlot.localTime(7))  open", "",
      ])
  }

  @Test("A table that is longer than the screen says how much is left out")
  func long() throws {
    var table = WatchTable()
    let series = (1...30).map { #"{"series":\#($0),"device":"d\#($0)","metric":"m","unit":null}"# }
    _ = table.take(
      nil,
      try JSONValue(
        parsing: Array(
          #"{"columns":["series","time","value"],"series":[\#(series.joined(separator: ","))]}"#
            .utf8
        ).span))
    let lines = table.render(height: 10, width: 80, now: Timestamp(seconds: 1))
    #expect(lines.count == 10)
    #expect(lines.last == "… and 22 more; narrow it by DEVICES/METRICS")
  }
}
