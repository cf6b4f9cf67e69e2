import CLinux
import Glibc
import Synchronization

/// A running program: one thread reads what it prints and waits for its end. Stopping it ends the
/// whole process group, first with SIGTERM, after some seconds with SIGKILL; so does its own end.
final class ProgramRun: Sendable {
  private struct State {
    var process: pid_t?
    var stopAsked = false
  }

  private let program: Program
  private let state = Mutex(State())

  /// How long a program has after SIGTERM.
  static let grace = 3.0

  init(_ program: Program) {
    self.program = program
  }

  /// Asks it to stop. From any thread.
  func stop() {
    state.withLock { state in
      state.stopAsked = true
      // Under the lock it is not reaped, so that the number is still its own.
      if let process = state.process { kill(-process, SIGTERM) }
    }
  }

  /// Starts the program and returns when it is over.
  /// - Parameter printed: takes what it prints, piece by piece, on this thread.
  /// - Returns: how it ended.
  /// - Throws: why it could not be started.
  func run(printed: (ArraySlice<UInt8>) -> Void) throws(Program.Refusal) -> ProgramEnd {
    var ends: [Int32] = [0, 0]
    guard hawser_pipe(&ends) == 0 else { throw refusal("its output", errno) }
    let output = ends[0]
    defer { close(output) }
    let process: pid_t
    do throws(Program.Refusal) {
      process = try start(output: ends[1])
    } catch {
      close(ends[1])
      throw error
    }
    close(ends[1])
    let isStopped = state.withLock { state in
      state.process = process
      return state.stopAsked
    }
    if isStopped { kill(-process, SIGTERM) }
    _ = fcntl(output, F_SETFL, O_NONBLOCK)
    var end = ProgramEnd(exitCode: 0)
    end.isFlooded = watch(process, output, printed)
    reap(process, &end)
    return end
  }

  /// Reads until the program is over; says whether it printed too much.
  private func watch(
    _ process: pid_t, _ output: Int32, _ printed: (ArraySlice<UInt8>) -> Void
  ) -> Bool {
    let over = hawser_process_descriptor(process)
    defer { if over >= 0 { close(over) } }
    var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    var count = 0
    var isFlooded = false
    var isOpen = true
    var stopping: Double?
    while true {
      var waits = [
        pollfd(fd: over, events: Int16(POLLIN), revents: 0),
        pollfd(fd: isOpen ? output : -1, events: Int16(POLLIN), revents: 0),
      ]
      // Wakes four times a second to see whether it was told to stop and did not.
      poll(&waits, 2, 250)
      if isOpen { isOpen = read(output, &buffer, &count, printed) }
      if count > program.limits.outputBytes, !isFlooded {
        isFlooded = true
        kill(-process, SIGKILL)
      }
      if isOver(process) { break }
      if state.withLock({ $0.stopAsked }) {
        let now = Self.seconds()
        stopping = stopping ?? now
        if let stopping, now - stopping > Self.grace { kill(-process, SIGKILL) }
      }
      if over < 0, !isOpen { usleep(20_000) }
    }
    // What it started and left behind goes with it: its group is its own until it is reaped.
    kill(-process, SIGKILL)
    if isOpen, !isFlooded { _ = read(output, &buffer, &count, printed) }
    return isFlooded
  }

  /// Reads what there is; false at the end.
  private func read(
    _ output: Int32, _ buffer: inout [UInt8], _ count: inout Int,
    _ printed: (ArraySlice<UInt8>) -> Void
  ) -> Bool {
    while count <= program.limits.outputBytes {
      let got = Glibc.read(output, &buffer, buffer.count)
      if got < 0 && errno == EINTR { continue }
      if got < 0 { return errno == EAGAIN }
      if got == 0 { return false }
      count += got
      printed(buffer[0..<got])
    }
    return true
  }

  private func isOver(_ process: pid_t) -> Bool {
    var info = siginfo_t()
    let found = waitid(P_PID, id_t(process), &info, WEXITED | WNOHANG | WNOWAIT)
    return found != 0 || info.si_signo != 0
  }

  private func reap(_ process: pid_t, _ end: inout ProgramEnd) {
    let (status, wasStopped) = state.withLock { state in
      var status: Int32 = 0
      while waitpid(process, &status, 0) < 0 && errno == EINTR {}
      state.process = nil
      return (status, state.stopAsked)
    }
    end.wasStopped = wasStopped
    let signal = status & 0x7F
    end.signal = signal == 0 ? nil : signal
    end.exitCode = signal == 0 ? Int(status >> 8 & 0xFF) : 128 + Int(signal)
  }

  private func start(output: Int32) throws(Program.Refusal) -> pid_t {
    var error: Int32 = 0
    var step: UnsafePointer<CChar>?
    let process = withStrings([program.path] + program.arguments) { arguments in
      withStrings(program.environment.map { "\($0.key)=\($0.value)" }) { environment in
        program.path.withCString { path in
          program.directory.withCString { directory in
            (program.user?.groups ?? []).withUnsafeBufferPointer { groups in
              var start = hawser_program()
              start.path = path
              start.arguments = arguments
              start.environment = environment
              start.directory = directory
              start.output = output
              if let user = program.user {
                start.changes_user = 1
                start.user = user.user
                start.group = user.group
                start.groups = groups.baseAddress
                start.group_count = groups.count
              }
              start.memory_bytes = UInt64(program.limits.memoryBytes)
              start.processor_seconds = UInt64(program.limits.processorSeconds)
              start.file_bytes = UInt64(program.limits.fileBytes)
              return hawser_start(&start, &error, &step)
            }
          }
        }
      }
    }
    guard process > 0 else { throw refusal(step.map { String(cString: $0) } ?? "", error) }
    return process
  }

  private func withStrings<Result>(
    _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
  ) -> Result {
    var pointers = strings.map { strdup($0) }
    defer { for pointer in pointers { free(pointer) } }
    pointers.append(nil)
    return body(pointers)
  }

  private func refusal(_ step: String, _ error: Int32) -> Program.Refusal {
    Program.Refusal(
      description:
        "cannot start \(program.path): \(step): \(String(cString: strerror(error)))")
  }

  private static func seconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
