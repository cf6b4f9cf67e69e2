import Glibc

/// A line on the terminal that changes in place; nothing where standard error is none.
struct ProgressLine {
  private let isShown = isatty(STDERR_FILENO) == 1
  private var last = ""

  /// Shows a text in place of the one before.
  mutating func show(_ text: String) {
    guard isShown, text != last else { return }
    last = text
    write("\r\u{1B}[K\(TerminalText.clean(text))")
  }

  /// Takes the line away.
  mutating func clear() {
    guard isShown, !last.isEmpty else { return }
    last = ""
    write("\r\u{1B}[K")
  }

  /// `[######    ]`, so many of `width` cells.
  static func bar(_ share: Double, width: Int = 24) -> String {
    let filled = Int((max(0, min(share.isNaN ? 0 : share, 1)) * Double(width)).rounded(.down))
    return "["
      + String(repeating: "#", count: filled) + String(repeating: " ", count: width - filled)
      + "]"
  }

  private func write(_ text: String) {
    let bytes = Array(text.utf8)
    _ = bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }
}
