/// Measures what `WebSocketTransport` promises; one line each. Not run by the tests.
///
///     ws-bench receive
///     ws-bench fan-out
///     ws-bench idle [production|textbook] [CONNECTIONS] [CERTIFICATE KEY]
///
/// Build it with `swift build -c release --product ws-bench`. CPU times are those of the one thread in
/// question, kernel included. A process needs a file descriptor a connection (`ulimit -n`).
@main
enum WebSocketBenchmark {
  static func main() throws {
    let arguments = CommandLine.arguments.dropFirst()
    let rest = Array(arguments.dropFirst())
    switch arguments.first {
    case "receive": try ReceivePath.run()
    case "fan-out": try FanOut.run()
    case "idle":
      try IdleMemory.run(
        kind: rest.first ?? "production",
        connections: rest.count > 1 ? Int(rest[1]) ?? 5_000 : 5_000,
        certificate: rest.count > 3 ? (rest[2], rest[3]) : nil)
    case "idle-server":
      try IdleMemory.serve(
        kind: rest.first ?? "production", certificate: rest.count > 2 ? (rest[1], rest[2]) : nil)
    default:
      try ReceivePath.run()
      try FanOut.run()
      try IdleMemory.run(kind: "production", connections: 5_000, certificate: nil)
      try IdleMemory.run(kind: "textbook", connections: 500, certificate: nil)
    }
  }
}
