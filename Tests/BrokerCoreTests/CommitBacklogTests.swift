import TelemetryModel
import Testing

@testable import BrokerCore

@Suite("Commits on their way to live feeds")
struct CommitBacklogTests {
  private func batch(_ commit: Int, readings: Int) -> CommittedBatch {
    let sample = Sample(
      series: SeriesID(1), time: Timestamp(seconds: 1_800_000_000), value: Double(commit))
    return CommittedBatch(
      commit: CommitNumber(Int64(commit)),
      samples: Array(repeating: sample, count: readings), newSeries: [], gaps: [])
  }

  private func take(_ backlog: inout CommitBacklog) -> [String] {
    var told: [String] = []
    while let next = backlog.next() {
      switch next {
      case .batch(let batch): told.append("\(batch.commit)")
      case .lost(let commit): told.append("lost \(commit)")
      }
    }
    return told
  }

  @Test("All are told, in order, however they come and go")
  func inOrder() {
    var backlog = CommitBacklog(maxWaiting: 100)
    var told: [String] = []
    for commit in 1...20 {
      backlog.add(batch(commit, readings: 10))
      if commit % 3 == 0 { told += take(&backlog) }
    }
    told += take(&backlog)
    #expect(told == (1...20).map(String.init))
  }

  @Test("Where too much waits it is dropped, which is told before what comes behind it")
  func tooMuch() {
    var backlog = CommitBacklog(maxWaiting: 100)
    for commit in 1...5 { backlog.add(batch(commit, readings: 40)) }
    #expect(take(&backlog) == ["lost 3", "4", "5"])
    // What is taken makes room.
    for commit in 6...9 {
      backlog.add(batch(commit, readings: 80))
      #expect(take(&backlog) == ["\(commit)"])
    }
  }

  @Test("Feeds that are always a little behind have what was told let go of")
  func neverEmpty() {
    var backlog = CommitBacklog(maxWaiting: 100)
    backlog.add(batch(1, readings: 10))
    for commit in 2...1_000 {
      backlog.add(batch(commit, readings: 10))
      guard case .batch(let told)? = backlog.next() else {
        Issue.record("nothing at \(commit)")
        return
      }
      #expect(told.commit == CommitNumber(Int64(commit - 1)))
      #expect(backlog.held < 40)
    }
  }

  @Test("One commit is never too much by itself")
  func large() {
    var backlog = CommitBacklog(maxWaiting: 100)
    backlog.add(batch(1, readings: 1_000))
    backlog.add(batch(2, readings: 0))
    #expect(take(&backlog) == ["lost 2"])
    backlog.add(batch(3, readings: 1_000))
    #expect(take(&backlog) == ["3"])
  }

  @Test("Once it is closed nothing is told any more")
  func closed() {
    var backlog = CommitBacklog()
    backlog.add(batch(1, readings: 1))
    backlog.close()
    backlog.add(batch(2, readings: 1))
    #expect(take(&backlog) == [])
  }
}
