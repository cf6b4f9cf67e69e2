import Glibc

/// Fan-out of live data, beside a bare loop of `send` with the same bytes in the same run:
///
///     live-bench HAWSER [--readers 1000] [--dashboards 1] [--stalled 0] [--seconds 30]
///
/// Starts the broker program HAWSER on a free port with a new store, has one device report 50 metrics ten
/// times a second, and has readers watch windows of a second of them. A dashboard is a subscription of its
/// own. Stalled readers read nothing.
@main
enum LiveBenchmark {
  static let metrics = 50

  static func main() throws {
    signal(SIGPIPE, SIG_IGN)
    var arguments = Arguments(CommandLine.arguments.dropFirst())
    let program = arguments.next()
    let readers = arguments.number("--readers", 1_000)
    let dashboards = arguments.number("--dashboards", 1)
    let stalled = arguments.number("--stalled", 0)
    let seconds = arguments.number("--seconds", 30)
    guard let program else {
      throw BenchmarkError(
        description: "live-bench HAWSER [--readers N] [--dashboards N] [--stalled N] [--seconds N]")
    }
    let broker = try BrokerProcess(program)
    defer { broker.stop() }
    let device = try Device(port: broker.port)
    let feeding = device.start()
    defer { feeding.stop() }
    sleep(3)
    let alone = try Trial(broker: broker, readers: 1, dashboards: 1, stalled: 0).run(seconds: 10)
    print("1 reader: \(alone.line)")
    let before = broker.residentKB()
    let many = try Trial(
      broker: broker, readers: readers, dashboards: dashboards, stalled: stalled)
    try many.open()
    sleep(3)
    let result = many.measure(seconds: seconds)
    let after = broker.residentKB()
    print("\(readers) readers of \(dashboards) dashboards, \(stalled) stalled: \(result.line)")
    print(
      "memory a reader: \((after - before) * 1024 / max(1, readers)) B (\(before) → \(after) KB)")
    // Who reads nothing is sent the same, into the kernel's buffers.
    let sent = Double(result.messages) * Double(readers) / Double(max(1, readers - stalled))
    let rate = Int(sent / max(result.cpu, 1e-9))
    print("deliveries a second of CPU, all that the broker does included: \(rate)")
    let extraCPU = result.cpu - alone.cpu * Double(seconds) / 10
    let each = extraCPU / max(1, sent - Double(alone.messages * seconds / 10))
    print("a delivery more: \(micro(each)) µs of the broker's CPU")
    let bare = try BareLoop(sockets: readers, bytes: max(1, result.bytesEach)).run(ticks: seconds)
    print("bare send loop, \(result.bytesEach) B to each of \(readers): \(micro(bare)) µs")
    print("broker / bare: \(micro(each / bare / 1e6))")
    many.close()
  }

  /// Seconds as microseconds with two decimals.
  static func micro(_ seconds: Double) -> String {
    let hundredths = Int((seconds * 1e8).rounded())
    let rest = abs(hundredths % 100)
    return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
  }
}

/// Options and the one argument.
struct Arguments {
  private var words: [String]

  init(_ words: some Sequence<String>) { self.words = Array(words) }

  mutating func number(_ name: String, _ fallback: Int) -> Int {
    guard let index = words.firstIndex(of: name), index + 1 < words.count,
      let value = Int(words[index + 1])
    else { return fallback }
    words.removeSubrange(index...(index + 1))
    return value
  }

  mutating func next() -> String? { words.isEmpty ? nil : words.removeFirst() }
}

/// What stands in the way of a measurement.
struct BenchmarkError: Error, CustomStringConvertible {
  var description: String
}

/// Seconds since 1970.
func wallClock() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_REALTIME, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// CPU time of the calling thread, in seconds, the kernel's share included.
func threadSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
