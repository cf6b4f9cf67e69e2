import TelemetryModel

/// Text for terminals: columns that line up, numbers and spans as people read them.
enum TextTable {
  /// Rows of cells, each column as wide as its widest cell; numbers to the right.
  static func lines(_ rows: [[String]], right: Set<Int> = [], gap: Int = 2) -> [String] {
    let rows = rows.map { row in row.map { clean($0) } }
    var widths: [Int] = []
    for row in rows {
      for (column, cell) in row.enumerated() {
        if column == widths.count { widths.append(0) }
        widths[column] = max(widths[column], cell.count)
      }
    }
    return rows.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        let blanks = String(repeating: " ", count: widths[column] - cell.count)
        if column > 0 { line += String(repeating: " ", count: gap) }
        line += right.contains(column) ? blanks + cell : cell + blanks
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }

  private static let prefixes = [(1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")]
  private static let binaryPrefixes = [
    (0x1p50, "Pi"), (0x1p40, "Ti"), (0x1p30, "Gi"), (0x1p20, "Mi"), (0x1p10, "Ki"),
  ]

  /// A number with about five digits that say something, from ten thousand on with a prefix: of the SI, or
  /// for bytes (unit `B`) a binary one, as on the dashboard; `-` where there is none.
  static func number(_ value: Double?, unit: String? = nil) -> String {
    guard let value, value.isFinite else { return "-" }
    let magnitude = value.magnitude
    if magnitude != 0, magnitude < 1e-4 || magnitude >= 1e18 { return scientific(value) }
    if magnitude >= 10_000 {
      for (size, prefix) in unit == "B" ? binaryPrefixes : prefixes where magnitude >= size {
        return short(value / size) + prefix
      }
    }
    return short(value)
  }

  private static func short(_ value: Double) -> String {
    let magnitude = value.magnitude
    var decimals = 4
    var limit = 10.0
    while decimals > 0, magnitude >= limit {
      decimals -= 1
      limit *= 10
    }
    return fixed(value, decimals)
  }

  private static func fixed(_ value: Double, _ decimals: Int) -> String {
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    let rounded = (value.magnitude * scale).rounded() / scale
    var text = "\(rounded)"
    if text.hasSuffix(".0") { text.removeLast(2) }
    return (value < 0 && rounded != 0 ? "-" : "") + text
  }

  private static func scientific(_ value: Double) -> String {
    var mantissa = value.magnitude
    var exponent = 0
    while mantissa >= 10 { (mantissa, exponent) = (mantissa / 10, exponent + 1) }
    while mantissa < 1 { (mantissa, exponent) = (mantissa * 10, exponent - 1) }
    return (value < 0 ? "-" : "") + "\(fixed(mantissa, 3))e\(exponent)"
  }

  /// A value of a row for people: a number as ``number(_:unit:)`` has it, text as it is but cut, data as
  /// the beginning of its base64url; `-` where there is none.
  static func value(_ value: JSONValue?, unit: String? = nil, longest: Int = 32) -> String {
    switch value {
    case .string(let text): cut(clean(text), longest)
    case .object(let data)?: "vd:" + cut(clean(data["vd"]?.string ?? "?"), longest - 3)
    default: number(value?.number, unit: unit)
    }
  }

  /// A value for a line of its own: text in quotes, as in JSON and whole.
  static func word(_ value: JSONValue, unit: String? = nil) -> String {
    switch value {
    case .string: clean(value.description)
    case .object: TextTable.value(value, longest: .max)
    default: number(value.number, unit: unit)
    }
  }

  private static func cut(_ text: String, _ longest: Int) -> String {
    text.count <= longest ? text : text.prefix(longest - 1) + "…"
  }

  /// For a cell: without anything that a terminal would obey or that would turn the order of letters, and
  /// without tabs, which would move what is beside it.
  static func clean(_ text: String) -> String {
    TerminalText.clean(text).replacing("\t", with: "\u{FFFD}")
  }

  /// `4s`, `12m`, `3h 05m`, `2d 4h`.
  static func span(_ duration: Duration) -> String {
    let seconds = max(0, duration.components.seconds)
    switch seconds {
    case ..<60: return "\(seconds)s"
    case ..<3_600: return "\(seconds / 60)m"
    case ..<86_400:
      let minutes = seconds % 3_600 / 60
      return "\(seconds / 3_600)h \(minutes < 10 ? "0" : "")\(minutes)m"
    default: return "\(seconds / 86_400)d \(seconds % 86_400 / 3_600)h"
    }
  }

  /// A time as RFC 3339 in UTC, to the second, or to what it says beyond that.
  static func time(_ time: Timestamp) -> String {
    var bytes: [UInt8] = []
    time.writeRFC3339(into: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Labels or groups as `key=value`, in the order of their keys.
  static func labels(_ value: JSONValue?) -> String {
    let members = value?.object?.members ?? []
    return members.sorted { $0.key < $1.key }
      .map { "\($0.key)=\($0.value.string ?? "-")" }.joined(separator: " ")
  }
}
