import Foundation
import Glibc
import Testing
import TestSupport

extension EndToEndTests {
  /// The broker's store when its process is killed or its disk gives out.
  @Suite("The store survives", .timeLimit(.minutes(20)))
  struct StoreSurvival {
    /// How often the broker is killed: a few times, or as often as HAWSER_KILLS_STORE says.
    private static let kills =
      ProcessInfo.processInfo.environment["HAWSER_KILLS_STORE"].flatMap { Int($0) } ?? 5

    @Test(
      "kill -9 during ingest and folding: every reading once, every window as its readings say",
      .enabled(if: Checkout.runsSlowTests))
    func killed() async throws {
      var random = SystemRandomNumberGenerator()
      try await Workspace.use { workspace in
        let port = try FreePort.pick()
        let stop = workspace.folder.appending(path: "stop")
        // Little waits, so that folds go on all the time and kills hit them too.
        let arguments = ["--set", "store.foldReadings=20000"]
        var broker = try await workspace.startBroker(port: port, arguments: arguments)
        let devices = try workspace.startPeer(
          "devices", script: "relentless_devices.py",
          [broker.url.absoluteString, "--stop", stop.path])
        var acked = 0
        for kill in 1...Self.kills {
          // Something new must have been acked, or the kill would hit nothing.
          acked = try await devices.report("more acked", of: StoreReport.self) { report in
            report.acked.flatMap { $0 > acked ? $0 : nil }
          }
          try await Task.sleep(for: .milliseconds(Int.random(in: 0...1_500, using: &random)))
          broker.run.send(SIGKILL)
          try await broker.run.end()
          broker = try await workspace.startBroker(
            "broker-\(kill)", port: port, arguments: arguments)
        }
        try Data().write(to: stop)
        let end = try await devices.report(
          "what it found", of: StoreReport.self, within: .seconds(300)
        ) { $0.checked != nil || $0.wrong != nil ? $0 : nil }
        #expect(end.wrong == nil)
        let checked = try #require(end.checked)
        #expect(checked.readings >= acked * 10)
        print("\(Self.kills) kills: \(checked.readings) readings, \(checked.windows) windows")
      }
    }

    @Test("A full disk: not ready, no acks, nothing acked lost, and all by itself well again")
    func fullDisk() async throws {
      try await Workspace.use { workspace in
        let folder = workspace.folder.appending(path: "small")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        // A disk of its own, which nobody else sees, and which goes with the broker.
        let run = try workspace.start(
          "broker", program: URL(filePath: "/usr/bin/env"),
          [
            "unshare", "--mount", "bash", "-c",
            #"mount -t tmpfs -o size=4m none "$1" && exec "$2" broker --listen 127.0.0.1:0 --state "$1""#,
            "_", folder.path, Checkout.program("hawser").path,
          ])
        let broker = try await workspace.ready(run)
        let filler = "/proc/\(run.id)/root\(folder.path)/filler"
        try await refuse(
          broker, in: workspace, says: "full",
          begin: {
            // To the last byte, and over again, as the log may just have been cut.
            guard let file = fopen(filler, "w") else { throw TestFailure("no \(filler)") }
            let block = [UInt8](repeating: 1, count: 512)
            while fwrite(block, 1, block.count, file) == block.count, fflush(file) == 0 {}
            fclose(file)
          }, end: { try FileManager.default.removeItem(atPath: filler) })
      }
    }

    @Test(
      "A disk that turns read-only: not ready, no acks, nothing acked lost, well again by itself")
    func readOnlyDisk() async throws {
      try await Workspace.use { workspace in
        let library = workspace.folder.appending(path: "refusing_disk.so").path
        let source = Checkout.root.appending(path: "Tests/EndToEndTests/Peers/refusing_disk.c").path
        let cc = try workspace.start(
          "cc", program: URL(filePath: "/usr/bin/env"),
          ["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"])
        #expect(try await cc.end(within: .seconds(60)) == .exit(0))
        let refuse = workspace.folder.appending(path: "refuse")
        let run = try workspace.start(
          "broker", program: Checkout.program("hawser"),
          ["broker", "--listen", "127.0.0.1:0", "--state", "state"],
          environment: [
            "LD_PRELOAD": library, "REFUSE": refuse.path, "REFUSE_ERRNO": "\(EROFS)",
          ])
        let broker = try await workspace.ready(run)
        try await self.refuse(
          broker, in: workspace, says: "disk",
          begin: { try Data().write(to: refuse) },
          end: { try FileManager.default.removeItem(at: refuse) })
      }
    }

