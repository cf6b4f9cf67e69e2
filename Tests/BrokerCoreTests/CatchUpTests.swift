import BrokerCore
import TelemetryModel
import Testing

@Suite("Catching up")
struct CatchUpTests {
  private let start = Timestamp(seconds: 1_800_000_000)

  private func cursor(_ after: Duration) -> Cursor {
    Cursor(commit: CommitNumber(7), frontier: start + after)
  }

  @Test("A reader that comes nearer to the present is left to it")
  func progress() {
    var catchUp = CatchUp(
      at: cursor(.zero), looksForChanges: false, stride: .seconds(60), stepRows: 100, now: start)
    var gaveUp = false
    for minute in 1...60 {
      let now = start + .seconds(3_600 + 60 * minute)
      gaveUp = gaveUp || catchUp.givesUp(isRaw: false, frontier: now, now: now)
      // Twice as fast as time passes.
      catchUp.stepped(to: cursor(.seconds(120 * minute)), rows: 100)
    }
    #expect(!gaveUp)
  }

  @Test("A reader that falls further behind is taken to the present after a minute")
  func noProgress() {
    var catchUp = CatchUp(
      at: cursor(.zero), looksForChanges: false, stride: .seconds(60), stepRows: 100, now: start)
    var after: Int?
    for second in 0..<600 where after == nil {
      let now = start + .seconds(second)
      catchUp.stepped(to: cursor(.milliseconds(second * 500)), rows: 100)
      if catchUp.givesUp(isRaw: false, frontier: now, now: now) { after = second }
    }
    #expect(after == 61)
  }

  @Test("Steps grow where there is little and shrink where there is much")
  func strides() {
    #expect(CatchUp.stride(.s1, series: 50, stepRows: 5_000) == .seconds(100))
    #expect(CatchUp.stride(.m1, series: 9_999, stepRows: 5_000) == .seconds(60))
  }

  @Test(
    "Cursors are read as they were written",
    arguments: [
      Cursor(commit: CommitNumber(12), frontier: Timestamp(microseconds: 34)),
      Cursor(
        commit: CommitNumber(12), frontier: Timestamp(microseconds: 34), place: SeriesID(5)),
      Cursor(
        commit: CommitNumber(0), frontier: Timestamp(microseconds: 0), place: SeriesID(0),
        through: CommitNumber(99)),
      Cursor(
        commit: CommitNumber(12), frontier: Timestamp(microseconds: 34), place: SeriesID(5),
        through: CommitNumber(9), run: .max),
    ])
  func cursors(_ cursor: Cursor) {
    #expect(Cursor(cursor.description) == cursor)
  }

  @Test(
    "What is no cursor is not read as one",
    arguments: [
      "", "1", "1-", "-1-2", "1-2-3-4-5", "a-b", "1-99999999999999999999",
      "1-2~", "1-2~~5", "~5", "1-2~zzzzzzzz", String(repeating: "1", count: 100),
    ])
  func noCursors(_ text: String) {
    #expect(Cursor(text) == nil)
  }
}
