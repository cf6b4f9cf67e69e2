import Foundation
import Glibc
import Testing
import TestSupport

extension EndToEndTests {
  /// A broker that could not open one file more.
  @Suite("Out of descriptors", .timeLimit(.minutes(1)))
  struct Descriptors {
    @Test("Connections that say nothing use them up: the broker rests, and serves when they go")
    func exhausted() async throws {
      try await Workspace.use { workspace in
        let run = try workspace.start(
          "broker", program: URL(filePath: "/bin/sh"),
          [
            "-c", #"ulimit -n 100; exec "$0" "$@""#, Checkout.program("hawser").path, "broker",
            "--listen", "127.0.0.1:0", "--state", "state",
          ])
        let line = try await run.line(containing: "hawser: ready at ")
        let url = try #require(line.split(separator: " ").last.flatMap { URL(string: "\($0)") })
        let broker = BrokerRun(run: run, url: url)
        #expect(try await broker.get("healthz").status == 200)

        let silent = try SilentConnections(count: 150, port: broker.port)
        // What is over the limit waits in the system's queue; a broker that keeps trying to take it
        // would be busy all the time.
        try await waitUntil("the broker to take what it can") {
          let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(run.id)/fd")
          return open.count > 45 ? true : nil
        }
        let before = try cpuSeconds(run.id)
        try await Task.sleep(for: .seconds(2))
        let used = try cpuSeconds(run.id) - before
        #expect(used < 0.5, "\(used) s of CPU in 2 s of nothing")

        silent.close()
        #expect(try await broker.get("healthz").status == 200)
      }
    }

    /// What a process has used so far, its kernel's share included.
    private func cpuSeconds(_ id: pid_t) throws -> Double {
      let stat = try String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8)
      let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
      // Behind the name: state is the first, utime the twelfth, stime the thirteenth.
      let ticks = try #require(Int(fields[12])) + #require(Int(fields[13]))
      return Double(ticks) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
  }
}

/// TCP connections that never send anything.
private struct SilentConnections {
  private var descriptors: [Int32] = []

  init(count: Int, port: Int) throws {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    for _ in 0..<count {
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      descriptors.append(descriptor)
      let status = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      guard status == 0 else {
        close()
        throw TestFailure("no connection \(descriptors.count), errno \(errno)")
      }
    }
  }

  func close() {
    for descriptor in descriptors { Glibc.close(descriptor) }
  }
}
