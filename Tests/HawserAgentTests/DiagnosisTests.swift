import Glibc
import NIOHTTP1
import Testing
import WebSocketTransport

@testable import hawser_agent

@Suite("What diagnose makes of what it sees")
struct DiagnosisTests {
  private let places = PathPlaces(host: "broker.example", broker: "broker.example:443")

  private static let everyError: [HandshakeError] =
    [
      .connect(.nameNotFound, toProxy: false), .connect(.refused, toProxy: true),
      .connect(.unreachable, toProxy: false), .connect(.errno(EPERM), toProxy: false),
      .proxyRefused(status: 407), .proxyRefused(status: 403), .proxyRefused(status: 503),
      .proxyAnswerMalformed, .unusableProxy(variable: "https_proxy"),
      .tls(.certificateNotTrusted), .tls(.wrongName), .tls(.notTLS), .tls(.unusableTrustRoots),
      .tls(.handshake), .upgradeStripped(status: 426), .badAccept, .badSubprotocol,
      .answerMalformed, .headTooLarge(.proxy, limitBytes: 16_384),
      .headTooLarge(.upgrade, limitBytes: 16_384), .dropped(.connect), .dropped(.proxy),
      .dropped(.tls), .dropped(.upgrade),
      .timedOut(.connect), .timedOut(.proxy), .timedOut(.tls), .timedOut(.upgrade),
    ]
    + [401, 403, 404, 418, 429, 500, 502, 503, 504].map {
      .status($0, headers: [:], bodyPrefix: "")
    }

  @Test(
    "Each failure has a word, a sentence, a remedy, and an exit code of sysexits",
    arguments: everyError)
  func complete(_ error: HandshakeError) {
    let fault = PathFault(error, at: places)
    #expect(!fault.code.isEmpty && !fault.code.contains(" "))
    #expect(fault.text.hasSuffix(".") && fault.remedy.hasSuffix("."))
    #expect((EX__BASE...EX__MAX).contains(fault.exitCode))
  }

  @Test("Failures that need another remedy have another word for programs")
  func words() {
    func code(_ error: HandshakeError) -> String { PathFault(error, at: places).code }
    #expect(code(.connect(.nameNotFound, toProxy: false)) == "dns")
    #expect(code(.timedOut(.connect)) == "connect-timeout")
    #expect(code(.proxyRefused(status: 407)) == "proxy-407")
    #expect(code(.proxyRefused(status: 403)) == "proxy-refused")
    #expect(code(.tls(.certificateNotTrusted)) == "tls-intercepted")
    #expect(code(.upgradeStripped(status: 200)) == "upgrade-stripped")
    #expect(code(.status(502, headers: [:], bodyPrefix: "")) == "refused-502")
  }

  @Test("What blocks WebSockets alone is the same fault, but none that keeps agents from working")
  func bypassed() {
    let fault = PathFault(.upgradeStripped(status: 200), at: places)
    #expect(fault.exitCode == EX_UNAVAILABLE)
    #expect(fault.bypassed.code == fault.code && fault.bypassed.text == fault.text)
    #expect(fault.bypassed.exitCode == EX_OK)
    #expect(fault.bypassed.remedy.hasPrefix("Nothing has to be done"))
    #expect(fault.bypassed.remedy.hasSuffix(fault.remedy))
  }

  @Test("Without a date it is the clock that is wrong, not the certificate")
  func clock() {
    var places = places
    places.isClockSet = false
    let fault = PathFault(.tls(.certificateNotTrusted), at: places)
    #expect(fault.code == "clock-not-set" && fault.remedy.contains("NTP"))
  }

  @Test("Where a proxy is in between, the sentence is of the proxy")
  func proxy() {
    var places = places
    places.proxy = "proxy.example:3128"
    #expect(
      PathFault(.connect(.refused, toProxy: true), at: places).text.contains("proxy.example:3128"))
    let without = PathFault(.proxyRefused(status: 407), at: places)
    places.hasProxyUser = true
    let with = PathFault(.proxyRefused(status: 407), at: places)
    #expect(without.text != with.text, "to set a password, or another one")
  }

  @Test("A failure belongs to the step in which it came")
  func steps() {
    #expect(PathDiagnosis.Step(.connect(.nameNotFound, toProxy: false)) == .dns)
    #expect(PathDiagnosis.Step(.timedOut(.connect)) == .tcp)
    #expect(PathDiagnosis.Step(.proxyRefused(status: 407)) == .proxy)
    #expect(PathDiagnosis.Step(.dropped(.tls)) == .tls)
    #expect(PathDiagnosis.Step(.badAccept) == .upgrade)
  }

  @Test(
    "Two links beside each other tell silence from age",
    arguments: [
      (.works, .works, .survived),
      (.ended(ageSeconds: 5.1), .works, .cut(afterSeconds: 5.1)),
      (.ended(ageSeconds: 10.1), .works, .forgotten(survivedSeconds: nil, lostSeconds: 10)),
      (.silent(ageSeconds: 15), .works, .forgotten(survivedSeconds: nil, lostSeconds: 10)),
      (.ended(ageSeconds: 8), .ended(ageSeconds: 8.2), .lifetime(seconds: 8)),
      (.silent(ageSeconds: 15), .silent(ageSeconds: 7), .unsteady(seconds: 7)),
      (.works, .ended(ageSeconds: 4), .unsteady(seconds: 4)),
      (.refused("no room"), .works, .inconclusive("no room")),
    ] as [(DiagnosticLink.Outcome, DiagnosticLink.Outcome, IdleTrial.Verdict)])
  func idle(
    silent: DiagnosticLink.Outcome, speaking: DiagnosticLink.Outcome, verdict: IdleTrial.Verdict
  ) {
    let pair = IdleTrial.Pair(silent: silent, speaking: speaking, triedSeconds: 10)
    #expect(pair.verdict == verdict)
  }
}
