import Foundation
import TestSupport

/// What the kernel counted of a program's TCP connections: `ss -ti`.
struct SocketCounters: Sendable, Hashable {
  /// Payload bytes, both directions.
  var bytes = 0
  /// Segments, both directions, bare acknowledgements included.
  var segments = 0
  /// Segments sent with payload: one for each small message.
  var dataSegmentsOut = 0
  /// Payload bytes received.
  var bytesReceived = 0

  /// Bytes as the network carries them: 20 bytes of IPv4 and 32 of TCP with timestamps for each
  /// segment.
  var networkBytes: Int { bytes + segments * 52 }
}

extension ProgramRun {
  /// The counters of each established connection of this program, by its local port.
  ///
  /// `network` is where the program lives. Throws `TestFailure` where `ss` fails.
  func socketCounters(in network: NATNetwork?, workspace: Workspace) async throws
    -> [Int: SocketCounters]
  {
    let ss = try InteropPeer.tool("ss")
    let arguments = ["-tinpHO", "state", "established"]
    let name = "ss-\(UUID().uuidString.prefix(8))"
    let listing: ProgramRun
    if let network {
      let (program, entering) = try network.onDevice(ss, arguments)
      listing = try workspace.start(name, program: program, entering)
    } else {
      listing = try workspace.start(name, program: ss, arguments)
    }
    guard try await listing.end() == .exit(0) else { throw TestFailure(listing.transcript) }
    var counters: [Int: SocketCounters] = [:]
    for line in listing.output.split(separator: "\n") where line.contains("pid=\(id),") {
      let fields = line.split(separator: " ")
      guard fields.count > 3, let port = fields[2].split(separator: ":").last.flatMap({ Int($0) })
      else { throw TestFailure("ss says \(line)") }
      func value(_ name: String) -> Int {
        fields.first { $0.hasPrefix("\(name):") }
          .flatMap { Int($0.dropFirst(name.count + 1)) } ?? 0
      }
      counters[port] = SocketCounters(
        bytes: value("bytes_sent") + value("bytes_received"),
        segments: value("segs_out") + value("segs_in"),
        dataSegmentsOut: value("data_segs_out"), bytesReceived: value("bytes_received"))
    }
    return counters
  }
}
