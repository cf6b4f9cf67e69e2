import Glibc
import NIOPosix

/// Looks a name up as every program on this machine does, and says how long that took.
enum AddressLookup {
  /// What was found.
  struct Answer: Sendable {
    /// The addresses, each once; none where the name has none or nobody answers.
    var addresses: [String]
    /// How long it took, in seconds.
    var seconds: Double
  }

  /// Waits for the name servers on a thread that may wait.
  static func run(_ host: String) async -> Answer {
    let began = ContinuousClock.now
    let addresses = try? await NIOThreadPool.singleton.runIfActive { lookUp(host) }
    return Answer(addresses: addresses ?? [], seconds: (ContinuousClock.now - began) / .seconds(1))
  }

  private static func lookUp(_ host: String) -> [String] {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
    defer { freeaddrinfo(list) }
    var addresses: [String] = []
    var next = list
    while let entry = next {
      var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
      let status = getnameinfo(
        entry.pointee.ai_addr, entry.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0,
        NI_NUMERICHOST)
      let address = String(
        decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      if status == 0, !addresses.contains(address) { addresses.append(address) }
      next = entry.pointee.ai_next
    }
    return addresses
  }
}
