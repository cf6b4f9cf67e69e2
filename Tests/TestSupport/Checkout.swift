package import Foundation

/// Where the files that a test with real processes needs are.
package enum Checkout {
  /// The repository's top folder.
  package static let root = URL(filePath: #filePath).resolvingSymlinksInPath()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The folder of the built programs: the one that this test program was built into.
  package static let products = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent()

  /// The Python interpreter of the tests' own environment, made by `config/test.sh`.
  ///
  /// Throws `TestFailure` with the way out when it is not there.
  package static func python() throws -> URL {
    let path = ProcessInfo.processInfo.environment["HAWSER_TEST_PYTHON"]
    let python =
      path.map { URL(filePath: $0) } ?? root.appending(path: ".build/test-python/bin/python")
    guard FileManager.default.isExecutableFile(atPath: python.path) else {
      throw TestFailure("no \(python.path): run config/test.sh once, it makes the tests' Python")
    }
    return python
  }

  /// A built program, `hawser` or `hawser-agent`.
  package static func program(_ name: String) throws -> URL {
    let program = products.appending(path: name)
    guard FileManager.default.isExecutableFile(atPath: program.path) else {
      throw TestFailure("no \(program.path): build the package first")
    }
    return program
  }

  /// A program of the release build, which `config/test.sh --slow` makes.
  ///
  /// Throws `TestFailure` with the way out when it is not there.
  package static func releaseProgram(_ name: String) throws -> URL {
    let program = root.appending(path: ".build/release/\(name)")
    guard FileManager.default.isExecutableFile(atPath: program.path) else {
      throw TestFailure("no \(program.path): config/test.sh --slow builds it")
    }
    return program
  }

  /// Where screenshots and other results for people go; made when missing.
  package static func artefacts() throws -> URL {
    let path = ProcessInfo.processInfo.environment["HAWSER_TEST_ARTEFACTS"]
    let folder = path.map { URL(filePath: $0) } ?? root.appending(path: ".build/test-artefacts")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder
  }

  /// Whether tests that take minutes are to run: `config/test.sh --slow`, or `CI=true`.
  package static let runsSlowTests =
    ProcessInfo.processInfo.environment["HAWSER_SLOW_TESTS"] == "1"
}

/// Why a test could not go on, in words for the one who reads its output.
package struct TestFailure: Error, CustomStringConvertible {
  /// The words.
  package let description: String

  /// Keeps the words.
  package init(_ description: String) {
    self.description = description
  }
}
