import NIOCore
import NIOEmbedded
import TestValues
import Testing
import WebSocketTransport

struct ClosingTests {
  @Test("The peer's Close is answered with its code, and the server ends TCP")
  func closedByPeer() throws {
    let peer = try TestPeer()
    peer.send(.init(opcode: .close, payload: ClosePayload(code: 4503, reason: "newer").bytes))
    #expect(try peer.closeCode() == 4503)
    #expect(!peer.channel.isActive)
    #expect(
      peer.delegate.end
        == WebSocketEnd(
          cause: .closedByPeer, code: 4503, reason: "newer", sentCode: 4503, clean: true))
  }

  @Test("A Close without code is answered without one and reported as 1005")
  func closeWithoutCode() throws {
    let peer = try TestPeer()
    peer.send(.init(opcode: .close, payload: []))
    #expect(try peer.frames() == [.init(opcode: .close, payload: [])])
    #expect(peer.delegate.end?.code == 1005)
    #expect(peer.delegate.end?.clean == true)
  }

  @Test("Closing waits for the peer's answer; messages behind it are not delivered")
  func closedHere() throws {
    let peer = try TestPeer()
    peer.connection.send(text: "last words")
    peer.connection.close(code: 1001, reason: "bye")
    peer.connection.close(code: 1000)
    #expect(!peer.connection.send(text: "too late"))
    #expect(try peer.frames().map(\.opcode) == [.text, .close])
    peer.send(.text, "crossed on the wire")
    peer.send(.init(opcode: .close, payload: ClosePayload(code: 1001).bytes))
    #expect(peer.delegate.texts.isEmpty)
    #expect(
      peer.delegate.end
        == WebSocketEnd(cause: .closedHere, code: 1001, sentCode: 1001, clean: true))
  }

  @Test("A client leaves TCP's end to the server, but not for ever")
  func clientWaits() throws {
    let peer = try TestPeer(role: .client)
    peer.connection.close()
    _ = try peer.frames()
    peer.send(.init(opcode: .close, payload: ClosePayload(code: 1000).bytes))
    #expect(peer.channel.isActive)
    peer.channel.embeddedEventLoop.advanceTime(by: .seconds(6))
    #expect(!peer.channel.isActive)
    #expect(peer.delegate.end?.clean == true)
    #expect(peer.delegate.end?.cause == .closedHere)
  }

  @Test("A peer that does not answer the Close is cut at the deadline")
  func closeTimeout() throws {
    let peer = try TestPeer()
    peer.connection.close(code: 1012)
    peer.channel.embeddedEventLoop.advanceTime(by: .seconds(4))
    #expect(peer.channel.isActive)
    peer.channel.embeddedEventLoop.advanceTime(by: .seconds(2))
    #expect(!peer.channel.isActive)
    #expect(peer.delegate.end?.cause == .failed(.closeTimedOut))
    #expect(peer.delegate.end?.sentCode == 1012)
    #expect(peer.delegate.end?.code == 1006)
  }

  @Test("TCP that ends without a Close is reported as dropped, once")
  func dropped() throws {
    let peer = try TestPeer()
    peer.send(.text, "half a mess", fin: false)
    peer.channel.pipeline.fireChannelInactive()
    _ = try peer.channel.finish(acceptAlreadyClosed: true)
    #expect(peer.delegate.events == [.opened, .closed(WebSocketEnd(cause: .dropped))])
  }

  @Test("The Close frame of `close` comes behind a long message that is still being sent")
  func closeBehindLongMessage() throws {
    var generator = Seeded(8)
    let peer = try TestPeer()
    let long = (0..<300_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
    peer.connection.send(binary: long)
    peer.connection.close(code: 1000)
    let frames = try peer.frames()
    #expect(frames.last?.opcode == .close)
    #expect(frames.dropLast().flatMap(\.payload) == long)
  }

  @Test("A Close frame that waits behind a long message is not lost where the end comes before")
  func endBeforeClose() throws {
    for (last, code) in [
      (TestPeer.Frame(opcode: .close, payload: ClosePayload(code: 4000).bytes), 4000),
      (TestPeer.Frame(opcode: .continuation, payload: []), 1002),
    ] as [(TestPeer.Frame, UInt16)] {
      let peer = try TestPeer()
      peer.connection.send(binary: [UInt8](repeating: 7, count: 300_000))
      peer.connection.close(code: 1001)
      peer.send(last)
      #expect(try peer.closeCode() == code)
      #expect(peer.delegate.end?.sentCode == code)
      #expect(!peer.channel.isActive)
    }
  }

  @Test("A silent peer is pinged, then given up; any byte keeps it")
  func keepalive() throws {
    var configuration = WebSocketConfiguration()
    configuration.keepalive = .init(pingAfter: .seconds(20), timeout: .seconds(10))
    let peer = try TestPeer(configuration)
    let loop = peer.channel.embeddedEventLoop
    loop.advanceTime(by: .seconds(15))
    peer.send(.text, "alive")
    loop.advanceTime(by: .seconds(15))
    #expect(try peer.frames().isEmpty)
    loop.advanceTime(by: .seconds(6))
    #expect(try peer.frames() == [.init(opcode: .ping, payload: [])])
    peer.send(.pong, "")
    loop.advanceTime(by: .seconds(19))
    #expect(try peer.frames().isEmpty)
    loop.advanceTime(by: .seconds(2))
    #expect(try peer.frames().count == 1)
    loop.advanceTime(by: .seconds(11))
    #expect(!peer.channel.isActive)
    #expect(peer.delegate.end?.cause == .failed(.keepaliveTimedOut))
  }

  @Test("A peer that is given up is told so where there are words for it, and TCP's end follows")
  func keepaliveSays() throws {
    var configuration = WebSocketConfiguration()
    configuration.keepalive = .init(
      pingAfter: .seconds(20), timeout: .seconds(10),
      closing: ClosePayload(code: 4002, reason: "reader too slow"))
    let peer = try TestPeer(configuration)
    let loop = peer.channel.embeddedEventLoop
    loop.advanceTime(by: .seconds(21))
    #expect(try peer.frames().map(\.opcode) == [.ping])
    loop.advanceTime(by: .seconds(11))
    #expect(try peer.closeCode() == 4002)
    // It may still say something; nobody listens.
    peer.send(.text, "too late")
    loop.advanceTime(by: .seconds(6))
    #expect(!peer.channel.isActive)
    #expect(peer.delegate.end?.cause == .failed(.keepaliveTimedOut))
    #expect(peer.delegate.end?.sentCode == 4002)
  }

  @Test("A peer that is not read from is never called silent")
  func pausedIsNotSilent() throws {
    var configuration = WebSocketConfiguration()
    configuration.keepalive = .init(pingAfter: .seconds(20), timeout: .seconds(10))
    let peer = try TestPeer(configuration)
    let loop = peer.channel.embeddedEventLoop
    loop.advanceTime(by: .seconds(21))
    #expect(try peer.frames().count == 1)
    // Its pong is on the way, but reading stops first.
    peer.connection.pauseReading()
    loop.advanceTime(by: .seconds(100))
    #expect(peer.channel.isActive)
    #expect(try peer.frames().isEmpty)
    peer.connection.resumeReading()
    loop.advanceTime(by: .seconds(19))
    #expect(try peer.frames().isEmpty)
    loop.advanceTime(by: .seconds(2))
    #expect(try peer.frames().map(\.opcode) == [.ping])
    loop.advanceTime(by: .seconds(11))
    #expect(peer.delegate.end?.cause == .failed(.keepaliveTimedOut))
  }

  @Test("A peer that has much to read before it gets to a ping is never called silent")
  func blockedIsNotSilent() throws {
    var configuration = WebSocketConfiguration()
    configuration.keepalive = .init(pingAfter: .seconds(20), timeout: .seconds(10))
    let peer = try TestPeer(configuration)
    let loop = peer.channel.embeddedEventLoop
    loop.advanceTime(by: .seconds(21))
    #expect(try peer.frames().count == 1)
    peer.channel.isWritable = false
    peer.channel.pipeline.fireChannelWritabilityChanged()
    loop.advanceTime(by: .seconds(100))
    #expect(peer.channel.isActive)
    peer.channel.isWritable = true
    peer.channel.pipeline.fireChannelWritabilityChanged()
    loop.advanceTime(by: .seconds(21))
    #expect(try peer.frames().map(\.opcode) == [.ping])
    loop.advanceTime(by: .seconds(11))
    #expect(peer.delegate.end?.cause == .failed(.keepaliveTimedOut))
  }

  @Test("Closing from within a delivery stops the deliveries behind it")
  func closingFromDelegate() throws {
    let peer = try TestPeer()
    peer.delegate.onMessage = { connection, _, _ in connection.close(code: 4006) }
    peer.send(
      .init(opcode: .text, payload: [0x61]), .init(opcode: .text, payload: [0x62]),
      .init(opcode: .text, payload: [0x63]))
    #expect(peer.delegate.texts == ["a"])
    #expect(try peer.closeCode() == 4006)
  }
}
