package import TestValues

/// One way into the transport that strangers' bytes take, with what must hold whatever they are.
///
/// Beyond not trapping, each target checks a property: the same result however the input is cut, for
/// instance. Targets are used one input after another, so that pools and loops are exercised too.
package protocol FuzzTarget: SendableMetatype {
  /// What the target is called on the command line and in findings.
  static var name: String { get }
  /// Valid inputs that mutations start from.
  static func seeds() -> [[UInt8]]
  /// A target ready for inputs.
  init() throws
  /// Takes one input in; throws `FuzzFinding` where a property does not hold. `generator` decides
  /// where the input is cut and the like.
  mutating func take(_ input: [UInt8], using generator: inout Seeded) throws
}

/// A property that did not hold.
package struct FuzzFinding: Error, CustomStringConvertible {
  /// Which, in words.
  package let description: String

  /// A finding.
  package init(_ description: String) {
    self.description = description
  }
}

extension Seeded {
  /// The generator of input number `index` of a run: any input can be made again alone.
  init(seed: UInt64, index: UInt64) {
    self.init(seed ^ (index &* 0xD134_2543_DE82_EF95))
  }
}

/// A run of one target: inputs `indices` of `seed`.
package struct FuzzRun: Sendable {
  /// The target's name.
  package let name: String
  private let body: @Sendable (UInt64, Range<UInt64>) throws -> Void
  private let single: @Sendable ([UInt8]) throws -> Void

  /// Every target there is.
  package static let all = [
    FuzzRun(FrameTarget.self), FuzzRun(InflaterTarget.self), FuzzRun(ExtensionTarget.self),
    FuzzRun(RequestTarget.self), FuzzRun(ResponseTarget.self), FuzzRun(FirstRequestTarget.self),
    FuzzRun(TextTarget.self),
  ]

  init<Target: FuzzTarget>(_: Target.Type) {
    name = Target.name
    body = { seed, indices in
      let mutator = Mutator(seeds: Target.seeds())
      var target = try Target()
      for index in indices {
        var generator = Seeded(seed: seed, index: index)
        let input = mutator.input(using: &generator)
        do {
          try target.take(input, using: &generator)
        } catch let finding as FuzzFinding {
          throw FuzzFinding(
            "\(Target.name), seed \(seed), input \(index): \(finding)\n\(hexadecimal(input))")
        }
      }
    }
    single = { input in
      var target = try Target()
      for index in 0..<UInt64(32) {
        var generator = Seeded(seed: 0, index: index)
        try target.take(input, using: &generator)
      }
    }
  }

  /// Takes one known input in, cut in several ways; throws what does not hold.
  package func take(_ input: [UInt8]) throws {
    try single(input)
  }

  /// Runs those inputs; throws the first `FuzzFinding`, which names seed and index.
  package func run(seed: UInt64, indices: Range<UInt64>) throws {
    try body(seed, indices)
  }
}

private func hexadecimal(_ bytes: [UInt8]) -> String {
  bytes.map { byte in
    let digits = String(byte, radix: 16)
    return digits.count == 1 ? "0" + digits : digits
  }.joined()
}
