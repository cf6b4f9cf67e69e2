/// Who offers and who accepts which parameters of permessage-deflate: RFC 7692 §5 and §7.1.
package enum DeflateNegotiation {
  /// The extension's token.
  package static let name = "permessage-deflate"

  /// A server's answer to a client's offers: the first one that is legal, and what is agreed with it.
  /// Nil where there is none; illegal offers are declined one by one (RFC 7692 §7).
  package static func accept(
    _ offers: [ExtensionOffer], settings: DeflateSettings
  ) -> (agreed: DeflateParameters, answer: ExtensionOffer)? {
    for offer in offers where offer.name == name {
      guard let wanted = Parameters(offer.parameters, valueRequired: false) else { continue }
      var agreed = DeflateParameters()
      var answer = ExtensionOffer(name)
      if wanted.serverNoContextTakeover || !settings.contextTakeover {
        agreed.serverNoContextTakeover = true
        answer.parameters.append(.init("server_no_context_takeover"))
      }
      // An offered client_no_context_takeover is a hint; accepting it spares keeping the window.
      if wanted.clientNoContextTakeover || !settings.peerContextTakeover {
        agreed.clientNoContextTakeover = true
        answer.parameters.append(.init("client_no_context_takeover"))
      }
      if case .bits(let most) = wanted.serverMaxWindowBits {
        agreed.serverMaxWindowBits = min(most, settings.windowBits)
        answer.parameters.append(.init("server_max_window_bits", "\(agreed.serverMaxWindowBits)"))
      }
      switch wanted.clientMaxWindowBits {
      case .absent: break
      case .present: agreed.clientMaxWindowBits = settings.peerWindowBits
      case .bits(let most): agreed.clientMaxWindowBits = min(most, settings.peerWindowBits)
      }
      if wanted.clientMaxWindowBits != .absent && agreed.clientMaxWindowBits < 15 {
        answer.parameters.append(.init("client_max_window_bits", "\(agreed.clientMaxWindowBits)"))
      }
      return (agreed, answer)
    }
    return nil
  }

  /// A client's offers, best first.
  package static func offers(_ settings: DeflateSettings) -> [ExtensionOffer] {
    var plain = ExtensionOffer(name)
    if !settings.peerContextTakeover {
      plain.parameters.append(.init("server_no_context_takeover"))
    }
    if !settings.contextTakeover {
      plain.parameters.append(.init("client_no_context_takeover"))
    }
    // Without a value: the server may choose any window for us (RFC 7692 §7.1.2.2).
    plain.parameters.append(.init("client_max_window_bits"))
    guard settings.offersPeerWindowBits && settings.peerWindowBits < 15 else { return [plain] }
    var limited = plain
    limited.parameters.append(.init("server_max_window_bits", "\(settings.peerWindowBits)"))
    return [limited, plain]
  }

  /// A client's check of the server's answer to `offers`; nil where no offer was accepted. What a
  /// server may not answer is thrown, and the handshake has failed (RFC 7692 §5.1).
  package static func check(
    answer: [ExtensionOffer], offers: [ExtensionOffer]
  ) throws(NegotiationError) -> DeflateParameters? {
    guard let answer = try only(answer) else { return nil }
    guard !offers.isEmpty else { throw .notOffered }
    guard let accepted = Parameters(answer.parameters, valueRequired: true) else {
      throw .illegalParameters
    }
    let fits = offers.contains { offer in
      guard let asked = Parameters(offer.parameters, valueRequired: false) else { return false }
      return accepted.answers(asked)
    }
    guard fits else { throw .answersNoOffer }
    var agreed = DeflateParameters(
      serverNoContextTakeover: accepted.serverNoContextTakeover,
      clientNoContextTakeover: accepted.clientNoContextTakeover)
    if case .bits(let bits) = accepted.serverMaxWindowBits { agreed.serverMaxWindowBits = bits }
    if case .bits(let bits) = accepted.clientMaxWindowBits { agreed.clientMaxWindowBits = bits }
    return agreed
  }

  private static func only(
    _ answer: [ExtensionOffer]
  ) throws(NegotiationError) -> ExtensionOffer? {
    guard let first = answer.first else { return nil }
    guard answer.count == 1, first.name == name else { throw .notOffered }
    return first
  }

  /// Why a server's answer is not acceptable.
  package enum NegotiationError: String, Error, Sendable {
    case notOffered = "an extension that was not offered"
    case illegalParameters = "illegal permessage-deflate parameters"
    case answersNoOffer = "permessage-deflate parameters that answer no offer"
  }

  /// The four parameters, each at most once and with a legal value.
  private struct Parameters {
    enum Window: Equatable {
      case absent
      case present
      case bits(Int)
    }

    var serverNoContextTakeover = false
    var clientNoContextTakeover = false
    var serverMaxWindowBits = Window.absent
    var clientMaxWindowBits = Window.absent

    /// Nil for an unknown name, a name twice, or an illegal value. Only an offer may name
    /// `client_max_window_bits` without one.
    init?(_ parameters: [ExtensionOffer.Parameter], valueRequired: Bool) {
      for parameter in parameters {
        switch parameter.name {
        case "server_no_context_takeover":
          guard parameter.value == nil, !serverNoContextTakeover else { return nil }
          serverNoContextTakeover = true
        case "client_no_context_takeover":
          guard parameter.value == nil, !clientNoContextTakeover else { return nil }
          clientNoContextTakeover = true
        case "server_max_window_bits":
          guard serverMaxWindowBits == .absent, let bits = Self.bits(parameter.value) else {
            return nil
          }
          serverMaxWindowBits = .bits(bits)
        case "client_max_window_bits":
          guard clientMaxWindowBits == .absent else { return nil }
          if parameter.value == nil && !valueRequired {
            clientMaxWindowBits = .present
          } else {
            guard let bits = Self.bits(parameter.value) else { return nil }
            clientMaxWindowBits = .bits(bits)
          }
        default: return nil
        }
      }
    }

    /// Decimal without leading zeros, 8 to 15 (RFC 7692 §7.1.2.1).
    private static func bits(_ value: String?) -> Int? {
      switch value {
      case "8": 8
      case "9": 9
      case "10": 10
      case "11": 11
      case "12": 12
      case "13": 13
      case "14": 14
      case "15": 15
      default: nil
      }
    }

    /// Whether a server may answer `offer` with this (RFC 7692 §7.1.1 and §7.1.2).
    func answers(_ offer: Parameters) -> Bool {
      if offer.serverNoContextTakeover && !serverNoContextTakeover { return false }
      if case .bits(let most) = offer.serverMaxWindowBits {
        guard case .bits(let bits) = serverMaxWindowBits, bits <= most else { return false }
      }
      switch (offer.clientMaxWindowBits, clientMaxWindowBits) {
      case (_, .absent), (.present, .bits): return true
      case (.bits(let most), .bits(let bits)): return bits <= most
      default: return false
      }
    }
  }
}
