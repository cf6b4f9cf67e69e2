import Foundation
import TestSupport

/// A network with a NAT in it, made of namespaces by `nat_network.sh`; it ends with its process.
struct NATNetwork: Sendable {
  /// The processes that stand in the namespaces.
  struct Processes: Decodable {
    var device: Int
    var nat: Int
    var far: Int
  }

  let workspace: Workspace
  let processes: Processes

  /// The program and arguments that run a command as a device of this network would.
  func onDevice(_ program: URL, _ arguments: [String]) throws -> (URL, [String]) {
    let enter = ["--target", "\(processes.device)", "--net", "--mount", "--"]
    return (try InteropPeer.tool("nsenter"), enter + [program.path] + arguments)
  }

  /// Loses every packet from now on, or lets them pass again.
  func loseEverything(_ loses: Bool) async throws {
    let rule = loses ? ["add", "rule"] : ["flush", "chain"]
    let nft =
      ["--target", "\(processes.nat)", "--net", "--", try InteropPeer.tool("nft").path] + rule
      + ["inet", "hawser", "outage"] + (loses ? ["drop"] : [])
    let run = try workspace.start(
      "nft-\(UUID().uuidString.prefix(8))", program: InteropPeer.tool("nsenter"), nft)
    guard try await run.end() == .exit(0) else { throw TestFailure(run.transcript) }
  }
}

extension Workspace {
  /// A NAT that forgets connections silent for `limit` seconds.
  func startNATBox(before broker: Int, limit: Int) async throws -> MiddleBox.Route {
    let script = InteropPeer.folder.appending(path: "nat_network.sh")
    let run = try start(
      "nat-network", program: InteropPeer.tool("unshare"),
      ["--net", "--mount", "bash", script.path, "\(limit)"])
    let processes = try await run.report("its namespaces", of: NATNetwork.Processes.self) { $0 }
    let farEnd = try startPeer(
      "far-end", script: "far_end.py",
      [
        "--namespace", "/proc/\(processes.far)/ns/net", "--listen", "198.51.100.2:8080", "--to",
        "\(broker)",
      ])
    _ = try await farEnd.listeningPort()
    return MiddleBox.Route(
      broker: "http://broker.localhost:8080",
      network: NATNetwork(workspace: self, processes: processes))
  }
}
