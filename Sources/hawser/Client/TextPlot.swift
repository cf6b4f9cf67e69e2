import TelemetryModel

/// A small chart for a terminal, in Braille dots: two columns and four rows of them a character.
enum TextPlot {
  /// A point; nil where nothing was measured.
  typealias Point = (time: Double, value: Double)

  /// Lines of a chart of at most `width` characters and `height` lines, with the lowest and highest
  /// value at its left and the first and last time below.
  static func lines(_ points: [Point], width: Int, height: Int) -> [String] {
    guard let first = points.map(\.time).min(), let last = points.map(\.time).max(),
      let low = points.map(\.value).min(), let high = points.map(\.value).max()
    else { return ["nothing was measured"] }
    let labels = [TextTable.number(high), TextTable.number(low)]
    let margin = labels.map(\.count).max() ?? 0
    let columns = max(8, width - margin - 2)
    let rows = max(1, height)
    var dots = [[UInt8]](repeating: [UInt8](repeating: 0, count: columns), count: rows)
    for point in points {
      let x = place(point.time, first, last, columns * 2)
      let y = rows * 4 - 1 - place(point.value, low, high, rows * 4)
      dots[y / 4][x / 2] |= bit(x % 2, y % 4)
    }
    var lines: [String] = []
    for (row, cells) in dots.enumerated() {
      let label = row == 0 ? labels[0] : row == rows - 1 ? labels[1] : ""
      let blanks = String(repeating: " ", count: margin - label.count)
      var text = blanks + label + " │"
      for cell in cells { text.unicodeScalars.append(braille(cell)) }
      lines.append(text)
    }
    return lines + [times(first, last, margin: margin + 2, width: columns)]
  }

  private static func place(_ value: Double, _ low: Double, _ high: Double, _ count: Int) -> Int {
    // Halved, as the span of the largest numbers is none.
    let part = (value / 2 - low / 2) / (high / 2 - low / 2)
    guard part.isFinite else { return count / 2 }
    return min(count - 1, max(0, Int(part * Double(count - 1) + 0.5)))
  }

  /// Unicode numbers the dots of a pattern by columns, the lowest row last.
  private static func bit(_ x: Int, _ y: Int) -> UInt8 {
    y == 3 ? (x == 0 ? 0x40 : 0x80) : 1 << UInt8(y + 3 * x)
  }

  private static func braille(_ dots: UInt8) -> Unicode.Scalar {
    Unicode.Scalar(0x2800 + UInt32(dots)) ?? " "
  }

  private static func times(_ first: Double, _ last: Double, margin: Int, width: Int) -> String {
    let begin = TextTable.time(Timestamp(seconds: first.rounded(.down)))
    let end = TextTable.time(Timestamp(seconds: last.rounded(.down)))
    let between = max(1, width - begin.count - end.count)
    return String(repeating: " ", count: margin) + begin
      + String(repeating: " ", count: between) + end
  }

  private static let bars = Array("▁▂▃▄▅▆▇█")

  /// The newest values as bars, one character each.
  static func spark(_ values: some Collection<Double>) -> String {
    guard let low = values.min(), let high = values.max() else { return "" }
    return String(values.map { bars[place($0, low, high, bars.count)] })
  }
}
