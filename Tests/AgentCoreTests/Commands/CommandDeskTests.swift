import DeviceProtocol
import Simulation
import TelemetryModel
import Testing

@testable import AgentCore

@Suite("Commands: what is decided")
struct CommandDeskTests {
  @Test("A command that fits runs once, and every repetition is answered with how far it is")
  func repeated() throws {
    var desk = DeskHarness()
    let first = desk.receive("a")
    #expect(first.answer.state == .running && first.steps.runs == ["a"])
    let job = try #require(
      first.steps.compactMap { if case .run(let job) = $0 { job } else { nil } }.first)
    #expect(job.params["times"] == 3)
    let again = desk.receive("a", attempt: 2)
    #expect(again.answer.state == .running && again.steps.runs.isEmpty)
    desk.end("a", output: "done")
    let after = desk.receive("a", attempt: 3)
    #expect(
      after.answer
        == CommandState(state: .finished, outcome: .succeeded, output: "done"))
    #expect(after.steps.isEmpty)
    desk.desk.confirmed("a")
    #expect(desk.desk.unconfirmed.isEmpty)
    #expect(desk.receive("a", attempt: 4).answer.outcome == .succeeded)
  }

  @Test("What does not fit is rejected by the agent as well, and leaves nothing behind")
  func checks() {
    var desk = DeskHarness { $0.policy.forbidden = ["look"] }
    for (name, params, reason) in [
      ("dance", [:], "this device has no command dance"),
      ("blink", ["times": 10], "times: more than 9"),
      ("blink", ["times": 1.5], "times: expected a whole number"),
      ("blink", ["times": "3"], "times: expected a number"),
      ("blink", ["colour": "red"], "colour: unknown; known are times"),
      ("look", [:], "forbidden by this device's own policy (commands.forbid)"),
    ] as [(String, JSONValue, String)] {
      let (answer, steps) = desk.receive("x", name, params)
      #expect(answer == CommandState(state: .rejected, reason: reason))
      #expect(steps.runs.isEmpty)
    }
    let long = String(repeating: "x", count: 20_000)
    #expect(desk.receive("x", "blink", ["times": .string(long)]).answer.state == .rejected)
    #expect(desk.desk.journal.records.isEmpty && desk.folder?.writtenBytes == 0)
  }

  @Test("The owner can forbid what is too dangerous, or everything")
  func policy() {
    var careful = DeskHarness { $0.policy.worst = .disruptive }
    #expect(careful.receive("a", "restart").answer.state == .running)
    #expect(
      careful.receive("b", "reboot").answer.reason
        == "dangerous commands are forbidden by this device's own policy (commands.worst)")
    var closed = DeskHarness { $0.policy.forbidden = ["*"] }
    #expect(closed.receive("a", "look").answer.state == .rejected)
  }

  @Test("Commands begin in the order in which they came, one at a time unless the profile allows")
  func order() {
    var desk = DeskHarness()
    desk.receive("a")
    #expect(desk.receive("b").answer.state == .accepted)
    #expect(desk.receive("c").answer.state == .accepted)
    #expect(desk.end("a").runs == ["b"])
    #expect(desk.end("b").runs == ["c"])
    var wide = DeskHarness { $0.atOnce = 2 }
    #expect(wide.receive("a").steps.runs == ["a"])
    #expect(wide.receive("b").steps.runs == ["b"])
    #expect(wide.receive("c").steps.runs.isEmpty)
    #expect(wide.end("b").runs == ["c"])
  }

  @Test("What ends the agent runs alone: it waits for the others, and they for it")
  func alone() {
    var desk = DeskHarness { $0.atOnce = 4 }
    desk.receive("a")
    #expect(desk.receive("r", "restart").answer.state == .accepted)
    #expect(desk.receive("b").answer.state == .accepted, "no overtaking")
    #expect(desk.end("a").runs == ["r"])
    #expect(desk.receive("c").steps.runs.isEmpty)
    #expect(desk.end("r", .failed).runs == ["b", "c"])
  }

  @Test("One that takes too long is stopped, one that does not stop is given up; the next begins")
  func stuck() {
    var desk = DeskHarness()
    desk.receive("a", expiresIn: .seconds(600))
    desk.receive("b", expiresIn: .seconds(600))
    #expect(desk.desk.deadline == desk.now.monotonic + .seconds(30))
    #expect(desk.tick(after: .seconds(29)).stops.isEmpty)
    #expect(desk.tick(after: .seconds(1)).stops == ["a"])
    #expect(desk.end("a", .cancelled).runs == ["b"])
    #expect(desk.outcome("a") == .failed)
    #expect(
      desk.desk.journal["a"]?.result?.reason == "stopped, because it took longer than 30.0 s")
    #expect(desk.tick(after: .seconds(30)).stops == ["b"])
    _ = desk.tick(after: .seconds(10))
    #expect(desk.outcome("b") == .unknown)
    #expect(desk.end("b").isEmpty, "a late end changes nothing")
    #expect(desk.outcome("b") == .unknown)
  }

  @Test("A command can be cancelled before it comes, before it begins, while it runs, after it")
  func cancel() {
    var desk = DeskHarness()
    #expect(desk.cancel("early").answer.outcome == .cancelled)
    #expect(desk.receive("early").steps.runs.isEmpty)
    #expect(desk.receive("early").answer.outcome == .cancelled)
    desk.receive("a")
    desk.receive("b")
    #expect(desk.cancel("b").answer.outcome == .cancelled)
    let cancelled = desk.cancel("a")
    #expect(cancelled.answer.state == .running && cancelled.steps.stops == ["a"])
    #expect(desk.cancel("a").steps.stops.isEmpty)
    #expect(desk.end("a", .cancelled).runs.isEmpty)
    #expect(desk.outcome("a") == .cancelled)
    desk.receive("c")
    desk.cancel("c")
    desk.end("c", .succeeded)
    #expect(desk.outcome("c") == .succeeded, "it was over before it could be stopped")
    #expect(desk.cancel("c").answer.outcome == .succeeded)
  }

  @Test("Too late is counted by the broker's word, wherever this device's clock stands")
  func expiry() {
    var desk = DeskHarness()
    #expect(desk.receive("late", expiresIn: .zero).answer.outcome == .expired)
    var held = desk.request("held", expiresIn: .seconds(60))
    // The message was on its way for two minutes: the span alone would be wrong.
    desk.advance(.seconds(120))
    #expect(desk.desk.received(held, at: desk.now).answer.outcome == .expired)
    // A broker of which only the span is known.
    held.remainingSeconds = 60
    desk.now.broker = nil
    #expect(desk.desk.received(held, at: desk.now).answer.state == .running)
    held.command = "older broker"
    held.remainingSeconds = nil
    #expect(desk.desk.received(held, at: desk.now).answer.outcome == .expired)
  }

  @Test("What waits expires in its place, without being begun")
  func expiresWaiting() {
    var desk = DeskHarness()
    desk.receive("a")
    desk.receive("b", expiresIn: .seconds(5))
    desk.receive("c")
    #expect(desk.desk.deadline == desk.now.monotonic + .seconds(5))
    _ = desk.tick(after: .seconds(5))
    #expect(desk.outcome("b") == .expired)
    #expect(desk.end("a").runs == ["c"])
  }

  @Test("What ran when the agent died is unknown; harmless ones run again, thrice at most")
  func crash() {
    var desk = DeskHarness()
    desk.receive("a")
    desk.receive("b")
    #expect(desk.restart().runs == ["b"], "what waited is not lost")
    #expect(desk.outcome("a") == .unknown)
    #expect(desk.receive("a", attempt: 2).answer.outcome == .unknown)
    desk.end("b")
    desk.receive("l", "look", expiresIn: .seconds(600))
    #expect(desk.restart().runs == ["l"])
    #expect(desk.restart().runs == ["l"])
    #expect(desk.restart().runs.isEmpty)
    #expect(desk.outcome("l") == .unknown)
  }

  @Test("A harmless one that cannot run again in time is unknown, not expired: it may have acted")
  func crashTooLate() {
    var desk = DeskHarness()
    desk.receive("l", "look", expiresIn: .seconds(5))
    desk.advance(.seconds(5))
    #expect(desk.restart().runs.isEmpty)
    #expect(desk.outcome("l") == .unknown)
    desk.receive("m", "look", expiresIn: .seconds(5))
    #expect(desk.restart(boot: "next", knowsTime: false).runs.isEmpty, "perhaps too late")
    #expect(desk.cancel("m").answer.outcome == .unknown)
  }

  @Test("After a reboot, what waited waits until a broker has told the time")
  func rebootWaiting() {
    var desk = DeskHarness()
    desk.receive("a", expiresIn: .seconds(600))
    desk.receive("b", expiresIn: .seconds(60))
    desk.receive("c", expiresIn: .seconds(600))
    let then = desk.now.broker
    desk.now.monotonic = .seconds(20)
    #expect(desk.restart(boot: "next", knowsTime: false).runs.isEmpty)
    #expect(desk.desk.deadline == nil)
    #expect(desk.receive("c", attempt: 2).answer.state == .accepted)
    desk.now.broker = then.map { $0 + .seconds(120) }
    #expect(desk.tick().runs == ["c"])
    #expect(desk.outcome("a") == .unknown && desk.outcome("b") == .expired)
  }

  @Test("What ends the agent or the machine is known to have succeeded by the next one")
  func endings() {
    var desk = DeskHarness()
    desk.receive("r", "restart")
    desk.restart()
    #expect(desk.outcome("r") == .succeeded && desk.desk.unconfirmed == ["r"])
    desk.receive("m", "reboot")
    desk.restart(boot: "next")
    #expect(desk.outcome("m") == .succeeded)
    desk.receive("n", "reboot")
    desk.restart(boot: "next")
    #expect(desk.outcome("n") == .unknown, "the agent died, the machine did not")
  }

  @Test("What waited is looked at again where the profile or the owner's will has changed")
  func changedMind() {
    var desk = DeskHarness()
    desk.receive("a", expiresIn: .seconds(600))
    desk.receive("l", "look", expiresIn: .seconds(600))
    desk.receive("r", "restart", expiresIn: .seconds(600))
    desk.configuration.commands.removeAll { $0.name == "look" }
    desk.configuration.policy.worst = .none
    #expect(desk.restart().runs.isEmpty)
    #expect(desk.outcome("l") == .rejected && desk.outcome("r") == .rejected)
  }

  @Test("Without a journal, what may have been done before is unknown, unless it is harmless")
  func memoryAlone() {
    var desk = DeskHarness(folder: nil)
    #expect(desk.receive("a").answer.state == .running)
    #expect(desk.receive("b", attempt: 2).answer.outcome == .unknown)
    #expect(desk.receive("l", "look", attempt: 2).answer.state == .accepted)
  }

  @Test("A disk that takes nothing means that nothing is done; the same command later is")
  func brokenDisk() {
    let folder = PowerCutFolder()
    var desk = DeskHarness(folder: folder)
    folder.setBroken(true)
    let (answer, steps) = desk.receive("a")
    #expect(answer.state == .rejected && steps.runs.isEmpty)
    #expect(answer.reason?.contains("cannot keep its journal") == true)
    folder.setBroken(false)
    #expect(desk.receive("a").answer.state == .running)
    folder.setBroken(true)
    desk.end("a", output: "kept")
    #expect(desk.receive("a").answer.output == "kept")
    folder.setBroken(false)
    desk.receive("b")
    desk.restart()
    #expect(desk.desk.journal["a"]?.result?.output == "kept", "written with the next that was")
  }

  @Test("A journal that cannot be opened at first counts when it can")
  func lateDisk() {
    var early = DeskHarness()
    early.receive("a")
    let folder = PowerCutFolder(early.folder?.contents ?? [:])
    folder.setBroken(true)
    var desk = DeskHarness(folder: folder)
    _ = desk.desk.start(at: desk.now)
    #expect(desk.receive("a", attempt: 2).answer.state == .rejected)
    folder.setBroken(false)
    let (answer, steps) = desk.receive("a", attempt: 2)
    #expect(answer.outcome == .unknown && steps.runs.isEmpty)
  }

  @Test("No more commands are taken than the journal can remember; old ones make room")
  func bounds() {
    var limits = CommandJournal.Limits()
    limits.maxRecords = 8
    limits.maxOpen = 4
    var desk = DeskHarness(limits: limits)
    for id in ["a", "b", "c", "d"] { desk.receive(id) }
    #expect(desk.receive("e").answer.reason == "too many commands wait or are remembered")
    for id in ["a", "b", "c", "d"] {
      desk.end(id)
      desk.desk.confirmed(id)
    }
    for id in ["e", "f", "g", "h"] { desk.receive(id) }
    for id in ["e", "f", "g", "h"] {
      desk.end(id)
      desk.desk.confirmed(id)
    }
    #expect(desk.receive("i").answer.state == .rejected, "none of the eight can be forgotten yet")
    desk.advance(.seconds(60))
    #expect(desk.receive("i").answer.state == .running)
    #expect(desk.receive("a", expiresIn: .zero, attempt: 2).answer.outcome == .expired)
  }

  @Test("News come in pieces, not too often, and the last before the end")
  func news() {
    var desk = DeskHarness()
    desk.receive("a")
    let first = desk.desk.progressed(
      "a", percent: 120, text: nil, output: Array("one".utf8)[...], at: desk.now)
    #expect(first.news == [CommandProgress(command: "a", percent: 100, output: "one")])
    let second = desk.desk.progressed(
      "a", percent: nil, text: "two", output: Array("t".utf8)[...], at: desk.now)
    #expect(second.news.isEmpty)
    _ = desk.desk.progressed(
      "a", percent: nil, text: nil, output: Array("wo".utf8)[...], at: desk.now)
    #expect(desk.desk.deadline == desk.now.monotonic + .milliseconds(500))
    #expect(
      desk.tick(after: .milliseconds(500)).news
        == [CommandProgress(command: "a", text: "two", output: "two")])
    _ = desk.desk.progressed(
      "a", percent: nil, text: nil, output: Array("three".utf8)[...], at: desk.now)
    #expect(desk.end("a").news == [CommandProgress(command: "a", output: "three")])
    let unknown = desk.desk.progressed(
      "a", percent: 1, text: nil, output: [], at: desk.now)
    #expect(unknown.isEmpty)
  }

  @Test("An agent that ends begins nothing more and stops what runs")
  func closing() {
    var desk = DeskHarness()
    desk.receive("a")
    desk.receive("b")
    #expect(desk.desk.close(at: desk.now).stops == ["a"])
    #expect(desk.receive("c").answer.state == .accepted, "for the next agent")
    #expect(desk.end("a", .cancelled).runs.isEmpty)
    #expect(desk.desk.journal["a"]?.result?.reason == "stopped, because the agent was")
    #expect(desk.restart().runs == ["b"])
    #expect(desk.end("b").runs == ["c"])
    var forgetful = DeskHarness(folder: nil)
    _ = forgetful.desk.close(at: forgetful.now)
    #expect(forgetful.receive("a").answer.state == .rejected)
  }

  @Test("Cancellations of what never came do not fill the journal")
  func forgedCancellations() {
    var limits = CommandJournal.Limits()
    limits.maxRecords = 20
    limits.maxOpen = 4
    var desk = DeskHarness(limits: limits)
    for number in 0..<100 { desk.cancel("forged-\(number)") }
    #expect(desk.desk.journal.records.count == 4)
    #expect(desk.receive("a").answer.state == .running)
  }

  @Test("Where boots have no name, the broker's time alone says what is too late")
  func namelessBoot() {
    var desk = DeskHarness { $0.boot = "" }
    desk.receive("a", expiresIn: .seconds(60))
    desk.receive("b", expiresIn: .seconds(600))
    desk.now.monotonic = .seconds(20)
    #expect(desk.restart(boot: "", knowsTime: false).runs.isEmpty)
    desk.now.broker = Timestamp(seconds: 1_800_000_000) + .seconds(90)
    #expect(desk.tick().runs == ["b"])
  }
}
