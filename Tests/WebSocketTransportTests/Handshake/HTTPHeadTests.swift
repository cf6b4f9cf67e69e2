import NIOCore
import NIOHTTP1
import Testing
import WebSocketTransport

struct HTTPHeadTests {
  private let request = "GET /v1/device?x=1 HTTP/1.1\r\nHost: a\r\nX-Y:  z \r\n\r\n"

  @Test("A request's head is read once it is whole, and what follows is left alone")
  func wholeRequest() {
    let expected = HTTPRequestHead(
      version: .http1_1, method: .GET, uri: "/v1/device?x=1",
      headers: ["Host": "a", "X-Y": "z"])
    #expect(read(request + "more") == .head(expected, bytes: request.utf8.count))
    for count in 1..<request.utf8.count {
      #expect(
        read(String(decoding: request.utf8.prefix(count), as: UTF8.self)) == .incomplete, "\(count)"
      )
    }
  }

  @Test(
    "What is no plain HTTP/1 head is left to somebody else",
    arguments: [
      "\u{16}\u{03}\u{01}", "GET /\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n", "GET / HTTP/2.0\r\n\r\n",
      "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET / HTTP/1.1\r\n folded\r\n\r\n",
      "GET / HTTP/1.1\r\nName : x\r\n\r\n", "GET / HTTP/1.1\nHost: a\r\n\r\n", "\r\n\r\n",
      "GET / HTTP/1.1\r\nA: \u{0}\r\n\r\n",
    ])
  func malformed(text: String) {
    #expect(read(text) == .malformed)
  }

  @Test("A response's head is read, with any reason phrase")
  func response() {
    for reason in ["", " ", " Switching Protocols"] {
      let text = "HTTP/1.1 101\(reason)\r\nA: b\r\n\r\n"
      let reading = HTTPHead.response(ByteBuffer(string: text).readableBytesView)
      guard case .head(let head, let bytes) = reading else {
        Issue.record("\(reading)")
        continue
      }
      #expect(head.status.code == 101)
      #expect(head.headers == ["A": "b"])
      #expect(bytes == text.utf8.count)
    }
    #expect(HTTPHead.response(ByteBuffer(string: "SSH-2.0").readableBytesView) == .malformed)
  }

  @Test("SHA-1, base 64 and the accept key agree with their standards' examples")
  func digests() {
    let hex = SHA1.digest(Array("abc".utf8)).map {
      String($0 / 16, radix: 16) + String($0 % 16, radix: 16)
    }
    #expect(hex.joined() == "a9993e364706816aba3e25717850c26c9cd0d89d")
    for (plain, text) in [
      ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
    ] {
      #expect(Base64.encode(Array(plain.utf8)) == text)
      if !plain.isEmpty { #expect(Base64.decodedCount(text) == plain.utf8.count) }
    }
    #expect(Base64.decodedCount("Zg=") == nil)
    #expect(Base64.decodedCount("Z===") == nil)
    #expect(Base64.decodedCount("Zg=a") == nil)
    #expect(
      ServerHandshake.accept(key: "dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
  }

  private func read(_ text: String) -> HTTPHead.Reading<HTTPRequestHead> {
    HTTPHead.request(ByteBuffer(string: text).readableBytesView)
  }
}
