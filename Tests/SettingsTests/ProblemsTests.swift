import Settings
import Testing

@Suite("Problems with settings")
struct ProblemsTests {
  @Test("All problems of all sources are reported at once, each with its place")
  func allAtOnce() {
    let problems = Sample.problems(
      """
      listen: here
      store:
        flushInterval: soon
        flushIntervall: 1s
        batch: 0
      """,
      environment: ["SAMPLE_STORE_RATIO": "2", "SAMPLE_STORE_BACH": "1"],
      arguments: [SettingsArgument("--level", key: "log.level", value: "loud")])
    #expect(
      problems == [
        "s.yaml:1: listen: expected ADDRESS:PORT, found \"here\"",
        "s.yaml:3: store.flushInterval: expected a duration from 1ms to 1h, such as 250ms, 20s or "
          + "24h, found \"soon\"",
        "s.yaml:4: store.flushIntervall: expected a known key (did you mean store.flushInterval?), "
          + "found an unknown one",
        "s.yaml:5: store.batch: expected a whole number from 1 to 10000 (packs), found \"0\"",
        "$SAMPLE_STORE_BACH: expected the name of a setting (did you mean SAMPLE_STORE_BATCH?), "
          + "found a variable that none has",
        "$SAMPLE_STORE_RATIO: store.ratio: expected a number from 0.0 to 1.0, found \"2\"",
        "--level: log.level: expected one of debug, info, error, found \"loud\"",
      ])
  }

  @Test(
    "Values of the wrong shape say what was found",
    arguments: [
      ("log: loud", "s.yaml:1: log: expected a group of keys, found \"loud\""),
      ("listen: [a, b]", "s.yaml:1: listen: expected ADDRESS:PORT, found a list of 2"),
      ("listen:", "s.yaml:1: listen: expected ADDRESS:PORT, found nothing"),
      (
        "labels: {a: {b: c}}",
        "s.yaml:1: labels: expected a map of names to texts, found a map with more than texts in it"
      ),
      ("labels: text", "s.yaml:1: labels: expected a map of names to texts, found \"text\""),
      ("log:\n  json: yes", "s.yaml:2: log.json: expected true or false, found \"yes\""),
      ("- a", "s.yaml:1: expected keys with values (\"key: value\"), found a list of 1"),
      ("zzzzzzzzzzz: 1", "s.yaml:1: zzzzzzzzzzz: expected a known key, found an unknown one"),
      ("state: \"a\\u0007b\"", "s.yaml:1: state: expected a path, found \"a\\u{07}b\""),
    ])
  func shapes(yaml: String, problem: String) {
    #expect(Sample.problems(yaml) == [problem])
  }

  @Test(
    "Malformed YAML is reported with line and column",
    arguments: [
      ("listen: \"abc\n", "s.yaml:2:1: expected YAML, found unexpected end of stream"),
      ("a: b: c", "s.yaml:1:5: expected YAML, found mapping values are not allowed"),
      ("listen: a\nlisten: b", "s.yaml:2:1: expected YAML, found key \"listen\" a second time"),
      ("a: &x 1\nb: *x", "s.yaml:2:4: expected YAML, found an alias"),
      ("state: a\n---\nstate: b", "s.yaml:2:1: expected YAML, found a second document"),
      ("? [a]\n: b", "s.yaml:1:3: expected YAML, found a key that is not a plain name"),
      ("\t- a", "s.yaml:1:1: expected YAML, found character that cannot start any token"),
    ])
  func malformed(yaml: String, start: String) {
    let problems = Sample.problems(yaml)
    #expect(problems.count == 1)
    #expect(problems.first?.hasPrefix(start) == true, "\(problems)")
  }

  @Test("Bytes that are not UTF-8 are reported at their place")
  func notUTF8() {
    do throws(SettingsErrors) {
      _ = try Sample.schema.load(
        file: SettingsFile(path: "s.yaml", bytes: Array("state: a\nlisten: ".utf8) + [0xFF]))
      Issue.record("accepted")
    } catch {
      #expect(error.problems.first?.source == .file(path: "s.yaml", line: 2, column: 9))
    }
  }

  @Test("Deep nesting is refused rather than followed")
  func deep() {
    let yaml = String(repeating: "[", count: 1000)
    #expect(Sample.problems(yaml).first?.contains("nested deeper") == true)
  }

  @Test("A secret's value is neither in problems nor among effective values")
  func secrets() throws {
    let long = String(repeating: "s3cret", count: 300)
    let problems = Sample.problems(environment: ["SAMPLE_PROXY_PASSWORD": long])
    #expect(problems.count == 1)
    #expect(problems.allSatisfy { !$0.contains("s3cret") })
    let settings = try Sample.load(environment: ["SAMPLE_PROXY_PASSWORD": "s3cret"])
    #expect(settings[Sample.password] == "s3cret")
    #expect(
      settings.effective.map(\.description).contains(
        "proxy.password: (set)  # $SAMPLE_PROXY_PASSWORD"))
    #expect(settings.effective.allSatisfy { !$0.text.contains("s3cret") })
    let bare = try Sample.load()
    #expect(bare.effective.map(\.description).contains("proxy.password: (not set)  # default"))
  }

  @Test("A missing file is a problem that names it")
  func missing() {
    #expect(throws: SettingsErrors.self) { try SettingsFile.read(path: "/no/such/file.yaml") }
    do throws(SettingsErrors) {
      _ = try SettingsFile.read(path: "/no/such/file.yaml")
    } catch {
      #expect(
        error.description
          == "/no/such/file.yaml: expected a readable file, found No such file or directory")
    }
  }

  @Test("A problem of two keys together is reported where one was set")
  func together() throws {
    let settings = try Sample.load("store:\n  batch: 7\n")
    #expect(
      settings.problem(with: Sample.batch, expected: "fewer than store.cache").description
        == "s.yaml:2: store.batch: expected fewer than store.cache, found 7")
  }
}
