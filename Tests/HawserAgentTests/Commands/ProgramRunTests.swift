import AgentCore
import DeviceProtocol
import Glibc
import Synchronization
import Testing

@testable import hawser_agent

@Suite("Programs that commands run", .timeLimit(.minutes(2)))
struct ProgramRunTests {
  private struct Outcome {
    var end: ProgramEnd
    var printed: String
    var result: CommandResult
  }

  /// Runs a script of /bin/sh as a device's own program.
  private func run(
    _ script: String, stopAfterFirstPiece: Bool = false,
    _ change: (inout ProgramTemplate) -> Void = { _ in }
  ) throws -> Outcome {
    var template = ProgramTemplate("/bin/sh", ["-c", script])
    template.isOwn = true
    change(&template)
    let program = try Program(template, template.arguments, command: "c-1")
    let run = ProgramRun(program)
    var tail = OutputTail()
    let end = try run.run { piece in
      tail.append(piece)
      if stopAfterFirstPiece { run.stop() }
    }
    return Outcome(
      end: end, printed: tail.text?.text ?? "",
      result: ProgramDeed.result(end, program.limits, tail))
  }

  @Test("Output of both kinds and the exit code are told")
  func output() throws {
    let good = try run("echo out; echo err >&2")
    #expect(good.printed == "out\nerr\n" && good.result.outcome == .succeeded)
    #expect(good.result.exitCode == 0)
    let bad = try run("echo no; exit 3")
    #expect(bad.result.outcome == .failed && bad.result.exitCode == 3)
    #expect(bad.result.reason == "it ended with exit code 3" && bad.result.output == "no\n")
  }

  @Test("It has no input, nothing open but its output, and an environment of its own")
  func surroundings() throws {
    setenv("HAWSER_TEST_SECRET", "secret", 1)
    defer { unsetenv("HAWSER_TEST_SECRET") }
    let file = open("/dev/null", O_RDONLY)  // without O_CLOEXEC
    defer { close(file) }
    let outcome = try run(
      "wc -c; ls /proc/self/fd | wc -l; echo $HAWSER_COMMAND$HAWSER_TEST_SECRET$EXTRA; pwd"
    ) {
      $0.environment = ["EXTRA": "+"]
      $0.directory = "/usr"
    }
    let lines = outcome.printed.split(separator: "\n").map { $0.filter { $0 != " " } }
    // ls itself opens the folder that it lists.
    #expect(lines == ["0", "4", "c-1+", "/usr"])
  }

