import DeviceProtocol
import TelemetryModel
import Testing

@testable import AgentCore

@Suite("Commands: on the link")
struct LinkCommandTests {
  private func harness(atOnce: Int = 1) throws -> LinkHarness {
    var configuration = CommandDesk.Configuration(boot: "boot")
    configuration.commands = [CommandSpec(CommandDeclaration(name: "look"))]
    configuration.atOnce = atOnce
    var link = LinkHarness(commands: CommandDesk(configuration))
    try link.bringUp()
    return link
  }

  private func command(_ id: String, _ link: LinkHarness) -> BrokerMessage {
    .command(
      id: "r-\(id)",
      CommandRequest(
        command: id, name: "look", params: JSONObject(), expires: link.now.wall + .seconds(60),
        remainingSeconds: 60, attempt: 1))
  }

  private func succeeded(_ id: String, _ link: inout LinkHarness) -> [LinkAction] {
    link.machine.commandEnded(id, CommandResult(.succeeded, output: "x"), at: link.now)
  }

  @Test("The answer goes first, then the work begins, its news and its end are told, once")
  func oneCommand() throws {
    var link = try harness()
    let began = link.receive(command("a", link))
    #expect(
      began.first
        == .send(
          .response(id: "r-a", .result(CommandState(state: .running).json)), on: link.attempt))
    #expect(began.contains(.run(CommandJob(id: "a", name: "look", params: JSONObject()))))
    let news = link.machine.commandProgressed("a", percent: 50, at: link.now)
    #expect(
      news.contains(
        .send(.commandProgress(CommandProgress(command: "a", percent: 50)), on: link.attempt)))
    let ended = succeeded("a", &link)
    let id = try #require(ended.finished["a"])
    #expect(link.receive(.response(id: id, [:])).finished.isEmpty)
    #expect(link.machine.desk.unconfirmed.isEmpty)
    link.advance(.seconds(60))
    #expect(link.machine.tick(at: link.now, using: &link.random).finished.isEmpty)
  }

  @Test("A result that nobody confirmed is told again: over a new link at once, else later")
  func again() throws {
    var link = try harness()
    _ = link.receive(command("a", link))
    #expect(succeeded("a", &link).finished.keys.sorted() == ["a"])
    link.advance(.seconds(10))
    #expect(link.machine.tick(at: link.now, using: &link.random).finished.isEmpty)
    link.advance(.seconds(21))
    #expect(link.machine.tick(at: link.now, using: &link.random).finished["a"] != nil)
    _ = link.end(.dropped)
    _ = link.tickAtDeadline()
    _ = link.open()
    let up = try link.welcome()
    let id = try #require(up.finished["a"])
    _ = link.receive(.response(id: id, [:]))
    #expect(link.machine.desk.unconfirmed.isEmpty)
  }

  @Test("What ended while there was no link waits for the next; its work goes on meanwhile")
  func offline() throws {
    var link = try harness()
    _ = link.receive(command("a", link))
    _ = link.end(.dropped)
    #expect(succeeded("a", &link).finished.isEmpty)
    _ = link.tickAtDeadline()
    _ = link.open()
    #expect(try link.welcome().finished["a"] != nil)
  }

  @Test("A broker that never takes a result is left in peace, one that is busy is asked again")
  func refused() throws {
    var link = try harness()
    _ = link.receive(command("a", link))
    let first = try #require(succeeded("a", &link).finished["a"])
    #expect(link.receive(.error(id: first, RPCError(.busy, "later"))).finished.isEmpty)
    #expect(link.machine.desk.unconfirmed == ["a"])
    link.advance(.seconds(31))
    let again = link.machine.tick(at: link.now, using: &link.random)
    let second = try #require(again.finished["a"])
    let gone = link.receive(.error(id: second, RPCError(.notFound, "no such command")))
    #expect(
      gone.contains(
        .report(.command(.notTaken("a", RPCError(.notFound, "no such command"))))))
    #expect(link.machine.desk.unconfirmed.isEmpty)
  }

  @Test("Many results go a few at a time")
  func many() throws {
    var link = try harness(atOnce: 16)
    for number in 0..<10 { _ = link.receive(command("\(number)", link)) }
    var ids: [String] = []
    for number in 0..<10 { ids += succeeded("\(number)", &link).finished.values }
    #expect(ids.count == ResultDelivery.most)
    var told = ids.count
    while let id = ids.popLast() {
      let next = link.receive(.response(id: id, [:])).finished
      told += next.count
      ids += next.values
    }
    #expect(told == 10 && link.machine.desk.unconfirmed.isEmpty)
  }

  @Test("A stopping agent stops its work, tells the result and waits for the broker to have it")
  func stopping() throws {
    var link = try harness()
    _ = link.receive(command("a", link))
    let stop = link.stop()
    #expect(stop.contains(.stop(command: "a")) && !stop.contains(.finished))
    let ended = link.machine.commandEnded("a", CommandResult(.cancelled), at: link.now)
    let id = try #require(ended.finished["a"])
    #expect(!ended.contains(.finished))
    #expect(link.receive(.response(id: id, [:])).contains(.finished))
  }

  @Test("A cancelled command is answered, also one that never came")
  func cancel() throws {
    var link = try harness()
    let answer = link.receive(.cancelCommand(id: "1", commandID: "never"))
    guard case .send(.response(id: "1", .result(let json)), _)? = answer.first else {
      Issue.record("\(answer)")
      return
    }
    #expect(try CommandState(json: json).outcome == .cancelled)
    _ = link.receive(command("a", link))
    #expect(
      link.receive(.cancelCommand(id: "2", commandID: "a")).contains(.stop(command: "a")))
  }
}

extension [LinkAction] {
  /// The ids of the requests that tell results, by the command's id.
  fileprivate var finished: [String: String] {
    var ids: [String: String] = [:]
    for case .send(.commandFinished(let id, let finished), _) in self { ids[finished.command] = id }
    return ids
  }
}
