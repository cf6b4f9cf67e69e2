import NIOCore
import NIOEmbedded
import Testing

@testable import BrokerServer

@Suite("HTTP connections of a stopping broker")
struct HTTPConnectionsTests {
  @Test("What is served is cut, what was served is left alone, what comes later is cut at once")
  func cut() async {
    let connections = HTTPConnections()
    let (before, during, late) = (
      NIOAsyncTestingChannel(), NIOAsyncTestingChannel(), NIOAsyncTestingChannel()
    )
    for channel in [before, during, late] {
      try? await channel.connect(to: .init(unixDomainSocketPath: "/test")).get()
    }
    await connections.hold(before) {}
    await connections.hold(during) {
      #expect(connections.cut() == 1)
      // Nothing but being cut ends it.
      try? await during.closeFuture.get()
    }
    #expect(before.isActive)
    await connections.hold(late) { try? await late.closeFuture.get() }
    #expect(connections.cut() == 0)
    _ = try? await before.finish()
  }
}
