import BrokerCore
import TelemetryModel

/// The resolutions whose windows are stored, and how many of them lie in one row.
///
/// A row holds a fixed span of one series' windows, so that a chart reads few rows, and an amended
/// window is found by reckoning. Windows of 1 s are made of readings when they are asked for.
enum WindowLevel: Int64, CaseIterable {
  case s10 = 0
  case m1 = 1
  case m10 = 2
  case h1 = 3
  case d1 = 4

  init?(_ resolution: Resolution) {
    switch resolution {
    case .raw, .s1: return nil
    case .s10: self = .s10
    case .m1: self = .m1
    case .m10: self = .m10
    case .h1: self = .h1
    case .d1: self = .d1
    }
  }

  var resolution: Resolution {
    switch self {
    case .s10: .s10
    case .m1: .m1
    case .m10: .m10
    case .h1: .h1
    case .d1: .d1
    }
  }

  private var windowsInBlock: Int64 {
    self == .m10 ? 144 : 120
  }

  /// The length of one window in microseconds.
  var lengthMicroseconds: Int64 { resolution.lengthMicroseconds ?? 1 }

  /// The number of the row that a window lies in. Times out of reach (80,000 years) share the rows at
  /// both ends.
  func block(of time: Timestamp) -> Int64 {
    let span = lengthMicroseconds * windowsInBlock
    let (quotient, remainder) = time.microseconds.quotientAndRemainder(dividingBy: span)
    let block = remainder < 0 ? quotient - 1 : quotient
    return min(max(block, Int64(Int32.min)), Int64(Int32.max))
  }
}

/// Where a row of windows lies: series, resolution and span in one number, which is the row's id, so
/// that rows of one chart lie beside each other in the file.
struct WindowRowID: Hashable {
  /// The largest series number that the id has room for.
  static let maxSeries: Int64 = 1 << 28 - 1

  var number: Int64

  init(_ series: SeriesID, _ level: WindowLevel, block: Int64) {
    number = series.number << 35 | level.rawValue << 32 | (block - Int64(Int32.min))
  }

  /// The rows of a span of time.
  static func rows(
    _ series: SeriesID, _ level: WindowLevel, from: Timestamp, to: Timestamp
  ) -> ClosedRange<Int64> {
    let first = WindowRowID(series, level, block: level.block(of: from)).number
    return first...max(first, WindowRowID(series, level, block: level.block(of: to)).number)
  }
}
