import Glibc
import TelemetryModel

/// A small chart for a terminal, in Braille dots: two columns and four rows of them a character.
struct TextPlot {
  /// What was measured at a time, in seconds since 1970.
  typealias Point = (time: Double, value: Double)

  /// The times at both ends, in seconds since 1970: one for all charts that stand below one another.
  var from: Double
  var to: Double
  /// How far two points may lie apart, in seconds, to be joined by a line; what is further is a gap.
  var joined: Double
  /// The most characters of a line.
  var width: Int
  /// How many lines of dots there are.
  var height: Int
  /// The symbol of what is measured: bytes have prefixes of their own.
  var unit: String?

  /// The chart, with the lowest and highest value at its left and the times of both ends below. Points
  /// are in the order of time.
  func lines(_ points: [Point]) -> [String] {
    let shown = points.filter { $0.value.isFinite && $0.time >= from && $0.time <= to }
    guard let low = shown.map(\.value).min(), let high = shown.map(\.value).max() else {
      return ["nothing was measured"]
    }
    let labels = [high, low].map { TextTable.number($0, unit: unit) }
    let margin = labels.map(\.count).max() ?? 0
    let columns = max(8, width - margin - 2)
    let rows = max(1, height)
    var dots = Dots(columns: columns, rows: rows)
    var before: (time: Double, x: Int, y: Int)?
    for point in shown {
      let x = TextPlot.place(point.time, from, to, columns * 2)
      let y = rows * 4 - 1 - TextPlot.place(point.value, low, high, rows * 4)
      if let before, point.time - before.time <= joined {
        dots.join(before.x, before.y, x, y)
      } else {
        dots.set(x, y)
      }
      before = (point.time, x, y)
    }
    var lines: [String] = []
    for row in 0..<rows {
      let label = row == 0 ? labels[0] : row == rows - 1 ? labels[1] : ""
      let blanks = String(repeating: " ", count: margin - label.count)
      lines.append(blanks + label + " │" + dots.text(ofRow: row))
    }
    return lines + [times(margin: margin + 2, width: columns)]
  }

  /// Which of so many places between two values; the middle where there is nothing between them.
  static func place(_ value: Double, _ low: Double, _ high: Double, _ count: Int) -> Int {
    // Halves, because the difference of two numbers may be none.
    let share = (value / 2 - low / 2) / (high / 2 - low / 2)
    guard high > low, share.isFinite else { return count / 2 }
    return Int(min(max(share, 0), 1) * Double(count - 1) + 0.5)
  }

  private func times(margin: Int, width: Int) -> String {
    let end = TextPlot.localTime(to)
    var begin = TextPlot.localTime(from)
    // The zone is said once, the day once where there is little room or it is the same.
    begin = String(begin.prefix(19))
    if begin.count + end.count >= width { begin = String(begin.dropFirst(11)) }
    let between = max(1, width - begin.count - end.count)
    return String(repeating: " ", count: margin) + begin
      + String(repeating: " ", count: between) + end
  }

  /// `2026-01-31 13:00:00 CET`: the time of this machine's zone, and which that is.
  static func localTime(_ seconds: Double) -> String {
    var moment = time_t(min(max(seconds.isFinite ? seconds : 0, -1e11), 1e12))
    var parts = tm()
    guard localtime_r(&moment, &parts) != nil else { return "\(seconds)" }
    let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
      let count = strftime(buffer.baseAddress, buffer.count, "%Y-%m-%d %H:%M:%S %Z", &parts)
      return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    return text
  }

  private static let bars = Array("▁▂▃▄▅▆▇█")

  /// The newest values as bars, one character each.
  static func spark(_ values: some Collection<Double>) -> String {
    guard let low = values.min(), let high = values.max() else { return "" }
    return String(values.map { bars[place($0, low, high, bars.count)] })
  }
}

/// Dots of Braille patterns.
private struct Dots {
  private var cells: [[UInt8]]

  init(columns: Int, rows: Int) {
    cells = [[UInt8]](repeating: [UInt8](repeating: 0, count: columns), count: rows)
  }

  mutating func set(_ x: Int, _ y: Int) {
    cells[y / 4][x / 2] |= Dots.bit(x % 2, y % 4)
  }

  /// A line from one dot to another.
  mutating func join(_ x0: Int, _ y0: Int, _ x1: Int, _ y1: Int) {
    let steps = max(abs(x1 - x0), abs(y1 - y0))
    for step in 0...steps {
      set(x0 + (x1 - x0) * step / max(1, steps), y0 + (y1 - y0) * step / max(1, steps))
    }
  }

  func text(ofRow row: Int) -> String {
    var text = String.UnicodeScalarView()
    for cell in cells[row] { text.append(Unicode.Scalar(0x2800 + UInt32(cell)) ?? " ") }
    return String(text)
  }

  /// Unicode numbers the dots of a pattern by columns, the lowest row last.
  private static func bit(_ x: Int, _ y: Int) -> UInt8 {
    y == 3 ? (x == 0 ? 0x40 : 0x80) : 1 << UInt8(y + 3 * x)
  }
}
