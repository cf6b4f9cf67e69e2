package import TelemetryModel

/// A pack that was measured while nobody knew the time of day: it carries the monotonic clock and
/// the boot that this clock belongs to, and gets its time when it is sent.
///
/// In the spool it is a line `~BOOT MICROSECONDS`, then a SenML pack whose times are relative to
/// that moment; other packs begin with `[`.
package struct UnclockedPack: Hashable, Sendable {
  /// The boot that the monotonic clock belongs to.
  package let boot: String
  /// The moment that the pack's times are relative to, since boot.
  package let monotonic: Duration
  private let pack: ArraySlice<UInt8>

  private static let mark = UInt8(ascii: "~")

  /// The bytes for the spool.
  /// - Parameters:
  ///   - records: readings, all taken within seconds of `now`.
  ///   - now: both clocks when they were taken; `wall` is what the records say, right or wrong.
  ///   - boot: names this boot.
  /// - Returns: the line and the pack.
  package static func encode(
    _ records: [SenMLRecord], at now: SampleTime, boot: String
  ) -> [UInt8] {
    // Relative to the first record, so that the pack begins without a base time of its own.
    let origin = records.first?.time ?? now.wall
    let monotonic = now.monotonic + (origin - now.wall)
    var bytes = Array("~\(boot) \(monotonic / .microseconds(1))\n".utf8)
    SenMLEncoder.encode(records, relativeTo: origin, into: &bytes)
    return bytes
  }

  /// Reads such a pack; nil where the bytes are an ordinary one.
  package init?(_ bytes: [UInt8]) {
    guard bytes.first == Self.mark, let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else {
      return nil
    }
    let words = String(decoding: bytes[1..<end], as: UTF8.self)
      .split(separator: " ", omittingEmptySubsequences: false)
    guard words.count == 2, let microseconds = Double(words[1]) else { return nil }
    boot = String(words[0])
    monotonic = .seconds(microseconds / 1_000_000)
    pack = bytes[(end + 1)...]
  }

  /// The pack with absolute times.
  package func measured(at time: Timestamp) -> [UInt8] {
    based { $0.write(time) }
  }

  /// The pack with times relative to when it is received (RFC 8428 §4.5.3), which must be at once.
  package func measured(before duration: Duration) -> [UInt8] {
    // A base time of 0 says nothing and would be legal; negative ones are in the past.
    based { $0.write(.zero - max(duration, .zero)) }
  }

  private func based(_ time: (inout JSONWriter) -> Void) -> [UInt8] {
    let opening = Array("[{".utf8)
    guard pack.starts(with: opening) else { return Array(pack) }
    var writer = JSONWriter(opening)
    writer.key("bt")
    time(&writer)
    writer.raw(",")
    return writer.bytes + pack.dropFirst(opening.count)
  }
}

/// Gives unclocked packs their times when they are sent.
package struct PackClock: Hashable, Sendable {
  private let boot: String
  /// The latest monotonic moment seen of each earlier boot.
  private var lastOfBoot: [String: Duration] = [:]

  /// Relative times are right only where they are received at once; older readings are not sent so.
  package static let validity = Duration.seconds(60)

  /// Of the present boot.
  package init(boot: String) {
    self.boot = boot
  }

  /// The pack as it is to be sent now; ordinary ones as they are.
  ///
  /// - A reading of this boot gets its time from the clock, as soon as there is one. While only the
  ///   broker knows the time, a reading younger than a minute goes out relative.
  /// - A reading of an earlier boot whose clock was never known cannot get its time back: how long
  ///   the machine was off is not known. It is sent as if that boot had ended when this one began,
  ///   the latest it can have been, with the distances within the boot kept; and relative, so that
  ///   the broker marks its time as not the device's own.
  package mutating func clocked(
    _ bytes: [UInt8], _ clock: AgentClock, at now: SampleTime
  ) -> [UInt8] {
    guard let pack = UnclockedPack(bytes) else { return bytes }
    guard pack.boot == boot, !boot.isEmpty else {
      let last = max(lastOfBoot[pack.boot] ?? .zero, pack.monotonic)
      lastOfBoot[pack.boot] = last
      return pack.measured(before: now.monotonic + (last - pack.monotonic))
    }
    let age = now.monotonic - pack.monotonic
    if !clock.isPlausible(now.wall), age <= Self.validity { return pack.measured(before: age) }
    guard let time = clock.wall(of: pack.monotonic, at: now) else {
      return pack.measured(before: age)
    }
    return pack.measured(at: time)
  }
}
