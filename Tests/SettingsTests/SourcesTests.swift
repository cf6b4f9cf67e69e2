import Settings
import Testing

@Suite("Sources of settings")
struct SourcesTests {
  @Test("Without any source every key has its default")
  func defaults() throws {
    let settings = try Sample.load()
    #expect(settings[Sample.listen] == "127.0.0.1:8080")
    #expect(settings[Sample.flush] == .milliseconds(250))
    #expect(settings[Sample.certificate] == nil)
    #expect(settings.source(of: Sample.listen) == .builtIn)
  }

  @Test("The file gives way to the environment, the environment to the arguments")
  func precedence() throws {
    let yaml = "listen: 1:1\nstate: f\nstore:\n  batch: 1\n"
    let settings = try Sample.load(
      yaml, environment: ["SAMPLE_STATE": "e", "SAMPLE_STORE_BATCH": "2", "HOME": "/"],
      arguments: [SettingsArgument(assignment: "store.batch=3")])
    #expect(settings[Sample.listen] == "1:1")
    #expect(settings[Sample.state] == "e")
    #expect(settings[Sample.batch] == 3)
    #expect(settings.source(of: Sample.listen).description == "s.yaml:1")
    #expect(settings.source(of: Sample.state).description == "$SAMPLE_STATE")
    #expect(settings.source(of: Sample.batch).description == "--set")
  }

  @Test("Every kind is read from the file's notation")
  func kindsFromFile() throws {
    let settings = try Sample.load(
      """
      log: {level: debug, json: true}
      store:
        flushInterval: 1.5s
        cache: 2GiB
        batch: 1_000
        ratio: 0.5
      tls:
        certificate: /etc/c.pem
      sensors:
        - cpu
        - "disk"
      labels: {site: lab, room: "3"}
      """)
    #expect(settings[Sample.level] == "debug")
    #expect(settings[Sample.json])
    #expect(settings[Sample.flush] == .milliseconds(1500))
    #expect(settings[Sample.cache] == 2 << 30)
    #expect(settings[Sample.batch] == 1000)
    #expect(settings[Sample.ratio] == 0.5)
    #expect(settings[Sample.certificate] == "/etc/c.pem")
    #expect(settings[Sample.sensors] == ["cpu", "disk"])
    #expect(settings[Sample.labels] == ["site": "lab", "room": "3"])
  }

  @Test("Lists and maps are written with commas in the environment")
  func kindsFromEnvironment() throws {
    let settings = try Sample.load(environment: [
      "SAMPLE_SENSORS": "cpu, disk", "SAMPLE_LABELS": "site=lab,room=3",
      "SAMPLE_TLS_CERTIFICATE": "",
    ])
    #expect(settings[Sample.sensors] == ["cpu", "disk"])
    #expect(settings[Sample.labels] == ["site": "lab", "room": "3"])
    #expect(settings[Sample.certificate] == nil)
  }

  @Test("A null takes an optional key's value away")
  func null() throws {
    let settings = try Sample.load("tls:\n  certificate: ~\n")
    #expect(settings[Sample.certificate] == nil)
    #expect(settings.source(of: Sample.certificate) == .file(path: "s.yaml", line: 2))
  }

  @Test("The environment name of a key follows one rule, and no two keys share one")
  func environmentNames() {
    #expect(
      Sample.schema.environmentName(of: "store.flushInterval") == "SAMPLE_STORE_FLUSH_INTERVAL")
    let names = Sample.schema.settings.map { Sample.schema.environmentName(of: $0.name) }
    #expect(Set(names).count == names.count)
  }

  @Test("Variables of another program with a longer prefix are left alone")
  func foreign() {
    #expect(Sample.problems(environment: ["SAMPLE_AGENT_STATE": "x"]).isEmpty)
  }

  @Test(
    "Empty files, comments alone and empty groups are no problem",
    arguments: ["", "# a\n", "~", "store:\n"])
  func empty(yaml: String) {
    #expect(Sample.problems(yaml).isEmpty)
  }

  @Test("The process's environment can be read")
  func processEnvironment() {
    #expect(ProcessEnvironment.current()["PATH"]?.isEmpty == false)
  }
}
