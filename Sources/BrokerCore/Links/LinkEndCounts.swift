package import TelemetryModel

/// How many links ended in which way, by time; a pure machine in bounded memory.
///
/// Kinds of ends are counted in spans of ten minutes. Causes and networks that agents name are an
/// open set: a span that has seen many takes the rest together, and the oldest spans go when all of
/// them hold too much. ``since`` says from when on the counts are whole.
package struct LinkEndCounts: Sendable {
  /// The bounds.
  package struct Policy: Sendable {
    /// What is counted together.
    package var span: Duration = .seconds(600)
    /// How long it is kept.
    package var age: Duration = .seconds(7 * 86_400)
    /// The most networks of one span that are told apart.
    package var networksPerSpan = 256
    /// The most kinds of one span that are told apart.
    package var kindsPerSpan = 2_000
    /// The most kinds in all spans together, about 100 bytes each.
    package var kinds = 20_000

    /// The defaults above.
    package init() {}
  }

  /// Who saw a link end.
  package enum Observer: String, Hashable, Sendable, CaseIterable {
    /// This broker; causes are those of ``LinkEndCause``.
    case broker
    /// The device, which says so in the `hello` of its next link; causes are its own words.
    case device
  }

  /// What is counted apart.
  package struct Kind: Hashable, Sendable {
    /// Who saw it.
    package var seenBy: Observer
    /// Why.
    package var cause: String
    /// How the link's messages travelled; nil where the device did not say.
    package var transport: String?
    /// Over which network; for a device's own observation that of the link which tells it.
    package var network: NetworkKey

    /// Names all parts.
    package init(seenBy: Observer, cause: String, transport: String?, network: NetworkKey) {
      self.seenBy = seenBy
      self.cause = cause
      self.transport = transport
      self.network = network
    }
  }

  private struct Span: Sendable {
    var begin: Timestamp
    var counts: [Kind: Int] = [:]
    var networks: Set<NetworkKey> = []
  }

  private let policy: Policy
  private var spans: [Span] = []
  private var total = 0
  /// From when on everything is counted.
  package private(set) var since: Timestamp

  /// Counts from now on.
  package init(policy: Policy = Policy(), now: Timestamp) {
    self.policy = policy
    since = now
  }

  /// Counts one end; `now` never jumps.
  package mutating func count(_ kind: Kind, now: Timestamp) {
    let begin = self.begin(of: now)
    if spans.last.map({ $0.begin < begin }) ?? true {
      spans.append(Span(begin: begin))
      forget(before: now - policy.age)
    }
    let kind = fold(kind, into: spans.count - 1)
    if spans[spans.count - 1].counts.updateValue(
      (spans[spans.count - 1].counts[kind] ?? 0) + 1, forKey: kind) == nil
    {
      total += 1
    }
    while total > policy.kinds, spans.count > 1 { dropOldest() }
  }

  /// The kind under which there is room for it.
  private mutating func fold(_ kind: Kind, into index: Int) -> Kind {
    var kind = kind
    guard spans[index].counts[kind] == nil else { return kind }
    if !spans[index].networks.contains(kind.network) {
      if spans[index].networks.count < policy.networksPerSpan {
        spans[index].networks.insert(kind.network)
      } else {
        kind.network = .others
      }
    }
    guard spans[index].counts[kind] == nil, spans[index].counts.count >= policy.kindsPerSpan else {
      return kind
    }
    kind.network = .others
    // The broker's own causes and transports are few.
    guard kind.seenBy == .device else { return kind }
    kind.cause = "others"
    kind.transport = nil
    return kind
  }

  private mutating func forget(before time: Timestamp) {
    while let oldest = spans.first, oldest.begin + policy.span <= time, spans.count > 1 {
      dropOldest()
    }
  }

  private mutating func dropOldest() {
    let oldest = spans.removeFirst()
    total -= oldest.counts.count
    since = max(since, oldest.begin + policy.span)
  }

  private func begin(of time: Timestamp) -> Timestamp {
    let span = policy.span.wholeMicroseconds
    let offset = time.microseconds % span
    return Timestamp(microseconds: time.microseconds - (offset < 0 ? offset + span : offset))
  }

  /// How many kinds are held.
  package var kindCount: Int { total }

  /// What was counted.
  package struct Summary: Sendable {
    /// The times that the counts are of: those asked for, widened to whole spans, as far as kept.
    package var range: Range<Timestamp>
    /// The kinds, the most frequent first.
    package var ends: [(kind: Kind, count: Int)]
  }

  /// The ends between two times, of the networks that a predicate takes.
  package func ends(
    from: Timestamp, to: Timestamp, where isWanted: (NetworkKey) -> Bool = { _ in true }
  ) -> Summary {
    guard to > since else { return Summary(range: since..<since, ends: []) }
    let first = max(begin(of: max(from, since)), since)
    let last = max(first, to == begin(of: to) ? to : begin(of: to) + policy.span)
    var sums: [Kind: Int] = [:]
    for span in spans where span.begin + policy.span > first && span.begin < last {
      for (kind, count) in span.counts where isWanted(kind.network) {
        sums[kind, default: 0] += count
      }
    }
    let ends = sums.map { (kind: $0.key, count: $0.value) }.sorted { left, right in
      (right.count, left.kind.order) < (left.count, right.kind.order)
    }
    return Summary(range: first..<last, ends: ends)
  }
}

extension LinkEndCounts.Kind {
  fileprivate var order: String {
    "\(cause) \(transport ?? "") \(network.name ?? "") \(network.source ?? "") \(seenBy.rawValue)"
  }
}
