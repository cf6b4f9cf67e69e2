import Glibc

/// One measurement: one reader of each dashboard, then all readers, and the bare loop in the same seconds.
struct Round {
  let broker: BrokerProcess
  let readers: Int
  let dashboards: Int
  let stalled: Int
  let seconds: Int

  /// Prints what was measured; the cost of a delivery over that of a bare `send`.
  func run(beside one: Trial.Result) throws -> Double {
    let few = try Trial(broker: broker, readers: dashboards, dashboards: dashboards, stalled: 0)
      .run(seconds: seconds)
    if dashboards > 1 {
      let more = (few.cpu - one.cpu) / Double((dashboards - 1) * seconds)
      print("  a dashboard more: \(LiveBenchmark.micro(more)) µs of the broker's CPU a second")
    }
    let before = broker.residentKB()
    let many = try Trial(
      broker: broker, readers: readers, dashboards: dashboards, stalled: stalled)
    try many.open()
    sleep(3)
    let bare = try BareLoop(sockets: readers)
    bare.start(bytes: max(1, few.bytesEach))
    let result = many.measure(seconds: seconds)
    let bareSend = bare.stop()
    let after = broker.residentKB()
    many.close()
    print("  \(readers) readers of \(dashboards), \(stalled) stalled: \(result.line)")
    print(
      "  memory a reader: \((after - before) * 1024 / max(1, readers)) B (\(before) → \(after) KB)")
    // Who reads nothing is sent the same, into the kernel's buffers.
    let sent = Double(result.messages) * Double(readers) / Double(max(1, readers - stalled))
    let each = (result.cpu - few.cpu) / max(1, sent - Double(few.messages))
    print(
      "  deliveries a second of CPU, all that the broker does included:",
      Int(sent / max(result.cpu, 1e-9)))
    print(
      "  a delivery more: \(LiveBenchmark.micro(each)) µs of the broker's CPU;",
      "bare send of \(few.bytesEach) B: \(LiveBenchmark.micro(bareSend)) µs;",
      "ratio \(LiveBenchmark.micro(each / bareSend / 1e6))")
    return each / bareSend
  }
}