  @Test(
    "It runs as a user of its own, without other groups or a way back",
    .enabled(if: geteuid() == 0))
  func user() throws {
    let outcome = try run("id -un; id -G; grep NoNewPrivs /proc/self/status | tr -d '\\t'")
    let nobody = try #require(ProgramUser("nobody"))
    let lines = outcome.printed.split(separator: "\n").map(String.init)
    #expect(
      lines == [
        "nobody", nobody.groups.map(String.init).joined(separator: " "), "NoNewPrivs:1",
      ])
    #expect(throws: Program.Refusal(description: "this machine has no user no-such-user")) {
      try run("true") { $0.user = "no-such-user" }
    }
  }

  @Test("What cannot be started says why")
  func cannotStart() {
    for (path, text) in [
      ("/no/such/program", "No such file or directory"), ("/etc/passwd", "Permission denied"),
    ] {
      let error = #expect(throws: Program.Refusal.self) {
        var template = ProgramTemplate(path)
        template.isOwn = true
        _ = try ProgramRun(try Program(template, [], command: "c")).run { _ in }
      }
      #expect(error?.description == "cannot start \(path): the program itself: \(text)")
    }
    #expect(throws: Program.Refusal(description: "this machine has no no-such-tool")) {
      try Program(ProgramTemplate("no-such-tool"), [], command: "c")
    }
  }

  @Test("Memory, processor time, files and output have limits, and the result says which")
  func limits() throws {
    let memory = try run("x=a; while :; do x=$x$x; done") { $0.limits.memoryBytes = 32 << 20 }
    #expect(memory.result.outcome == .failed && memory.end.signal != SIGKILL)
    let processor = try run("while :; do :; done") { $0.limits.processorSeconds = 1 }
    #expect(processor.result.outcome == .failed)
    #expect(processor.end.signal == SIGXCPU || processor.end.signal == SIGKILL)
    let path = "/tmp/hawser-limits-\(getpid())"
    close(open(path, O_CREAT | O_WRONLY, 0o666))
    chmod(path, 0o666)
    defer { unlink(path) }
    let file = try run("exec dd if=/dev/zero of=\(path) bs=64k count=99") {
      $0.limits.fileBytes = 64 << 10
    }
    #expect(file.result.outcome == .failed)
    #expect(
      file.result.reason == "stopped, because it wrote a file of more than 65536 bytes")
    let flood = try run("while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done") {
      $0.limits.outputBytes = 100_000
    }
    #expect(flood.result.reason == "stopped, because it printed more than 100000 bytes")
    #expect((flood.result.outputBytes ?? 0) > 100_000)
    #expect((flood.result.output?.utf8.count ?? .max) <= ProtocolLimits.maxOutputBytes)
  }

  @Test("Output that is no text is said to be none")
  func binary() throws {
    let outcome = try run("printf '\\377\\376\\000'")
    #expect(outcome.result.output == "data:application/octet-stream;base64,//4A")
    #expect(outcome.result.outputBytes == 3)
  }

  @Test("Stopped, it goes with all that it started; deaf to SIGTERM, it is killed")
  func stop() throws {
    let polite = try run("sleep 600 & echo begun; wait", stopAfterFirstPiece: true)
    #expect(polite.end.wasStopped && polite.result.outcome == .cancelled)
    let deaf = try run(
      "trap '' TERM; echo begun; while :; do sleep 0.1; done", stopAfterFirstPiece: true)
    #expect(deaf.end.signal == SIGKILL && deaf.result.outcome == .cancelled)
  }

  @Test("What it leaves behind goes with it, and does not hold up its end")
  func leftovers() throws {
    let outcome = try run("sleep 600 & echo $!")
    #expect(outcome.result.outcome == .succeeded)
    let child = try #require(pid_t(outcome.printed.filter { $0 != "\n" }))
    var isGone = false
    for _ in 0..<100 where !isGone {
      isGone = kill(child, 0) != 0 || Self.isZombie(child)
      if !isGone { usleep(20_000) }
    }
    #expect(isGone)
  }

  private static func isZombie(_ process: pid_t) -> Bool {
    guard let file = fopen("/proc/\(process)/stat", "r") else { return true }
    defer { fclose(file) }
    var bytes = [CChar](repeating: 0, count: 256)
    guard fgets(&bytes, 256, file) != nil else { return true }
    let text = bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
    return String(decoding: text, as: UTF8.self).contains(") Z ")
  }
}

@Suite("Digital outputs")
struct OutputLinesTests {
  @Test("A line that this machine lacks, and a chip that is none, are told in words")
  func noLine() throws {
    let folder = "/tmp/hawser-gpio-\(getpid())"
    mkdir(folder, 0o700)
    defer {
      unlink("\(folder)/gpiochip0")
      rmdir(folder)
    }
    let none = #expect(throws: OutputLines.Failure.self) {
      try OutputLines(folder: folder).set("LAMP", to: true)
    }
    #expect(none?.description == "this machine has no GPIO line LAMP")
    close(open("\(folder)/gpiochip0", O_CREAT | O_WRONLY, 0o600))
    let other = #expect(throws: OutputLines.Failure.self) {
      try OutputLines(folder: folder).set("LAMP", to: true)
    }
    #expect(
      other?.description == "cannot set the GPIO line LAMP: Inappropriate ioctl for device")
  }
}

@Suite("The distance between readings")
struct SampleIntervalTests {
  @Test("What a command sets survives a restart, until it is taken back")
  func survives() throws {
    let path = "/tmp/hawser-interval-\(getpid())"
    defer { unlink(path) }
    var interval = SampleInterval(configured: .seconds(1), path: path)
    try interval.set(.milliseconds(2500))
    #expect(SampleInterval(configured: .seconds(1), path: path).current == .milliseconds(2500))
    try interval.set(nil)
    #expect(SampleInterval(configured: .seconds(7), path: path).current == .seconds(7))
    var unkept = SampleInterval(configured: .seconds(1), path: nil)
    try unkept.set(.seconds(3))
    #expect(unkept.current == .seconds(3))
    var lost = SampleInterval(configured: .seconds(1), path: "/no/such/folder/interval")
    #expect(throws: SpoolFailure.self) { try lost.set(.seconds(3)) }
    #expect(lost.current == .seconds(1))
  }
}
