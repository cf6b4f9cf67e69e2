import Glibc

/// Puts a fresh copy of this program in the place of this process: same arguments, same
/// environment, same process id, so that whoever supervises it sees no end.
enum Restart {
  /// Does not return where it works.
  /// - Returns: why it did not.
  static func now() -> String {
    var arguments: [UnsafeMutablePointer<CChar>?] = CommandLine.arguments.map { strdup($0) }
    arguments.append(nil)
    var path = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
    // The path itself, so that an updated program is the one that starts.
    let length = readlink("/proc/self/exe", &path, path.count - 1)
    guard length > 0 else { return String(cString: strerror(errno)) }
    let found = String(decoding: path.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self)
    let mark = " (deleted)"
    let program = found.hasSuffix(mark) ? String(found.dropLast(mark.count)) : found
    // Signals that wait or are blocked would stay so in the fresh program.
    var none = sigset_t()
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, nil)
    // Whatever libraries left open without saying that it is not to be passed on.
    for descriptor in 3..<Int32(1024) { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    execv(program, arguments)
    return String(cString: strerror(errno))
  }
}
