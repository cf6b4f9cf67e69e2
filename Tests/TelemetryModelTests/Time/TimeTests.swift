import TelemetryModel
import Testing

@Suite("Time and windows")
struct TimeTests {
  @Test("Seconds become microseconds by rounding, and saturate")
  func rounding() {
    #expect(Timestamp(seconds: 1_732_274_210.123456).microseconds == 1_732_274_210_123_456)
    #expect(Timestamp(seconds: -0.0000015).microseconds == -2)
    #expect(Timestamp(seconds: 1e300) == .distantFuture)
    #expect(Timestamp(seconds: -.infinity) == .distantPast)
    #expect(Timestamp(seconds: .nan).microseconds == 0)
  }

  @Test("Adding and subtracting durations saturates and is exact to the microsecond")
  func arithmetic() {
    let time = Timestamp(seconds: 100)
    #expect((time + .milliseconds(1500)).microseconds == 101_500_000)
    #expect((time - .microseconds(1)).microseconds == 99_999_999)
    #expect(time - Timestamp(seconds: 90) == .seconds(10))
    #expect(Timestamp.distantFuture + .seconds(1) == .distantFuture)
    #expect(Timestamp.distantPast - .seconds(1) == .distantPast)
    #expect(Duration.seconds(Int64.max).wholeMicroseconds == .max)
    #expect(Duration.nanoseconds(-1).wholeMicroseconds == -1)
    #expect(Duration.fromSeconds(0.25) == .milliseconds(250))
  }

  @Test("A time describes itself as seconds with its decimals")
  func description() {
    #expect(Timestamp(microseconds: 1_500_000).description == "1.5")
    #expect(Timestamp(microseconds: -1).description == "-0.000001")
    #expect(Timestamp(microseconds: 0).description == "0")
  }

  @Test(
    "A window holds its start and not its end, also before 1970",
    arguments: Resolution.allCases.filter { $0 != .raw })
  func windowStarts(resolution: Resolution) throws {
    let length = try #require(resolution.lengthMicroseconds)
    for index in [-3, -1, 0, 1, 20_000] as [Int64] {
      let start = Timestamp(microseconds: index * length)
      #expect(resolution.windowStart(of: start) == start)
      #expect(
        resolution.windowStart(of: Timestamp(microseconds: (index + 1) * length - 1)) == start)
    }
    #expect(resolution.windowStart(of: .distantPast) == .distantPast)
  }

  @Test("Larger windows are exactly made of finer ones, down to one second")
  func nesting() throws {
    for resolution in Resolution.allCases {
      guard let finer = resolution.finer else { continue }
      let length = try #require(resolution.lengthMicroseconds)
      #expect(length % (try #require(finer.lengthMicroseconds)) == 0)
    }
    #expect(Resolution.raw.windowStart(of: Timestamp(seconds: 1.5)) == Timestamp(seconds: 1.5))
    #expect(Resolution.s1.finer == nil)
  }
}
