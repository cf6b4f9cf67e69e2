import TelemetryModel
import Testing

@testable import hawser

@Suite("What watch shows")
struct WatchTableTests {
  private func json(_ text: String) throws -> JSONValue {
    try JSONValue(parsing: Array(text.utf8).span)
  }

  private func table(columns: String = #""last","mean","min","max""#) throws -> WatchTable {
    var table = WatchTable()
    try begin(&table, series: 7, columns: columns)
    return table
  }

  private func begin(
    _ table: inout WatchTable, series: Int, columns: String = #""last","mean","min","max""#
  ) throws {
    _ = table.take(
      nil,
      try json(
        #"""
        {"cursor":"1-2","columns":["series","windowStart",\#(columns)],"series":[
        {"series":\#(series),"device":"a-device-of-a-long-name","metric":"some.temperature","unit":"Cel"}]}
        """#))
  }

  @Test("However narrow a screen is, there is a value", arguments: [20, 30, 40, 60, 80, 200])
  func narrow(width: Int) throws {
    var table = try table()
    _ = table.take("update", try json(#"{"rows":[[7,100,20.25,20,19,21]]}"#))
    let lines = table.render(height: 10, width: width, now: Timestamp(seconds: 101))
    #expect(lines.count == 2)
    #expect(lines.allSatisfy { $0.count <= width })
    #expect(lines[1].contains("20.25"), "\(lines)")
  }

  @Test("A subscription that begins anew goes on with what is known")
  func anew() throws {
    var table = try table()
    for time in 1...3 {
      _ = table.take("update", try json("{\"rows\":[[7,\(time),\(time),1,1,1]]}"))
    }
    try begin(&table, series: 1)
    let before = table.render(height: 10, width: 120, now: Timestamp(seconds: 4))
    #expect(before[1].hasSuffix("▁▅█"))
    _ = table.take("update", try json(#"{"rows":[[1,4,4,1,1,1]]}"#))
    #expect(table.render(height: 9, width: 120, now: Timestamp(seconds: 5))[1].hasSuffix("▁▃▆█"))
  }

  @Test("Texts and data are shown, and no terminal obeys them")
  func texts() throws {
    var table = try table(columns: #""value","quality","received""#)
    _ = table.take(
      "update", try json(#"{"rows":[[7,1,"a \u001b[2J b",null,null]]}"#))
    let lines = table.render(height: 10, width: 120, now: Timestamp(seconds: 4))
    #expect(lines[1].contains(#"a \u001b[2J b"#) || lines[1].contains("\u{FFFD}"))
    #expect(!lines[1].unicodeScalars.contains("\u{1B}"))
    let plain = WatchScreen.plain(
      try json(
        #"{"device":"d","metric":"m","time":1,"value":"on","quality":null,"received":null}"#))
    #expect(plain == #"1970-01-01T00:00:01Z d m value="on""#)
    let data = WatchScreen.plain(
      try json(
        #"{"device":"d","metric":"m","time":1,"value":{"vd":"AQI"},"quality":"late","received":2}"#)
    )
    #expect(
      data
        == #"1970-01-01T00:00:01Z d m value=vd:AQI quality="late" received=1970-01-01T00:00:02Z"#)
  }

  @Test("What a terminal would obey is replaced, in JSON escaped")
  func clean() throws {
    let text = "a\u{1B}[31m\u{7F}\u{9B}2J\u{2028}\u{202E}ö\t"
    let clean = "a\u{FFFD}[31m\u{FFFD}\u{FFFD}2J\u{FFFD}\u{FFFD}ö\t"
    #expect(TerminalText.clean(text) == clean)
    let value = JSONValue.string(text)
    let escaped = TerminalText.escaped(value.description)
    #expect(
      escaped.unicodeScalars.allSatisfy { $0.value == 0xF6 || (0x20..<0x7F).contains($0.value) })
    #expect(try json(escaped) == value)
  }

  @Test(
    "Refusals name what was typed",
    arguments: [
      ("params.functions[0]", "--functions: no"), ("device", "QUERY: no"), ("nothing", "no"),
      ("params.query.labels.site", "--label: no"), ("maxRate", "--max-rate: no"),
    ])
  func options(_ field: String, _ text: String) {
    #expect(OptionNames.text("no", field: field) == text)
  }
}
