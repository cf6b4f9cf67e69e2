import Glibc

/// The process's limit of open files, and how many connections fit in it.
///
/// A server without descriptors left cannot even refuse: it would spin on `accept`. So the broker
/// takes no more connections than descriptors allow; what is over waits in the system's queue.
enum FileLimit {
  /// Descriptors kept for the store, logs, and what the runtime opens.
  static let reserved = 64

  /// Raises the soft limit to the hard one, and returns what is in force.
  static func raise() -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
    var raised = limit
    raised.rlim_cur = limit.rlim_max
    if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0 { limit = raised }
    return Int(clamping: limit.rlim_cur)
  }

  /// The connections to take: what is wanted, or what `descriptors` allow; at least 16.
  static func connections(wanted: Int, descriptors: Int) -> Int {
    max(16, min(wanted, descriptors - reserved))
  }
}
