import FuzzTargets
import Testing

/// Seeded mutations of valid inputs, a few seconds of them. `Tests/Benchmarks/Fuzz` runs as many as
/// one likes.
@Suite("What strangers send")
struct FuzzTests {
  @Test("No input breaks a rule", arguments: FuzzRun.all.map(\.name))
  func shortRun(_ name: String) throws {
    let run = try #require(FuzzRun.all.first { $0.name == name })
    try run.run(seed: 20_261_122, indices: 0..<3_000)
  }

  @Test("Inputs that once broke a rule break none", arguments: Regression.all)
  func regression(_ regression: Regression) throws {
    let run = try #require(FuzzRun.all.first { $0.name == regression.target })
    try run.take(regression.input)
  }
}
