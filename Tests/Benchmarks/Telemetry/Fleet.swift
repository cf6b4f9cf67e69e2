import TelemetryModel

/// Devices that measure ten things once a second, as boards do: values wander in the sensor's steps,
/// some stand still. The same seed makes the same readings.
struct Fleet {
  struct Metric {
    var name: String
    var unit: String?
    /// The sensor's smallest step, as a power of ten.
    var decimals: Int
    /// Where the value starts, how far it goes in a second at most, and its bounds, all in steps.
    var start: Int
    var stride: Int
    var bounds: ClosedRange<Int>
  }

  static let metrics = [
    Metric(
      name: "cpu.temperature", unit: "Cel", decimals: 1, start: 481, stride: 4,
      bounds: 300...850),
    Metric(
      name: "cpu.utilization", unit: "/", decimals: 3, start: 120, stride: 60, bounds: 0...1000),
    Metric(
      name: "memory.used", unit: "B", decimals: 0, start: 412_345_678, stride: 81_920,
      bounds: 100_000_000...900_000_000),
    Metric(name: "load.1m", unit: nil, decimals: 2, start: 42, stride: 3, bounds: 0...400),
    Metric(
      name: "disk.used", unit: "B", decimals: 0, start: 7_812_345_856, stride: 4_096,
      bounds: 7_000_000_000...9_000_000_000),
    Metric(
      name: "net.eth0.received", unit: "B", decimals: 0, start: 123_456, stride: 900,
      bounds: 0...(1 << 50)),
    Metric(
      name: "net.eth0.sent", unit: "B", decimals: 0, start: 98_765, stride: 400,
      bounds: 0...(1 << 50)),
    Metric(
      name: "fan.speed", unit: "1/min", decimals: 0, start: 1_200, stride: 8, bounds: 0...3000),
    Metric(name: "supply", unit: "V", decimals: 2, start: 507, stride: 1, bounds: 450...530),
    Metric(
      name: "air.humidity", unit: "%RH", decimals: 1, start: 453, stride: 2, bounds: 100...1000),
  ]

  let devices: Int
  let start: Timestamp
  private var state: UInt64
  private var steps: [Int]

  init(devices: Int, start: Timestamp, seed: UInt64 = 1) {
    self.devices = devices
    self.start = start
    state = seed
    steps = (0..<devices).flatMap { _ in Fleet.metrics.map(\.start) }
  }

  /// When a device measures for the n-th time: with some milliseconds of jitter, as real ones.
  func time(second: Int, device: Int) -> Timestamp {
    let jitter = (device &* 7919 &+ second &* 31) % 20
    return start + .seconds(second) + .milliseconds(device % 900) + .milliseconds(jitter)
  }

  /// Lets a device measure once more.
  mutating func measure(device: Int) {
    for (index, metric) in Fleet.metrics.enumerated() {
      let place = device * Fleet.metrics.count + index
      let change =
        metric.bounds.lowerBound == 0 && metric.bounds.upperBound == 1 << 50
        ? random(metric.stride) : random(2 * metric.stride + 1) - metric.stride
      steps[place] = min(
        max(steps[place] + change, metric.bounds.lowerBound), metric.bounds.upperBound)
    }
  }

  /// A device's newest values as a SenML pack.
  func pack(second: Int, device: Int) -> [UInt8] {
    pack(device: device, at: time(second: second, device: device))
  }

  /// The same, measured at a moment.
  func pack(device: Int, at time: Timestamp) -> [UInt8] {
    var text = #"[{"bn":"pi-\#(device)/","bt":"#
    text += Fleet.text(time.microseconds / 1000, decimals: 3) + ","
    for (index, metric) in Fleet.metrics.enumerated() {
      if index > 0 { text += ",{" }
      text += #""n":"\#(metric.name)""#
      if let unit = metric.unit { text += #","u":"\#(unit)""# }
      text += #","v":\#(value(device, index))}"#
    }
    return Array((text + "]").utf8)
  }

  /// The same in any order, each record with a time of its own: nothing is as it was the last time.
  mutating func scatteredPack(device: Int, at time: Timestamp) -> [UInt8] {
    var order = Array(Fleet.metrics.indices)
    for index in order.indices.dropFirst() { order.swapAt(index, random(index + 1)) }
    var text = #"[{"bn":"pi-\#(device)/","bt":"#
    text += Fleet.text(time.microseconds / 1000, decimals: 3) + ","
    for (place, index) in order.enumerated() {
      if place > 0 { text += ",{" }
      text += #""n":"\#(Fleet.metrics[index].name)""#
      if let unit = Fleet.metrics[index].unit { text += #","u":"\#(unit)""# }
      text += #","t":-0.\#(random(900) + 100),"v":\#(value(device, index))}"#
    }
    return Array((text + "]").utf8)
  }

  /// The same in InfluxDB's line protocol, times in milliseconds, one field a line.
  func lines(second: Int, device: Int) -> [UInt8] {
    var text = ""
    let time = time(second: second, device: device).microseconds / 1000
    for (index, metric) in Fleet.metrics.enumerated() {
      text += "\(metric.name),device=pi-\(device) value=\(value(device, index)) \(time)\n"
    }
    return Array(text.utf8)
  }

  /// A device's newest value of a metric.
  func number(device: Int, metric: Int) -> Double {
    Double(value(device, metric)) ?? 0
  }

  private func value(_ device: Int, _ metric: Int) -> String {
    Fleet.text(
      Int64(steps[device * Fleet.metrics.count + metric]), decimals: Fleet.metrics[metric].decimals)
  }

  static func text(_ steps: Int64, decimals: Int) -> String {
    guard decimals > 0 else { return "\(steps)" }
    var scale: Int64 = 1
    for _ in 0..<decimals { scale *= 10 }
    let rest = "\(steps % scale)"
    return "\(steps / scale).\(String(repeating: "0", count: decimals - rest.utf8.count))\(rest)"
  }

  private mutating func random(_ bound: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(state >> 33) % bound
  }
}
