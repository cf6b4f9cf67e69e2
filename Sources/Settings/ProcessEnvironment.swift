@preconcurrency import Glibc

/// The process's environment without Foundation.
package enum ProcessEnvironment {
  /// Every variable as it is now. Call it at the start, before threads may call `setenv`.
  package static func current() -> [String: String] {
    var variables: [String: String] = [:]
    var entry = environ
    while let text = entry.pointee {
      let line = String(cString: text)
      if let equals = line.firstIndex(of: "=") {
        variables[String(line[..<equals])] = String(line[line.index(after: equals)...])
      }
      entry += 1
    }
    return variables
  }
}
