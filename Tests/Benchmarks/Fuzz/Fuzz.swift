import FuzzTargets
import Glibc

/// `fuzz [--inputs N] [--seed S] [--from I] [TARGET…]`: N mutated inputs for each target (all, unless
/// some are named), from number I on. Ends with 1 and the input at the first finding.
///
/// An input that makes the program trap is found by the last progress line of its target: run again
/// from there with `--step 1`.
@main
enum Fuzz {
  static func main() throws {
    var arguments = CommandLine.arguments.dropFirst()
    var inputs: UInt64 = 1_000_000
    var seed: UInt64 = 1
    var first: UInt64 = 0
    var step: UInt64 = 100_000
    var names: [String] = []
    while let argument = arguments.popFirst() {
      guard argument.hasPrefix("--") else {
        names.append(argument)
        continue
      }
      guard let value = arguments.popFirst().flatMap({ UInt64($0) }) else { usage() }
      switch argument {
      case "--inputs": inputs = value
      case "--seed": seed = value
      case "--from": first = value
      case "--step": step = max(1, value)
      default: usage()
      }
    }
    guard names.allSatisfy({ name in FuzzRun.all.contains { $0.name == name } }) else { usage() }
    let clock = ContinuousClock()
    var total: UInt64 = 0
    for run in FuzzRun.all where names.isEmpty || names.contains(run.name) {
      let start = clock.now
      var index = first
      while index < first + inputs {
        print("\(run.name): seed \(seed), from \(index)")
        fflush(nil)
        let end = min(first + inputs, index + step)
        do {
          try run.run(seed: seed, indices: index..<end)
        } catch {
          print("FOUND \(error)")
          exit(1)
        }
        index = end
      }
      total += inputs
      print("\(run.name): \(inputs) inputs of seed \(seed), nothing found, \(clock.now - start)")
    }
    print("\(total) inputs, nothing found")
  }

  private static func usage() -> Never {
    let targets = FuzzRun.all.map(\.name).joined(separator: " ")
    print(
      "usage: fuzz [--inputs N] [--seed S] [--from I] [--step N] [TARGET…]\ntargets: \(targets)")
    exit(64)
  }
}
