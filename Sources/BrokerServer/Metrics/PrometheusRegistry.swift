package import Metrics
import Synchronization

/// A metrics backend that renders the Prometheus text format 0.0.4.
///
/// Counters, gauges, and for timers and recorders their sum and count. Updates are lock-free on the
/// hot kinds; rendering takes the table's lock.
package final class PrometheusRegistry: MetricsFactory, Sendable {
  private let cells = Mutex<[Key: Cell]>([:])

  private let texts: [String: String]

  /// Starts without any metric; `texts` says of metrics, by name, what they are.
  package init(texts: [String: String] = [:]) { self.texts = texts }

  struct Key: Hashable {
    var label: String
    var dimensions: [String]
  }

  private func cell(
    _ kind: Cell.Kind, _ label: String, _ dimensions: [(String, String)]
  ) -> Cell {
    let rendered = dimensions.map { "\($0.0)=\"\(PrometheusText.escape($0.1))\"" }.sorted()
    let key = Key(label: label, dimensions: rendered)
    return cells.withLock { cells in
      if let cell = cells[key] { return cell }
      let cell = Cell(kind)
      cells[key] = cell
      return cell
    }
  }

  /// A counter that only grows.
  package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    cell(.counter, label, dimensions)
  }

  /// A counter with fractions.
  package func makeFloatingPointCounter(
    label: String, dimensions: [(String, String)]
  ) -> any FloatingPointCounterHandler {
    cell(.counter, label, dimensions)
  }

  /// A gauge (`aggregate` false) or a summary.
  package func makeRecorder(
    label: String, dimensions: [(String, String)], aggregate: Bool
  ) -> any RecorderHandler {
    cell(aggregate ? .summary : .gauge, label, dimensions)
  }

  /// A gauge that can be moved by steps.
  package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    cell(.gauge, label, dimensions)
  }

  /// A summary in seconds.
  package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    cell(.summary, label, dimensions)
  }

  /// Metrics live as long as the registry.
  package func destroyCounter(_ handler: any CounterHandler) {}

  /// Metrics live as long as the registry.
  package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}

  /// Metrics live as long as the registry.
  package func destroyRecorder(_ handler: any RecorderHandler) {}

  /// Metrics live as long as the registry.
  package func destroyMeter(_ handler: any MeterHandler) {}

  /// Metrics live as long as the registry.
  package func destroyTimer(_ handler: any TimerHandler) {}

  /// Every metric with its current value, sorted by name.
  package func render() -> String {
    let cells = cells.withLock { $0 }
    var text = ""
    var lastLabel = ""
    let sorted = cells.sorted {
      ($0.key.label, $0.key.dimensions.joined()) < ($1.key.label, $1.key.dimensions.joined())
    }
    for (key, cell) in sorted {
      if key.label != lastLabel {
        if let help = texts[key.label] { text += "# HELP \(key.label) \(help)\n" }
        text += "# TYPE \(key.label) \(cell.kind.rawValue)\n"
        lastLabel = key.label
      }
      let labels = key.dimensions.isEmpty ? "" : "{\(key.dimensions.joined(separator: ","))}"
      let (value, count) = cell.reading
      switch cell.kind {
      case .counter, .gauge:
        text += "\(key.label)\(labels) \(PrometheusText.number(value))\n"
      case .summary:
        text += "\(key.label)_sum\(labels) \(PrometheusText.number(value))\n"
        text += "\(key.label)_count\(labels) \(count)\n"
      }
    }
    return text
  }
}

/// One metric's value; safe from any thread.
final class Cell: Sendable {
  enum Kind: String, Sendable {
    case counter
    case gauge
    case summary
  }

  let kind: Kind
  private let state = Mutex<(value: Double, count: Int)>((0, 0))

  init(_ kind: Kind) {
    self.kind = kind
  }

  var reading: (value: Double, count: Int) {
    state.withLock { $0 }
  }

  private func add(_ amount: Double) {
    state.withLock {
      $0.value += amount
      $0.count += 1
    }
  }

  private func put(_ value: Double) {
    state.withLock { $0.value = value }
  }
}

extension Cell: CounterHandler, FloatingPointCounterHandler {
  func increment(by amount: Int64) {
    add(Double(amount))
  }

  func increment(by amount: Double) {
    add(amount)
  }

  func reset() {
    put(0)
  }
}

extension Cell: RecorderHandler, MeterHandler, TimerHandler {
  func record(_ value: Int64) {
    record(Double(value))
  }

  func record(_ value: Double) {
    if kind == .summary { add(value) } else { put(value) }
  }

  func recordNanoseconds(_ duration: Int64) {
    add(Double(duration) / 1e9)
  }

  func set(_ value: Int64) {
    put(Double(value))
  }

  func set(_ value: Double) {
    put(value)
  }

  func increment(by amount: Double, unit: Void = ()) {
    add(amount)
  }

  func decrement(by amount: Double) {
    add(-amount)
  }
}

enum PrometheusText {
  static func escape(_ text: String) -> String {
    var escaped = ""
    for character in text {
      switch character {
      case "\\": escaped += "\\\\"
      case "\"": escaped += "\\\""
      case "\n": escaped += "\\n"
      default: escaped.append(character)
      }
    }
    return escaped
  }

  static func number(_ value: Double) -> String {
    if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
    return value.description
  }
}
