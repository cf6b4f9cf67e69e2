import BrokerCore
import Testing

@Suite("Globs")
struct GlobTests {
  @Test(
    "match whole names",
    arguments: [
      ("pi-*", "pi-7", true), ("pi-*", "pi-", true), ("pi-*", "api-7", false),
      ("*", "", true), ("*", "anything", true), ("", "", true), ("", "a", false),
      ("a?c", "abc", true), ("a?c", "ac", false), ("*.temp", "cpu.temp", true),
      ("*a*b*", "xxaxxbxx", true), ("*a*b*", "xxbxxaxx", false), ("load.1m", "load.1m", true),
      ("load.1m", "load.15m", false), ("**x", "yyx", true), ("a*b*c", "abbbcbc", true),
    ])
  func matchWholeNames(pattern: String, name: String, fits: Bool) {
    #expect(Glob(pattern).matches(name) == fits)
  }

  @Test("agree with a plain recursive matcher on random patterns")
  func agreeWithReference() {
    var random = SplitMix64(seed: 7)
    for _ in 0..<20_000 {
      let pattern = randomText(Array("ab*?"), &random)
      let name = randomText(Array("ab"), &random)
      #expect(
        Glob(pattern).matches(name) == reference(Array(pattern)[...], Array(name)[...]),
        "pattern \(pattern), name \(name), seed 7")
    }
  }

  private func randomText(_ letters: [Character], _ random: inout SplitMix64) -> String {
    String(
      (0..<Int.random(in: 0...8, using: &random)).map { _ in
        letters.randomElement(using: &random) ?? "a"
      })
  }

  private func reference(_ pattern: ArraySlice<Character>, _ name: ArraySlice<Character>) -> Bool {
    guard let first = pattern.first else { return name.isEmpty }
    if first == "*" {
      return reference(pattern.dropFirst(), name)
        || (!name.isEmpty && reference(pattern, name.dropFirst()))
    }
    guard let head = name.first, first == "?" || first == head else { return false }
    return reference(pattern.dropFirst(), name.dropFirst())
  }
}

/// A small generator with a seed; Steele, Lea and Flood's SplitMix64.
struct SplitMix64: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
