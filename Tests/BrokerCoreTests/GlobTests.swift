import BrokerCore
import TestValues
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
    var random = Seeded(7)
    for _ in 0..<20_000 {
      let pattern = randomText(Array("ab*?"), &random)
      let name = randomText(Array("ab"), &random)
      #expect(
        Glob(pattern).matches(name) == reference(Array(pattern)[...], Array(name)[...]),
        "pattern \(pattern), name \(name), seed 7")
    }
  }

  private func randomText(_ letters: [Character], _ random: inout Seeded) -> String {
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
