import DeviceProtocol
import Simulation
import TelemetryModel
import TestValues
import Testing

@testable import AgentCore

@Suite("Commands: the journal")
struct CommandJournalTests {
  /// What a device did, over all its lives.
  struct Deeds {
    var done: [String: Int] = [:]
    /// What the broker was told in the end.
    var told: [String: CommandOutcome] = [:]
  }

  @Test("A power cut at any byte: nothing acts twice, and what is said is true")
  func powerCut() throws {
    let whole = try life(cutAfter: .max)
    #expect(whole.bytes > 1000)
    for cut in 0...whole.bytes {
      let deeds = try life(cutAfter: cut).deeds
      for (id, count) in deeds.done { #expect(count == 1, "\(id) acted \(count) times at \(cut)") }
      for (id, outcome) in deeds.told {
        switch outcome {
        case .succeeded: #expect(deeds.done[id] == 1, "\(id) succeeded without acting, at \(cut)")
        case .rejected, .expired, .cancelled:
          #expect(deeds.done[id] == nil, "\(id) acted and is called \(outcome), at \(cut)")
        case .failed, .unknown: break
        }
      }
      #expect(deeds.told.count == 6, "at \(cut)")
    }
  }

  /// Six commands are sent, again and again until each has an outcome, through one power cut. The
  /// device acts at the moment of `.run`, and dies before or after.
  private func life(cutAfter budget: Int) throws -> (deeds: Deeds, bytes: Int) {
    var random = Seeded(UInt64(truncatingIfNeeded: budget))
    var deeds = Deeds()
    let folder = PowerCutFolder(cutAfter: budget)
    var limits = CommandJournal.Limits()
    // Small, so that the file is replaced on the way.
    limits.maxBytes = 900
    var desk = DeskHarness(folder: folder, limits: limits)
    _ = desk.desk.start(at: desk.now)
    let ids = ["a", "b", "c", "d", "e", "f"]
    for attempt in 1...3 {
      for id in ids where deeds.told[id] == nil {
        let (answer, steps) = desk.receive(
          id, "blink", expiresIn: .seconds(3600), attempt: attempt)
        if desk.folder?.isCut == true {
          // Nothing of this moment left the device, but what it did it did.
          act(steps, &deeds)
          desk.restart(files: desk.folder?.survivors(using: &random))
          continue
        }
        act(steps, &deeds)
        var more = steps
        while let next = more.runs.first {
          more = desk.end(next, output: String(repeating: "x", count: 40))
          act(more, &deeds)
        }
        if desk.folder?.isCut == true {
          desk.restart(files: desk.folder?.survivors(using: &random))
          continue
        }
        if answer.state == .rejected { deeds.told[id] = .rejected }
        if let outcome = desk.outcome(id) {
          deeds.told[id] = outcome
          desk.desk.confirmed(id)
        }
      }
    }
    return (deeds, folder.writtenBytes)
  }

  private func act(_ steps: [CommandStep], _ deeds: inout Deeds) {
    for id in steps.runs { deeds.done[id, default: 0] += 1 }
  }

  @Test("Everything is there again after an orderly end, also through replaced files")
  func orderly() throws {
    var limits = CommandJournal.Limits()
    limits.maxBytes = 2000
    var desk = DeskHarness(limits: limits)
    for number in 0..<50 {
      desk.receive("c\(number)")
      desk.end("c\(number)", number % 2 == 0 ? .succeeded : .failed, output: "é\u{1F600}\"\n")
      if number % 3 == 0 { desk.desk.confirmed("c\(number)") }
    }
    let before = desk.desk.journal.records
    desk.restart()
    #expect(desk.desk.journal.records == before)
    #expect(desk.folder?.contents.count == 1)
    #expect(!desk.desk.journal.isDamaged)
  }

  @Test("The journal is bounded, outputs go first, and say so")
  func bounded() throws {
    var limits = CommandJournal.Limits()
    limits.maxBytes = 20_000
    var desk = DeskHarness(limits: limits)
    for number in 0..<20 {
      desk.receive("c\(number)")
      desk.end("c\(number)", output: String(repeating: "x", count: 3000))
    }
    let size = desk.folder?.contents.values.reduce(0) { $0 + $1.count } ?? 0
    #expect(size <= 20_000)
    let first = try #require(desk.desk.journal["c0"]?.result)
    #expect(first.outcome == .succeeded && first.output == nil && first.outputBytes == 3000)
    #expect(first.reason == "the journal had no room for output")
    #expect(desk.desk.journal["c19"]?.result?.output?.count == 3000)
  }

  @Test("Damage is told, what stands behind it is read, and nothing unknown is done again")
  func damage() throws {
    var desk = DeskHarness()
    for id in ["a", "b", "c"] {
      desk.receive(id)
      desk.end(id)
    }
    var files = desk.folder?.contents ?? [:]
    let name = try #require(files.keys.first)
    files[name]?[120] ^= 0x55
    let steps = desk.restart(files: files)
    #expect(steps.contains(.report(.journalDamaged)))
    #expect(desk.desk.journal["c"]?.result?.outcome == .succeeded)
    #expect(desk.receive("z", attempt: 2).answer.outcome == .unknown)
    #expect(desk.receive("new").answer.state == .running)
  }

  @Test("Times that nobody can mean are kept without harm")
  func absurdTimes() {
    var desk = DeskHarness()
    for (id, seconds) in [("far", 1e300), ("past", -1e300)] {
      var request = desk.request(id)
      request.expires = Timestamp(seconds: seconds)
      request.remainingSeconds = seconds
      _ = desk.desk.received(request, at: desk.now)
    }
    desk.now.broker = nil
    desk.cancel("unknown")
    desk.restart()
    #expect(!desk.desk.journal.isDamaged)
    #expect(desk.outcome("far") == .unknown && desk.outcome("past") == nil)
    #expect(desk.outcome("unknown") == .cancelled)
  }

  @Test("A file that a power cut left unfinished gives way to the one before it")
  func unfinished() throws {
    var desk = DeskHarness()
    desk.receive("a")
    desk.end("a")
    var files = desk.folder?.contents ?? [:]
    files[CommandFile.name(99)] = Array("hawser-commands 1\n".utf8)
    desk.restart(files: files)
    #expect(desk.outcome("a") == .succeeded)
    files["notes"] = [1, 2, 3]
    desk.restart(files: files)
    #expect(desk.outcome("a") == .succeeded)
  }

  @Test("Any bytes in the folder are read without harm")
  func anything() {
    var random = Seeded(7)
    var desk = DeskHarness()
    desk.receive("a")
    desk.end("a", output: "x")
    let good = desk.folder?.contents.values.first ?? []
    for _ in 0..<500 {
      var bytes = good
      for _ in 0..<Int.random(in: 1...8, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(
          in: 0...255, using: &random)
      }
      bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
      desk.restart(files: [CommandFile.name(1): bytes])
      #expect([nil, .succeeded, .unknown].contains(desk.outcome("a")))
    }
  }
}
