package import TestValues

/// Makes inputs of valid ones: by small wounds, and by sewing parts of several together.
package struct Mutator {
  private let seeds: [[UInt8]]
  /// What breaks parsers: the ends of ranges, separators, deflate's and WebSocket's own marks.
  private static let interesting: [UInt8] = [
    0x00, 0x01, 0x7D, 0x7E, 0x7F, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8A, 0xC0, 0xC1, 0xED, 0xEF, 0xF4,
    0xFE, 0xFF, 0x0D, 0x0A, 0x20, 0x09, 0x2C, 0x3B, 0x3A, 0x3D, 0x22, 0x5C,
  ]
  private static let longest = 4096

  /// A mutator of these valid inputs; there has to be one at least.
  package init(seeds: [[UInt8]]) {
    self.seeds = seeds
  }

  /// One input; the same one for the same generator.
  package func input(using generator: inout Seeded) -> [UInt8] {
    var bytes = seeds[Int.random(in: 0..<seeds.count, using: &generator)]
    // One in sixteen stays whole, so that what lies behind the checks is reached as well.
    guard !Int.random(in: 0..<16, using: &generator).isMultiple(of: 16) else { return bytes }
    for _ in 0..<Int.random(in: 1...6, using: &generator) {
      mutate(&bytes, using: &generator)
    }
    if bytes.count > Self.longest { bytes.removeLast(bytes.count - Self.longest) }
    return bytes
  }

  private func mutate(_ bytes: inout [UInt8], using generator: inout Seeded) {
    guard !bytes.isEmpty else {
      bytes.append(UInt8.random(in: 0...255, using: &generator))
      return
    }
    let at = Int.random(in: 0..<bytes.count, using: &generator)
    let end = min(bytes.count, at + Int.random(in: 1...32, using: &generator))
    switch Int.random(in: 0..<10, using: &generator) {
    case 0: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
    case 1: bytes[at] = UInt8.random(in: 0...255, using: &generator)
    case 2:
      let choice = Int.random(in: 0..<Self.interesting.count, using: &generator)
      bytes[at] = Self.interesting[choice]
    case 3: bytes[at] &+= UInt8.random(in: 0...1, using: &generator) == 0 ? 1 : 255
    case 4: bytes.removeSubrange(at..<end)
    case 5: bytes.insert(contentsOf: Array(bytes[at..<end]), at: at)
    case 6: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: at)
    case 7: bytes.removeLast(bytes.count - at)
    case 8:
      let other = seeds[Int.random(in: 0..<seeds.count, using: &generator)]
      guard !other.isEmpty else { return }
      let from = Int.random(in: 0..<other.count, using: &generator)
      bytes.replaceSubrange(at..<end, with: other[from..<min(other.count, from + 64)])
    default:
      for place in at..<min(bytes.count, at + 4) {
        bytes[place] = UInt8.random(in: 0...255, using: &generator)
      }
    }
  }

  /// Cuts `input` into pieces as reads might.
  static func pieces(
    of input: [UInt8], using generator: inout Seeded
  ) -> [ArraySlice<UInt8>] {
    var pieces: [ArraySlice<UInt8>] = []
    var rest = input[...]
    while !rest.isEmpty {
      let longest = Int.random(in: 0..<4, using: &generator) == 0 ? 1 : 64
      let count = min(rest.count, Int.random(in: 1...longest, using: &generator))
      pieces.append(rest.prefix(count))
      rest = rest.dropFirst(count)
    }
    return pieces
  }
}
