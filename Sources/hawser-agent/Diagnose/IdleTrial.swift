import DeviceProtocol
import NIOCore
import TelemetryModel
import WebSocketTransport

/// Finds out what silence does to a link: one is silent, one beside it speaks. A path that ends both
/// at the same age minds their age; one that ends the silent one alone minds the silence.
struct IdleTrial {
  /// What silence does.
  enum Verdict: Hashable, Sendable {
    /// Nothing.
    case survived
    /// The link was ended after so many seconds of it.
    case cut(afterSeconds: Double)
    /// The link was dead behind it, and nobody had said so; the longest silence that did no harm,
    /// and the shortest that did.
    case forgotten(survivedSeconds: Double?, lostSeconds: Double)
    /// Links are ended at an age, whatever they carry.
    case lifetime(seconds: Double)
    /// Links died together, silently.
    case unsteady(seconds: Double)
    /// It could not be tried, and why.
    case inconclusive(String)
  }

  /// What became of the two links, and the verdict on it.
  struct Pair: Hashable, Sendable {
    let silent: DiagnosticLink.Outcome
    let speaking: DiagnosticLink.Outcome
    /// The silence that was tried, in seconds.
    let triedSeconds: Double

    var verdict: Verdict {
      switch (silent, speaking) {
      case (.refused(let reason), _), (_, .refused(let reason)): .inconclusive(reason)
      case (.works, .works): .survived
      case (.ended(let age), .ended(let other)) where abs(age - other) < max(1, age * 0.1):
        .lifetime(seconds: min(age, other))
      case (.ended(let age), .works) where age < triedSeconds: .cut(afterSeconds: age)
      // Ended by what was said behind the silence: somebody on the way did not know the link.
      case (.ended, .works), (.silent, .works):
        .forgotten(survivedSeconds: nil, lostSeconds: triedSeconds)
      case (_, .ended(let age)), (_, .silent(let age)): .unsteady(seconds: age)
      }
    }
  }

  let configuration: AgentConfiguration
  let tls: ClientTLS?
  let isCompressed: Bool
  let loop: any EventLoop

  /// The shortest silence that is tried to find out what does no harm.
  private static let least = 2.0

  func run(_ silence: Duration) async -> Verdict {
    var verdict = await tryBoth(silence).verdict
    // A path that forgets says nothing of when: shorter ones are tried.
    while case .forgotten(nil, let lost) = verdict, lost / 2 >= Self.least {
      let shorter = lost / 2
      guard case .survived = await tryBoth(.fromSeconds(shorter)).verdict else {
        verdict = .forgotten(survivedSeconds: nil, lostSeconds: shorter)
        continue
      }
      verdict = .forgotten(survivedSeconds: shorter, lostSeconds: lost)
    }
    return verdict
  }

  private func tryBoth(_ silence: Duration) async -> Pair {
    async let speaking = speak(during: silence)
    let silent = await beSilent(silence)
    return Pair(silent: silent, speaking: await speaking, triedSeconds: silence.inSeconds)
  }

  private func beSilent(_ silence: Duration) async -> DiagnosticLink.Outcome {
    await onLink(silence) { link in
      let rested = await link.rest(silence)
      return rested == .works ? await link.echo() : rested
    }
  }

  private func speak(during silence: Duration) async -> DiagnosticLink.Outcome {
    let pause = min(silence / 8, .seconds(2))
    // As long as the silent one waits for its answer.
    let end = ContinuousClock.now + silence + .seconds(1)
    return await onLink(silence) { link in
      while ContinuousClock.now < end {
        let rested = await link.rest(pause)
        guard rested == .works else { return rested }
        let echoed = await link.echo()
        guard echoed == .works else { return echoed }
      }
      return .works
    }
  }

  private func onLink(
    _ silence: Duration, _ body: (DiagnosticLink) async -> DiagnosticLink.Outcome
  ) async -> DiagnosticLink.Outcome {
    let link = DiagnosticLink(on: loop)
    defer { link.close() }
    do throws(HandshakeError) {
      _ = try await link.open(configuration, compressed: isCompressed, tls: tls)
    } catch {
      return .refused("\(error)")
    }
    let announced = await link.announce(silenceSeconds: silence.inSeconds)
    return announced == .works ? await body(link) : announced
  }
}
