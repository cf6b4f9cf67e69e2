import Testing
import WebSocketTransport

@Suite("Dates of HTTP")
struct HTTPDateTests {
  @Test(
    "All three forms of RFC 9110 are one moment",
    arguments: [
      "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
      "Sun Nov  6 08:49:37 1994",
    ])
  func forms(text: String) {
    #expect(HTTPDate.seconds(text) == 784_111_777)
  }

  @Test("Leap days, and years of two digits in this century")
  func calendar() {
    #expect(HTTPDate.seconds("Tue, 29 Feb 2028 00:00:00 GMT") == 1_835_395_200)
    #expect(HTTPDate.seconds("Thu, 01 Jan 1970 00:00:00 GMT") == 0)
    #expect(HTTPDate.seconds("Saturday, 28-Nov-26 12:00:00 GMT") == 1_795_867_200)
  }

  @Test(
    "What is no date is none",
    arguments: [
      "", "120", "soon", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET",
      "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 32 Nov 1994 08:49:37 GMT",
      "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 0849:37 GMT",
      "Sun, 06 Nov 19940000000000000000 08:49:37 GMT", "Sunday, 06-Nov-1994 08:49:37 GMT",
    ])
  func others(text: String) {
    #expect(HTTPDate.seconds(text) == nil)
  }
}
