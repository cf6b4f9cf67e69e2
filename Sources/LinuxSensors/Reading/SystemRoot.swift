/// Where `/proc` and `/sys` are: below `/` on a live system, below a recorded tree in tests.
package struct SystemRoot: Hashable, Sendable {
  /// The folder that holds `proc` and `sys`, without a slash at its end.
  package let path: String

  /// A root folder; `/` or empty means the live system.
  package init(_ path: String = "/") {
    var path = path
    while path.hasSuffix("/") { path.removeLast() }
    self.path = path
  }

  func proc(_ name: String) -> String { "\(path)/proc/\(name)" }
  func sys(_ name: String) -> String { "\(path)/sys/\(name)" }
}
