import Testing
import WebSocketTransport

struct DeflateNegotiationTests {
  @Test("Offers are read with their parameters, quotes and empty elements")
  func grammar() {
    #expect(
      ExtensionOffer.parse(["a; b; c=1, , d;e=\"10\"", "f"]) == [
        ExtensionOffer("a", [.init("b"), .init("c", "1")]),
        ExtensionOffer("d", [.init("e", "10")]), ExtensionOffer("f"),
      ])
    for malformed in [
      "", ",", "a;", "a;=1", "a; b=", "a b", "a; b=\"", "a; b=\"x y\"", "a; b=\"\"",
    ] {
      #expect(ExtensionOffer.parse([malformed]) == nil, "\(malformed)")
    }
  }

  @Test(
    "A server answers every legal offer as RFC 7692 §7.1 asks",
    arguments: [
      ("permessage-deflate", "permessage-deflate"),
      (
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=10"
      ),
      (
        "permessage-deflate; client_max_window_bits=9",
        "permessage-deflate; client_max_window_bits=9"
      ),
      (
        "permessage-deflate; client_max_window_bits=8",
        "permessage-deflate; client_max_window_bits=8"
      ),
      (
        "permessage-deflate; server_max_window_bits=8",
        "permessage-deflate; server_max_window_bits=8"
      ),
      (
        "permessage-deflate; server_max_window_bits=\"15\"",
        "permessage-deflate; server_max_window_bits=15"
      ),
      (
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
      ),
      ("x-other, permessage-deflate", "permessage-deflate"),
      ("permessage-deflate; mystery, permessage-deflate", "permessage-deflate"),
      (
        "permessage-deflate; server_max_window_bits=9, permessage-deflate",
        "permessage-deflate; server_max_window_bits=9"
      ),
    ])
  func legalOffers(offer: String, answer: String) throws {
    let offers = try #require(ExtensionOffer.parse([offer]))
    let accepted = try #require(DeflateNegotiation.accept(offers, settings: DeflateSettings()))
    #expect(accepted.answer.headerValue == answer)
  }

  @Test("Every legal window is agreed on, each way, by server and client", arguments: 8...15)
  func windows(serverBits: Int) throws {
    var settings = DeflateSettings()
    for clientBits in 8...15 {
      let offer = ExtensionOffer(
        "permessage-deflate",
        [
          .init("server_max_window_bits", "\(serverBits)"),
          .init("client_max_window_bits", "\(clientBits)"),
        ])
      for wanted in 8...15 {
        settings.peerWindowBits = wanted
        let (agreed, answer) = try #require(
          DeflateNegotiation.accept([offer], settings: settings))
        #expect(agreed.serverMaxWindowBits == serverBits)
        #expect(agreed.clientMaxWindowBits == min(wanted, clientBits))
        #expect(try DeflateNegotiation.check(answer: [answer], offers: [offer]) == agreed)
      }
    }
    // A server may name windows that it was not asked about, ours among them.
    settings.offersPeerWindowBits = false
    let answer = ExtensionOffer(
      "permessage-deflate",
      [
        .init("server_max_window_bits", "\(serverBits)"),
        .init("client_max_window_bits", "\(23 - serverBits)"),
      ])
    let agreed = try DeflateNegotiation.check(
      answer: [answer], offers: DeflateNegotiation.offers(settings))
    #expect(
      agreed
        == DeflateParameters(
          serverMaxWindowBits: serverBits, clientMaxWindowBits: 23 - serverBits))
  }

  @Test(
    "A server declines illegal offers",
    arguments: [
      "permessage-deflate; server_max_window_bits", "permessage-deflate; server_max_window_bits=7",
      "permessage-deflate; server_max_window_bits=16",
      "permessage-deflate; server_max_window_bits=08",
      "permessage-deflate; client_max_window_bits=16", "permessage-deflate; unknown",
      "permessage-deflate; server_no_context_takeover=1",
      "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
      "permessage-deflate; client_max_window_bits; client_max_window_bits=9", "x-webkit-deflate",
      "permessage-deflate; client_max_window_bits=+9",
    ])
  func illegalOffers(offer: String) throws {
    let offers = try #require(ExtensionOffer.parse([offer]))
    #expect(DeflateNegotiation.accept(offers, settings: DeflateSettings()) == nil)
  }

  @Test("Every offer of ours is answered by our server with something our client accepts")
  func ownOffers() throws {
    for takeover in [true, false] {
      for peerTakeover in [true, false] {
        for bits in 8...15 {
          var settings = DeflateSettings()
          settings.contextTakeover = takeover
          settings.peerContextTakeover = peerTakeover
          settings.peerWindowBits = bits
          settings.windowBits = 23 - bits
          let offers = DeflateNegotiation.offers(settings)
          let (agreed, answer) = try #require(
            DeflateNegotiation.accept(offers, settings: DeflateSettings()))
          #expect(try DeflateNegotiation.check(answer: [answer], offers: offers) == agreed)
          #expect(agreed.serverMaxWindowBits <= bits)
        }
      }
    }
  }

  @Test(
    "A client refuses an answer to nothing it offered",
    arguments: [
      ("permessage-deflate, permessage-deflate", DeflateNegotiation.NegotiationError.notOffered),
      ("x-other", .notOffered),
      ("permessage-deflate; mystery", .illegalParameters),
      ("permessage-deflate; client_max_window_bits", .illegalParameters),
      ("permessage-deflate; server_max_window_bits", .illegalParameters),
      ("permessage-deflate; client_max_window_bits=7", .illegalParameters),
    ])
  func illegalAnswers(answer: String, error: DeflateNegotiation.NegotiationError) throws {
    let parsed = try #require(ExtensionOffer.parse([answer]))
    let offers = DeflateNegotiation.offers(DeflateSettings())
    #expect(throws: error) { try DeflateNegotiation.check(answer: parsed, offers: offers) }
  }

  @Test("A client insists on what it asked for")
  func insists() throws {
    var settings = DeflateSettings()
    settings.peerContextTakeover = false
    settings.offersPeerWindowBits = false
    let offers = DeflateNegotiation.offers(settings)
    #expect(throws: DeflateNegotiation.NegotiationError.answersNoOffer) {
      try DeflateNegotiation.check(answer: [ExtensionOffer("permessage-deflate")], offers: offers)
    }
    #expect(throws: DeflateNegotiation.NegotiationError.notOffered) {
      try DeflateNegotiation.check(answer: [ExtensionOffer("permessage-deflate")], offers: [])
    }
    #expect(try DeflateNegotiation.check(answer: [], offers: offers) == nil)
  }
}
