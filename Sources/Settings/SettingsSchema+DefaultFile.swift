extension SettingsSchema {
  /// The commented file that holds every key at its default. The repository's copy is compared
  /// with it by a test, so that file and declarations cannot drift apart.
  package var defaultFile: String {
    var lines = wrapped(
      "Every setting of \(program) at its default. A value given here gives way to the environment "
        + "variable that stands above it, and that to the command line (--set KEY=VALUE).",
      indent: "")
    appendGroup("", depth: 0, to: &lines)
    return lines.joined(separator: "\n") + "\n"
  }

  private func appendGroup(_ prefix: String, depth: Int, to lines: inout [String]) {
    let indent = String(repeating: "  ", count: depth)
    var done: Set<String> = []
    for setting in settings where setting.name.hasPrefix(prefix) {
      let rest = setting.name.dropFirst(prefix.count)
      let part = String(rest.prefix { $0 != "." })
      guard done.insert(part).inserted else { continue }
      lines.append("")
      guard part.count == rest.count else {
        let group = prefix + part
        if let doc = groups[group] { lines += wrapped(doc, indent: indent) }
        lines.append("\(indent)\(part):")
        appendGroup(group + ".", depth: depth + 1, to: &lines)
        continue
      }
      lines += wrapped(setting.doc, indent: indent)
      lines += wrapped(
        "\(environmentName(of: setting.name)): \(setting.expectation).", indent: indent)
      lines.append("\(indent)\(part): \(setting.defaultText)")
    }
  }

  private func wrapped(_ text: String, indent: String) -> [String] {
    var lines: [String] = []
    var line = "\(indent)#"
    for word in text.split(separator: " ") {
      if line.count + 1 + word.count > 100 {
        lines.append(line)
        line = "\(indent)#"
      }
      line += " \(word)"
    }
    return lines + [line]
  }
}
