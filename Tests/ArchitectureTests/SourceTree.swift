import Foundation
import Testing

/// One text file of the repository: where it is (from the top folder) and what it says.
struct SourceFile: Sendable, CustomTestStringConvertible {
  let path: String
  let text: String

  var testDescription: String { path }

  var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

  /// `BrokerCore` for `Sources/BrokerCore/Live/LiveHub.swift`; nil outside `Sources`.
  var target: String? {
    let parts = path.split(separator: "/")
    return parts.count > 2 && parts[0] == "Sources" ? String(parts[1]) : nil
  }
}

/// Something a rule found wrong; `line` counts from 1.
struct Violation: Equatable, CustomStringConvertible {
  let path: String
  let line: Int
  let message: String

  var description: String { "\(path):\(line): \(message)" }
}

/// The files that are, or are about to be, committed: what git tracks plus what it does not ignore.
enum SourceTree {
  static let root = URL(filePath: #filePath).resolvingSymlinksInPath()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  static let paths: [String] = {
    let git = Process()
    git.executableURL = URL(filePath: "/usr/bin/env")
    git.arguments = [
      "git", "-C", root.path, "ls-files", "--cached", "--others", "--exclude-standard", "-z",
    ]
    let output = Pipe()
    git.standardOutput = output
    do {
      try git.run()
    } catch {
      return []
    }
    let data = output.fileHandleForReading.readDataToEndOfFile()
    git.waitUntilExit()
    let listed = String(decoding: data, as: UTF8.self).split(separator: "\0").map(String.init)
    // A file that was deleted but not yet committed as such is still listed.
    return Set(listed).sorted().filter {
      FileManager.default.fileExists(atPath: root.appending(path: $0).path)
    }
  }()

  /// Every file that is UTF-8 text.
  static let files: [SourceFile] = paths.compactMap { path in
    guard let text = try? String(contentsOf: root.appending(path: path), encoding: .utf8) else {
      return nil
    }
    return SourceFile(path: path, text: text)
  }

  static let swiftSources = files.filter { $0.path.hasSuffix(".swift") && $0.target != nil }
}
