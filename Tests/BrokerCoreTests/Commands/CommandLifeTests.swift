import BrokerCore
import DeviceProtocol
import TelemetryModel
import Testing

@Suite("A command's life")
struct CommandLifeTests {
  static let start = Timestamp(seconds: 1_000_000)
  static let policy = CommandLife.Policy()

  static func order(_ id: String = "c", ttl: Double = 60, run: Double = 10) throws -> CommandOrder {
    CommandOrder(
      id: id, device: try DeviceID("pump"), name: "blink", params: JSONObject(), created: start,
      expires: start + .fromSeconds(ttl), runLimit: .fromSeconds(run), actor: "ann")
  }

  private func life() throws -> CommandLife {
    CommandLife(try Self.order(), policy: Self.policy)
  }

  private func at(_ seconds: Double) -> Timestamp { Self.start + .fromSeconds(seconds) }

  @Test("From queued to succeeded, each state with time, cause and actor")
  func wholeLife() throws {
    var life = try life()
    let sentEvent = life.sent(now: at(1))
    let sent = try #require(sentEvent)
    #expect(sent.kind == .state(.sent))
    #expect(sent.actor == .broker)
    let acceptedEvent = life.answered(CommandState(state: .accepted), now: at(2))
    let accepted = try #require(acceptedEvent)
    #expect(accepted.kind == .state(.accepted))
    #expect(accepted.actor == .device)
    #expect(life.answered(CommandState(state: .accepted), now: at(2)) == nil)
    #expect(life.progressed(now: at(3))?.kind == .state(.running))
    #expect(life.progressed(now: at(4)) == nil)
    let report = CommandFinished(command: "c", outcome: .succeeded, exitCode: 0, output: "done")
    guard case .news(let event) = life.finished(report, now: at(5)) else {
      Issue.record("no news")
      return
    }
    #expect(event.kind == .state(.succeeded))
    #expect(event.time == at(5))
    #expect(life.status.result?.output == "done")
    #expect(life.deadline == nil)
    #expect(life.finished(report, now: at(6)) == .repeated)
    let other = CommandFinished(command: "c", outcome: .failed)
    #expect(life.finished(other, now: at(6)) == .repeated, "the device's first word stands")
    #expect(life.state == .succeeded)
  }

  @Test("An answer may skip states, and an old one takes nothing back")
  func skipping() throws {
    var life = try life()
    _ = life.sent(now: at(1))
    #expect(life.answered(CommandState(state: .running), now: at(2))?.kind == .state(.running))
    #expect(life.answered(CommandState(state: .accepted), now: at(3)) == nil)
    let end = life.answered(
      CommandState(state: .finished, outcome: .failed, exitCode: 3), now: at(4))
    #expect(end?.kind == .state(.failed))
    #expect(life.status.result?.exitCode == 3)
  }

  @Test("What was never sent ends expired or cancelled, and no report of it is believed")
  func neverSent() throws {
    var expiring = try life()
    #expect(expiring.tick(now: at(59.9)) == nil)
    #expect(expiring.tick(now: at(60))?.kind == .state(.expired))
    var cancelled = try life()
    guard case .done(let event) = cancelled.cancel(by: "bob", now: at(1)) else {
      Issue.record("not done")
      return
    }
    #expect(event.kind == .state(.cancelled))
    #expect(event.actor == .person("bob"))
    let report = CommandFinished(command: "c", outcome: .succeeded)
    #expect(expiring.finished(report, now: at(61)) == .impossible)
    #expect(cancelled.finished(report, now: at(61)) == .impossible)
    var queued = try life()
    #expect(queued.finished(report, now: at(1)) == .impossible)
    #expect(queued.state == .queued)
  }

  @Test(
    "What was sent is over at its deadline, whatever the device said before",
    arguments: [
      (nil, 90), (.accepted, 100), (.running, 42),
    ] as [(CommandState.Phase?, Double)])
  func deadlines(phase: CommandState.Phase?, seconds: Double) throws {
    var life = try life()
    _ = life.sent(now: at(1))
    if let phase { _ = life.answered(CommandState(state: phase), now: at(2)) }
    #expect(life.deadline == at(seconds))
    #expect(life.tick(now: at(seconds - 0.001)) == nil)
    let ended = life.tick(now: at(seconds))
    let event = try #require(ended)
    #expect(event.kind == .state(.unknown))
    #expect(event.actor == .broker)
  }

  @Test("The device's late word stands over the broker's conclusion, not over its own")
  func late() throws {
    var life = try life()
    _ = life.sent(now: at(1))
    _ = life.tick(now: at(200))
    #expect(life.state == .unknown)
    let report = CommandFinished(command: "c", outcome: .succeeded)
    guard case .news(let event) = life.finished(report, now: at(300)) else {
      Issue.record("no news")
      return
    }
    #expect(event.kind == .state(.succeeded))
    #expect(life.finished(report, now: at(301)) == .repeated)
    var own = try self.life()
    _ = own.sent(now: at(1))
    _ = own.finished(CommandFinished(command: "c", outcome: .unknown), now: at(2))
    #expect(own.finished(report, now: at(3)) == .repeated)
    #expect(own.state == .unknown)
  }

  @Test("A sent command is asked to stop; where it never arrived it is cancelled")
  func cancelling() throws {
    var life = try life()
    _ = life.sent(now: at(1))
    guard case .ask(let event) = life.cancel(by: "bob", now: at(2)) else {
      Issue.record("not asked")
      return
    }
    #expect(event.kind == .cancelRequested)
    #expect(life.state == .sent)
    #expect(life.cancel(by: "bob", now: at(3)) == .asked)
    #expect(life.cancelledUnheard(now: at(4))?.kind == .state(.cancelled))
    #expect(life.cancel(by: "bob", now: at(5)) == .tooLate)
    // Should it have arrived after all, the device's word stands.
    let report = CommandFinished(command: "c", outcome: .succeeded)
    guard case .news = life.finished(report, now: at(6)) else {
      Issue.record("no news")
      return
    }
    var running = try self.life()
    _ = running.sent(now: at(1))
    _ = running.answered(CommandState(state: .running), now: at(2))
    #expect(running.cancelledUnheard(now: at(3)) == nil, "it had begun")
  }

  @Test("An error in answer to the first attempt is a rejection, to a later one nobody knows")
  func errors() throws {
    var first = try life()
    _ = first.sent(now: at(1))
    #expect(
      first.refused(.unknownMethod("command"), now: at(2))?.kind == .state(.rejected))
    var second = try life()
    _ = second.sent(now: at(1))
    #expect(second.sent(now: at(3))?.kind == .sentAgain)
    #expect(second.status.attempts == 2)
    #expect(second.refused(.unknownMethod("command"), now: at(4))?.kind == .state(.unknown))
  }

  @Test("Ids sort by time, are version 7 and not guessable")
  func ids() {
    var random = SystemRandomNumberGenerator()
    let early = CommandID.make(now: at(0), using: &random)
    let late = CommandID.make(now: at(0.001), using: &random)
    #expect(early < late)
    #expect(early.utf8.count == 36)
    #expect(Array(early)[14] == "7")
    #expect("89ab".contains(Array(early)[19]))
    #expect(early != CommandID.make(now: at(0), using: &random))
  }
}
