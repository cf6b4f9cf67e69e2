import Synchronization

/// Whether the store takes data, for `/readyz` and the logs; shared by the pipeline and readers.
package final class StoreHealth: Sendable {
  private let failure = Mutex<String?>(nil)

  /// Starts healthy.
  package init() {}

  /// What is wrong, or nil.
  package var problem: String? {
    failure.withLock { $0 }
  }

  func failed(_ error: any Error) {
    failure.withLock { $0 = "\(error)" }
  }

  func succeeded() {
    failure.withLock { $0 = nil }
  }
}
