import DeviceProtocol
import Foundation
import TelemetryModel
import TestValues
import Testing

@testable import AgentCore

@Suite("Commands: output")
struct CommandOutputTests {
  @Test("What fits is whole; of what does not the end is kept, with the count of all bytes")
  func tail() {
    var tail = OutputTail(limit: 10)
    #expect(tail.text == nil)
    tail.append(Array("0123".utf8))
    #expect(tail.text?.text == "0123" && tail.text?.totalBytes == nil)
    for _ in 0..<100 { tail.append(Array("456789".utf8)) }
    #expect(tail.text?.text == "6789456789" && tail.text?.totalBytes == 604)
  }

  @Test("A cut through a character leaves it out, at either end", arguments: 1...12)
  func cutCharacters(limit: Int) {
    let whole = "aé€😀é"
    var tail = OutputTail(limit: limit)
    for byte in Array(whole.utf8) { tail.append([byte]) }
    let text = tail.text?.text ?? ""
    #expect(whole.hasSuffix(text) && text.utf8.count > limit - 4)
    for count in 0...whole.utf8.count {
      let piece = OutputText.text(Array(whole.utf8.prefix(count))[...])
      #expect(piece.map { whole.hasPrefix($0) && $0.utf8.count > count - 4 } == true)
    }
  }

  @Test("Bytes that are no text are base64, and say so", arguments: 0...5)
  func binary(count: Int) throws {
    let bytes = ([0, 0xFF, 0xFE, 0x80, 7] as [UInt8]).prefix(count)
    let url = OutputText.dataURL(Array(bytes)[...])
    let prefix = "data:application/octet-stream;base64,"
    #expect(url == prefix + Data(bytes).base64EncodedString())
    guard count > 0 else { return }
    var tail = OutputTail()
    tail.append(Array(bytes))
    #expect(tail.text?.text == url && tail.text?.totalBytes == count)
  }

  @Test("The longest output fits the wire, as text and as base64")
  func longest() {
    for byte in [UInt8(ascii: "x"), 0xFF] {
      var tail = OutputTail()
      for _ in 0..<100 { tail.append([UInt8](repeating: byte, count: 10_000)) }
      let result = CommandResult(.succeeded, printed: tail)
      #expect(result.outputBytes == 1_000_000)
      #expect((result.output?.utf8.count ?? .max) <= ProtocolLimits.maxOutputBytes)
      #expect(result.bounded == result)
    }
  }

  @Test("A broker that takes short messages gets less output, and is told how much there was")
  func shortMessages() throws {
    let text = CommandResult(.succeeded, output: String(repeating: "é\u{1}", count: 10_000))
    for limit in [600, 4000, 30_000, 1 << 20] {
      let result = text.fitting(limit)
      #expect(result.state.json.json.count <= limit)
      #expect(result.outputBytes == (limit < 1 << 20 ? 30_000 : nil))
      #expect(text.output?.hasSuffix(result.output ?? "") == true)
      var tail = OutputTail()
      tail.append([UInt8](repeating: 0xFF, count: 3000))
      let binary = CommandResult(.failed, exitCode: 1, printed: tail).fitting(limit)
      #expect(binary.outputBytes == 3000 && (binary.output == nil) == (limit < 5000))
    }
  }

  @Test("Pieces join to the whole, whatever the bytes are cut into")
  func stream() {
    var random = Seeded(3)
    let whole = Array(String(repeating: "a€😀b", count: 200).utf8)
    var stream = OutputStream()
    var told = ""
    var at = 0
    while at < whole.count {
      let end = min(at + Int.random(in: 1...300, using: &random), whole.count)
      stream.append(whole[at..<end])
      at = end
      told += stream.take() ?? ""
    }
    #expect(Array(told.utf8) == whole && stream.isEmpty)
  }

  @Test("More than a piece says what was left out; more than the most ends the stream")
  func flood() {
    var stream = OutputStream()
    stream.append([UInt8](repeating: UInt8(ascii: "x"), count: 10_000))
    let piece = stream.take() ?? ""
    #expect(piece.hasPrefix("[5904 bytes left out]\nxxx"))
    var pieces = 1
    var last = ""
    while pieces < 1000 {
      stream.append([UInt8](repeating: UInt8(ascii: "x"), count: 4000))
      guard let piece = stream.take() else { break }
      last = piece
      pieces += 1
    }
    #expect(last.hasSuffix("[the rest is not streamed; the result has its end]\n"))
    #expect(pieces < 70)
    #expect(stream.isEmpty)
  }
}
