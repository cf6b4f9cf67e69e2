import ArgumentParser
import Glibc
import NIOCore
import NIOPosix
import Settings
import WebSocketTransport

extension EchoCommand {
  /// Echoes one connection, or one for each case of a suite.
  func connect(to url: WebSocketURL, _ text: String, _ shared: SharedConfiguration) async throws {
    let client = try EchoClient(
      shared: shared, caFile: ca,
      proxy: proxyFromEnvironment ? .environment(ProcessEnvironment.current()) : .direct)
    guard let agent else {
      let end = try await client.session(at: url).end
      Output.line("hawser: closed with \(end.code)")
      if !end.clean { throw ExitCode(EX_PROTOCOL) }
      return
    }
    let base = text.hasSuffix("/") ? String(text.dropLast()) : text
    let count = try await client.caseCount(at: base + "/getCaseCount")
    for number in 1...max(1, count) where number <= count {
      guard let address = WebSocketURL("\(base)/runCase?case=\(number)&agent=\(agent)") else {
        continue
      }
      // A case may end in any way at all, and the next one follows.
      _ = try? await client.session(at: address)
    }
    if let report = WebSocketURL("\(base)/updateReports?agent=\(agent)") {
      _ = try? await client.session(at: report, answersMessages: false)
    }
    Output.line("hawser: \(count) cases done")
  }
}

/// Opens echoing connections one after another.
private struct EchoClient {
  let shared: SharedConfiguration
  let proxy: ProxyPolicy
  let trust: ClientTLS
  let loop = MultiThreadedEventLoopGroup.singleton.next()

  init(shared: SharedConfiguration, caFile: String?, proxy: ProxyPolicy) throws {
    self.shared = shared
    self.proxy = proxy
    do {
      trust = try ClientTLS(caFile: caFile)
    } catch {
      throw Failure.unavailable("\(error)")
    }
  }

  /// Connects, echoes until the server closes, and says how it went.
  func session(
    at url: WebSocketURL, answersMessages: Bool = true
  ) async throws -> EchoDelegate.Outcome {
    let outcome = loop.makePromise(of: EchoDelegate.Outcome.self)
    loop.execute { [self] in
      let delegate = EchoDelegate(answersMessages: answersMessages, outcome: outcome)
      WebSocketClient.connect(
        to: url, configuration: shared, tls: trust, proxy: proxy, delegate: delegate, on: loop
      ).assumeIsolated().whenFailure { outcome.fail($0) }
    }
    do {
      return try await outcome.futureResult.get()
    } catch {
      throw Failure.unavailable("no connection to \(url): \(error)")
    }
  }

  /// How many cases the suite has.
  func caseCount(at address: String) async throws -> Int {
    guard let url = WebSocketURL(address) else { return 0 }
    let text = try await session(at: url, answersMessages: false).firstText ?? ""
    guard let count = Int(text) else {
      throw Failure.unavailable("\(url) says no number of cases: \(text)")
    }
    return count
  }
}
