import BenchmarkSupport
import Glibc

/// A broker of its own for the measurement, with a store that goes with it.
final class BrokerProcess {
  let port: Int
  private let process: pid_t
  private let folder: String

  init(_ program: String) throws {
    var template = Array("\(BrokerProcess.temporary)/live-bench-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw BenchmarkError("no folder") }
    folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    var pipes: [Int32] = [0, 0]
    pipe(&pipes)
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_adddup2(&actions, pipes[1], 1)
    posix_spawn_file_actions_addclose(&actions, pipes[0])
    let words = [
      program, "broker", "--listen", "127.0.0.1:0", "--state", folder, "--set", "log.level=error",
    ]
    var strings: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
    strings.append(nil)
    var process: pid_t = 0
    let status = posix_spawn(&process, program, &actions, nil, strings, environ)
    for string in strings { free(string) }
    Glibc.close(pipes[1])
    guard status == 0 else { throw BenchmarkError("cannot start \(program)") }
    self.process = process
    var line: [UInt8] = []
    var byte: UInt8 = 0
    while read(pipes[0], &byte, 1) == 1, byte != 10 { line.append(byte) }
    let text = String(decoding: line, as: UTF8.self)
    let digits = text.split(separator: ":").last?.prefix { $0.isNumber } ?? ""
    guard let port = Int(digits) else {
      kill(process, SIGKILL)
      throw BenchmarkError("the broker says: \(text)")
    }
    self.port = port
  }

  private static var temporary: String {
    getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
  }

  func stop() {
    kill(process, SIGTERM)
    var status: Int32 = 0
    waitpid(process, &status, 0)
    for name in ["telemetry.sqlite", "telemetry.sqlite-wal", "telemetry.sqlite-shm", "lock"] {
      unlink("\(folder)/\(name)")
    }
    rmdir(folder)
  }

  /// CPU time so far of all threads, in seconds, the kernel's share included.
  func cpuSeconds() -> Double {
    var clock: clockid_t = 0
    var time = timespec()
    guard clock_getcpuclockid(process, &clock) == 0, clock_gettime(clock, &time) == 0 else {
      return 0
    }
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  func residentKB() -> Int {
    for line in text("/proc/\(process)/smaps_rollup").split(separator: "\n")
    where line.hasPrefix("Rss:") {
      return line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    }
    return 0
  }

  private func text(_ path: String) -> String {
    let descriptor = open(path, O_RDONLY)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 4_096)
    let count = read(descriptor, &bytes, bytes.count)
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
  }
}
