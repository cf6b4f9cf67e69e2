import ArgumentParser
import Testing

@testable import hawser

/// A time like `-10m` begins as an option does; it is a value all the same.
@Suite("Relative times as options' values")
struct RelativeTimeOptionTests {
  @Test("History takes them for both of its ends")
  func history() throws {
    let command = try HistoryCommand.parse(["*/cpu.*", "--from", "-1h", "--to", "-10m"])
    #expect(command.from == "-1h" && command.to == "-10m" && command.query == "*/cpu.*")
  }

  @Test("Watching takes one to begin at")
  func watch() throws {
    let command = try WatchCommand.parse(["--since", "-10m", "*/cpu.*"])
    #expect(command.since == "-10m" && command.query == "*/cpu.*")
  }
}
