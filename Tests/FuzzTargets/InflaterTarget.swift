import CZlib
import NIOCore
package import TestValues
import WebSocketTransport

/// Inflating of anything at all against any window, within a limit; with the same result in one piece
/// and in many, and the same plaintext as zlib left to itself.
package struct InflaterTarget: FuzzTarget {
  package static let name = "inflater"
  private static let limit = 4096
  private let inflater: Inflater

  package init() throws {
    guard let inflater = Inflater() else { throw FuzzFinding("no memory for inflating") }
    self.inflater = inflater
  }

  package static func seeds() -> [[UInt8]] {
    let text = Array(
      String(repeating: #"{"n":"cpu-temp","u":"Cel","v":48.5},"#, count: 20).utf8)
    let noise = (0..<300).map { UInt8(truncatingIfNeeded: $0 &* 181 &+ $0 >> 3) }
    var seeds = [[0], [], [0x03, 0x00], [0x02, 0xFD, 0xFF, 0x00, 0x00]] as [[UInt8]]
    for level: Int32 in [0, 1, 6, 9] {
      seeds.append(SeedDeflater.compress(text, level: level))
      seeds.append(SeedDeflater.compress(noise, level: level, windowBits: 9))
      seeds.append(SeedDeflater.compress([UInt8](repeating: 65, count: 3000), level: level))
    }
    // A final block, then another one behind it (RFC 7692 §7.2.3.4).
    seeds.append([0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00] + SeedDeflater.compress(text))
    return seeds
  }

  package mutating func take(_ input: [UInt8], using generator: inout Seeded) throws {
    let window = (0..<Int.random(in: 0...1024, using: &generator)).map { UInt8($0 & 63) + 32 }
    let whole = inflate([input[...]], window)
    let cut = inflate(Mutator.pieces(of: input, using: &generator), window)
    guard whole.error == cut.error else {
      throw FuzzFinding("cutting changes \(String(describing: whole.error))")
    }
    guard whole.error != nil || whole.plain == cut.plain else {
      throw FuzzFinding("cutting changes the plaintext")
    }
    let atOnce = inflateAtOnce(input, window)
    guard atOnce.error == whole.error, whole.error != nil || atOnce.plain == whole.plain else {
      throw FuzzFinding("the end mark in one go changes the outcome")
    }
    guard whole.plain.count <= Self.limit + 1 else {
      throw FuzzFinding("\(whole.plain.count) bytes in spite of the limit")
    }
  }

  private func inflateAtOnce(
    _ input: [UInt8], _ window: [UInt8]
  ) -> (plain: [UInt8], error: WebSocketError?) {
    window.withUnsafeBytes { inflater.begin(window: $0) }
    // As much room as a message gets at first, so that results that just fit come up.
    var output = ByteBufferAllocator().buffer(capacity: 2048)
    var failure: WebSocketError?
    (input + [0, 0, 0xFF, 0xFF]).withUnsafeBytes { raw in
      do throws(WebSocketError) {
        try inflater.inflateLast(raw, into: &output, limitBytes: Self.limit)
      } catch {
        failure = error
      }
    }
    return (Array(output.readableBytesView), failure)
  }

  private func inflate(
    _ pieces: [ArraySlice<UInt8>], _ window: [UInt8]
  ) -> (plain: [UInt8], error: WebSocketError?) {
    window.withUnsafeBytes { inflater.begin(window: $0) }
    var output = ByteBuffer()
    var failure: WebSocketError?
    for piece in pieces where failure == nil {
      piece.withUnsafeBytes { raw in
        do throws(WebSocketError) {
          try inflater.inflate(raw, into: &output, limitBytes: Self.limit)
        } catch {
          failure = error
        }
      }
    }
    if failure == nil {
      do throws(WebSocketError) {
        try inflater.finish(into: &output, limitBytes: Self.limit)
      } catch {
        failure = error
      }
    }
    return (Array(output.readableBytesView), failure)
  }
}
