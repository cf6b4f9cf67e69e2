import DeviceProtocol

/// One device's commands that are not over, in the order in which they were ordered.
struct CommandQueue: Sendable {
  /// Not sent yet.
  private(set) var waiting: [String] = []
  /// Sent, and nothing final heard of.
  private(set) var inFlight: [String] = []
  /// Whether the device has a link.
  var isOnline = false
  /// What the device can be told to do, as it last said.
  var abilities: DeviceAbilities?

  /// How many there are.
  var count: Int { waiting.count + inFlight.count }

  /// Whether there is nothing to remember.
  var isForgettable: Bool { count == 0 && !isOnline && abilities == nil }

  /// Puts a command behind all others.
  mutating func add(_ id: String) { waiting.append(id) }

  /// Takes over a command that was in flight when the broker ended.
  mutating func resume(_ id: String) { inFlight.append(id) }

  /// Lets the next command go out, as many being in flight as the device's profile allows; nil where
  /// none waits, or none may go now.
  mutating func sendNext() -> String? {
    guard isOnline, !waiting.isEmpty, inFlight.count < max(1, abilities?.atOnce ?? 1) else {
      return nil
    }
    let id = waiting.removeFirst()
    inFlight.append(id)
    return id
  }

  /// A command is over.
  mutating func remove(_ id: String) {
    waiting.removeAll { $0 == id }
    inFlight.removeAll { $0 == id }
  }
}
