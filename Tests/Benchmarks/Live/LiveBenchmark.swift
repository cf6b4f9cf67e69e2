import BenchmarkSupport
import Glibc

/// Fan-out of live data, beside a bare loop of `send` with the same bytes in the same seconds:
///
///     live-bench HAWSER [--readers 1000] [--dashboards 1] [--stalled 0] [--seconds 30] [--rounds 3]
///
/// Starts the broker program HAWSER on a free port with a new store, has one device report 50 metrics ten
/// times a second, and has readers watch windows of a second of them. A dashboard is a subscription of its
/// own. Stalled readers read nothing.
///
/// What a delivery costs is the CPU time of all readers less that of one reader of each dashboard, so what
/// is done once a dashboard is not in it; that is told apart.
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
    let rounds = max(1, arguments.number("--rounds", 3))
    guard let program else {
      throw BenchmarkError(
        "live-bench HAWSER [--readers N] [--dashboards N] [--stalled N] [--seconds N] [--rounds N]"
      )
    }
    let broker = try BrokerProcess(program)
    defer { broker.stop() }
    let device = try Device(port: broker.port)
    let feeding = device.start()
    defer { feeding.stop() }
    sleep(3)
    let one = try Trial(broker: broker, readers: 1, dashboards: 1, stalled: 0).run(seconds: seconds)
    print("1 reader: \(one.line)")
    var ratios: [Double] = []
    for round in 1...rounds {
      let trial = Round(
        broker: broker, readers: readers, dashboards: dashboards, stalled: stalled, seconds: seconds
      )
      print("round \(round)")
      ratios.append(try trial.run(beside: one))
    }
    ratios.sort()
    print(
      "broker / bare, median of \(rounds): \(micro(ratios[rounds / 2] / 1e6))",
      "(\(micro(ratios[0] / 1e6)) to \(micro(ratios[rounds - 1] / 1e6)))")
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
