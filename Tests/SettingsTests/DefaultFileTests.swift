import Settings
import Testing

@Suite("The default file")
struct DefaultFileTests {
  @Test("Reads back as the defaults, every key set in it, every line short")
  func roundTrip() throws {
    let text = Sample.schema.defaultFile
    let settings = try Sample.load(text)
    let bare = try Sample.load()
    #expect(settings.effective.map(\.text) == bare.effective.map(\.text))
    #expect(settings.effective.allSatisfy { $0.source != .builtIn })
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 100 })
  }

  @Test("Has a comment with the environment name above each key, groups in one place")
  func comments() {
    let text = Sample.schema.defaultFile
    #expect(text.contains("# What is kept, and how.\nstore:\n"))
    #expect(
      text.contains(
        """
          # The most packs a transaction.
          # SAMPLE_STORE_BATCH: a whole number from 1 to 10000 (packs).
          batch: 500
        """))
    #expect(text.contains("\nlabels: {}\n"))
    #expect(text.contains("  certificate: null\n"))
  }

  @Test(
    "Text survives being written and read, whatever is in it",
    arguments: [
      "plain", "a: b", "# no", "null", "true", "- x", "\"q\" \\", "é ü 水", "a:", "[x]", "*a", "1",
      " pad ",
    ])
  func text(value: String) throws {
    let setting = Setting("key", .string(), default: value, "A key.")
    let schema = SettingsSchema(program: "p", environmentPrefix: "P_", settings: [setting])
    let settings = try schema.load(
      file: SettingsFile(path: "p.yaml", bytes: Array(schema.defaultFile.utf8)))
    #expect(settings[setting] == value)
    let list = Setting("key", .list(), default: [value, "x"], "A list.")
    let lists = SettingsSchema(program: "p", environmentPrefix: "P_", settings: [list])
    let read = try lists.load(
      file: SettingsFile(path: "p.yaml", bytes: Array(lists.defaultFile.utf8)))
    #expect(read[list] == [value, "x"])
  }
}

@Suite("Notations")
struct NotationTests {
  @Test(
    "Durations are read with their unit",
    arguments: [
      ("250ms", Duration.milliseconds(250)), ("1.5s", .milliseconds(1500)), ("5m", .seconds(300)),
      ("5min", .seconds(300)), ("24h", .seconds(86_400)), ("2d", .seconds(172_800)), ("0s", .zero),
      ("20 s", .seconds(20)), ("10us", .microseconds(10)),
    ])
  func durations(text: String, duration: Duration) {
    #expect(DurationText.parse(text) == duration)
    #expect(DurationText.parse(DurationText.text(duration)) == duration)
  }

  @Test(
    "Durations without a unit, negative, endless or wrong are refused",
    arguments: [
      "", "5", "-1s", "s", "1e3s", "infs", "1.s", ".5s", "1..5s", "9999999999999d", "1 x",
    ])
  func badDurations(text: String) {
    #expect(DurationText.parse(text) == nil)
  }

  @Test(
    "Sizes are read in binary and decimal units",
    arguments: [
      ("64MiB", 64 << 20), ("10MB", 10_000_000), ("512", 512), ("1.5KiB", 1536), ("0B", 0),
    ])
  func sizes(text: String, bytes: Int) {
    #expect(ByteSize.parse(text) == bytes)
    #expect(ByteSize.parse(ByteSize.text(bytes)) == bytes)
  }

  @Test("Wrong sizes are refused", arguments: ["", "-1", "1 XB", "9999999TiB", "MiB", "1,5KiB"])
  func badSizes(text: String) {
    #expect(ByteSize.parse(text) == nil)
  }

  @Test("Durations are written in the largest whole unit")
  func writing() {
    #expect(DurationText.text(.seconds(90)) == "90s")
    #expect(DurationText.text(.seconds(120)) == "2m")
    #expect(DurationText.text(.seconds(259_200)) == "3d")
    #expect(ByteSize.text(1000) == "1000B")
    #expect(ByteSize.text(1 << 30) == "1GiB")
  }
}