    /// A device counts while the broker's disk refuses writes for a time.
    private func refuse(
      _ broker: BrokerRun, in workspace: Workspace, says word: String, begin: () throws -> Void,
      end: () throws -> Void
    ) async throws {
      let count = 600
      let device = try workspace.startPeer(
        "counter", script: "counting_device.py",
        [broker.url.absoluteString, "--count", "\(count)", "--interval", "0.01"])
      _ = try await device.report("100 acked", of: CounterReport.self) { report in
        report.acked.flatMap { $0 >= 100 ? $0 : nil }
      }
      try begin()
      let ready = try await waitUntil(
        "the broker not to be ready", detail: { broker.run.transcript }
      ) {
        let answer = try await broker.get("readyz")
        return answer.status == 503 ? String(decoding: answer.body, as: UTF8.self) : nil
      }
      #expect(ready.contains("storeUnavailable") && ready.contains(word), "\(ready)")
      // An ack may still be on its way; after that there are none.
      try await Task.sleep(for: .milliseconds(300))
      let acked = device.reports(CounterReport.self).compactMap(\.acked).max() ?? 0
      try await Task.sleep(for: .seconds(2))
      #expect(device.reports(CounterReport.self).compactMap(\.acked).max() == acked)
      #expect(acked < count)
      // What is stored can be read meanwhile.
      let values = try await broker.readings(of: "counter", device: "counter").map(\.value)
      #expect(values == (1...acked).map(Double.init))
      try end()
      let finished = try await device.report(
        "everything acked", of: CounterReport.self, within: .seconds(40)
      ) { $0.finished }
      #expect(finished == count)
      try await waitUntil("the broker to be ready") {
        try await broker.get("readyz").status == 200 ? true : nil
      }
      let all = try await broker.readings(of: "counter", device: "counter").map(\.value)
      let isRight = all == (1...count).map(Double.init)
      #expect(isRight, "\(all.count) readings of \(count)")
    }

    @Test("A broker whose folder cannot be written, or whose store is damaged, says so and ends")
    func cannotStart() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        let device = try workspace.startPeer(
          "counter", script: "counting_device.py", [broker.url.absoluteString, "--count", "50"])
        _ = try await device.report("the end", of: CounterReport.self) { $0.finished }
        broker.run.send(SIGTERM)
        #expect(try await broker.run.end() == .exit(0))
        let state = workspace.folder.appending(path: "broker-state")
        let readOnly = try workspace.start(
          "read-only", program: URL(filePath: "/usr/bin/env"),
          [
            "unshare", "--mount", "bash", "-c",
            #"mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$2" broker --state "$1""#,
            "_", state.path, Checkout.program("hawser").path,
          ])
        #expect(try await readOnly.end() == .exit(EX_CANTCREAT))
        #expect(readOnly.errors.contains("Read-only file system"))
        let store = state.appending(path: "telemetry.sqlite")
        var bytes = try Data(contentsOf: store)
        for place in 100..<4_096 { bytes[place] ^= 0x55 }
        try bytes.write(to: store)
        let damaged = try workspace.start(
          "damaged", program: Checkout.program("hawser"), ["broker", "--state", "broker-state"])
        #expect(try await damaged.end() == .exit(EX_CANTCREAT))
        #expect(damaged.errors.contains("backup"), "\(damaged.errors)")
      }
    }

    @Test("A backup of a running broker goes in the place of its store")
    func backup() async throws {
      try await Workspace.use { workspace in
        let broker = try await workspace.startBroker()
        let device = try workspace.startPeer(
          "counter", script: "counting_device.py",
          [broker.url.absoluteString, "--count", "400", "--interval", "0.01"])
        let acked = try await device.report("100 acked", of: CounterReport.self) { report in
          report.acked.flatMap { $0 >= 100 ? $0 : nil }
        }
        let copy = workspace.folder.appending(path: "copy.sqlite")
        let backup = try workspace.start(
          "backup", program: Checkout.program("hawser"),
          ["backup", "--state", "broker-state", copy.path])
        #expect(try await backup.end() == .exit(0))
        #expect(backup.output.contains("1 series"))
        _ = try await device.report("the end", of: CounterReport.self) { $0.finished }
        let state = workspace.folder.appending(path: "restored")
        try FileManager.default.createDirectory(at: state, withIntermediateDirectories: true)
        try FileManager.default.copyItem(at: copy, to: state.appending(path: "telemetry.sqlite"))
        let restored = try await workspace.startBroker("restored", state: "restored")
        let values = try await restored.readings(of: "counter", device: "counter").map(\.value)
        #expect(values.count >= acked && values == (1...max(1, values.count)).map(Double.init))
        let again = try workspace.start(
          "again", program: Checkout.program("hawser"),
          ["backup", "--state", "broker-state", copy.path])
        #expect(try await again.end() == .exit(EX_CANTCREAT))
        #expect(again.errors.contains("is there already"))
      }
    }
  }
}

extension Workspace {
  /// The broker that a program has become, once it is ready.
  fileprivate func ready(_ run: ProgramRun) async throws -> BrokerRun {
    let line = try await run.line(containing: "hawser: ready at ")
    guard let url = line.split(separator: " ").last.flatMap({ URL(string: String($0)) }) else {
      throw TestFailure("no address in the broker's line: \(line)")
    }
    return BrokerRun(run: run, url: url)
  }
}

/// What `relentless_devices.py` writes.
struct StoreReport: Decodable {
  struct Checked: Decodable {
    var readings: Int
    var windows: Int
  }
  var acked: Int?
  var checked: Checked?
  var wrong: String?
}
