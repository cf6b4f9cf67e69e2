import Glibc
import Synchronization

/// Kills the process groups that tests started when the test program ends, however it ends.
///
/// A child process holds the reading end of a pipe that only this program can write to. It is told
/// of every group that starts and ends; when the pipe closes, because this program finished, crashed
/// or was killed, it kills the groups that are left.
enum Reaper {
  private static let pipeEnd = Mutex<Int32?>(nil)

  private static let script = """
    groups=" "
    while read -r change group; do
      case $change in
        started) groups="$groups$group " ;;
        ended) groups=${groups/" $group "/" "} ;;
      esac
    done
    for group in $groups; do kill -KILL -- "-$group" 2>/dev/null; done
    """

  static func started(group: pid_t) { tell("started \(group)\n") }
  static func ended(group: pid_t) { tell("ended \(group)\n") }

  private static func tell(_ line: String) {
    pipeEnd.withLock { end in
      if end == nil { end = launch() }
      guard let end else { return }
      _ = Array(line.utf8).withUnsafeBytes { write(end, $0.baseAddress, $0.count) }
    }
  }

  private static func launch() -> Int32? {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { return nil }
    // No program under test may inherit the writing end: it would keep the pipe open for ever.
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { close(ends[0]) }
    let spawned = try? Spawn.start(
      "/bin/bash", ["-c", script], environment: [:], folder: nil, input: ends[0], output: nil,
      errors: nil)
    return spawned == nil ? nil : ends[1]
  }
}
