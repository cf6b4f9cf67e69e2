import Glibc
import NIOCore
import Testing

@testable import WebSocketTransport

struct TLSBufferPagesTests {
  @Test("What is written stays, the pages behind it are given back and may be written again")
  func released() {
    for written in [0, 1, 300, 4095, 4096, 4097, 20_000, 32_768] {
      var buffer = ByteBufferAllocator().buffer(capacity: 32_768)
      buffer.writeRepeatingByte(7, count: 32_768)
      buffer.moveWriterIndex(to: written)
      buffer.releaseUnusedPages()
      #expect(buffer.capacity == 32_768)
      #expect(buffer.readableBytesView.allSatisfy { $0 == 7 })
      #expect(buffer.readableBytes == written)
      // Fresh pages are zero. The first and last page behind what is written may be half in use.
      let kept = buffer.withVeryUnsafeBytes { $0.count { $0 != 0 } }
      #expect(kept <= written + 2 * sysconf(Int32(_SC_PAGESIZE)))
      buffer.writeRepeatingByte(9, count: 32_768 - written)
      #expect(buffer.readableBytesView.suffix(32_768 - written).allSatisfy { $0 == 9 })
    }
  }
}
