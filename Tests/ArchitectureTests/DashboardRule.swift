/// What the page's policy `default-src 'self'` would block, found before a browser does.
enum DashboardRule {
  static func violations(in file: SourceFile) -> [Violation] {
    file.lines.enumerated().compactMap { index, line in
      // A namespace is a name, not an address that is fetched.
      let text = line.replacing("http://www.w3.org/2000/svg", with: "")
      let offence: String? =
        if text.contains(/https?:\/\//) {
          "address outside the broker"
        } else if text.contains(/<script(?![^>]*\bsrc=)/) || text.contains(/<style\b/) {
          "inline script or style element"
        } else if text.contains(/<[^>]*\s(?:on\w+|style)\s*=/) {
          "inline handler or style attribute"
        } else if text.contains(/\b(?:eval|Function)\(|setAttribute\('style'|\.innerHTML\b/) {
          "text run or read as code"
        } else {
          nil
        }
      return offence.map { Violation(path: file.path, line: index + 1, message: $0) }
    }
  }
}
