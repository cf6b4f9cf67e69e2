import Synchronization

/// The HTTP device sessions there are, by the names that their URLs carry. Safe from any thread.
final class HTTPDeviceSessions: Sendable {
  private let sessions = Mutex<[String: HTTPDeviceLinkRemote]>([:])

  func add(_ name: String, _ link: HTTPDeviceLinkRemote) {
    sessions.withLock { $0[name] = link }
  }

  func remove(_ name: String) {
    sessions.withLock { _ = $0.removeValue(forKey: name) }
  }

  subscript(name: String) -> HTTPDeviceLinkRemote? {
    sessions.withLock { $0[name] }
  }

  var count: Int { sessions.withLock { $0.count } }
}
