import Simulation
import Testing

@Suite("Simulated sessions over HTTP")
struct RequestWorldTests {
  @Test("Requests and answers get lost, held ones are cut: every message comes, in order")
  func losses() {
    var cut = 0
    var narrowed = 0
    for seed in 1...150 as ClosedRange<UInt64> {
      let world = RequestWorld(seed: seed)
      world.run()
      for violation in world.violations { Issue.record("seed \(seed): \(violation)") }
      if world.cutAfter != nil { cut += 1 }
      if world.holdsNoMore { narrowed += 1 }
    }
    #expect(cut > 30 && narrowed > 10, "\(narrowed) of \(cut) paths that cut were recognised")
  }
}
