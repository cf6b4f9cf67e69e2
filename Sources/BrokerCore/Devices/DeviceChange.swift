package import TelemetryModel

/// What an operator did to a device, on its way to the store.
package struct DeviceChange: Sendable {
  /// What was done.
  package enum Kind: Sendable {
    /// These are now all the labels that operators have set.
    case operatorLabels([String: String])
    /// The device is forgotten; its readings stay.
    case forget
  }

  /// To which device.
  package var device: DeviceID
  /// What.
  package var kind: Kind
  /// Called once, on any thread: true when the change survives a power cut, false when the broker
  /// stopped before it could be written.
  package var done: @Sendable (Bool) -> Void

  /// Names all parts.
  package init(device: DeviceID, kind: Kind, done: @escaping @Sendable (Bool) -> Void) {
    self.device = device
    self.kind = kind
    self.done = done
  }
}

extension IngestBatch {
  /// Takes changes in the order in which they were made.
  mutating func take(_ changes: [DeviceChange]) {
    for change in changes {
      switch change.kind {
      case .operatorLabels(let labels):
        operatorLabels[change.device] = labels
      case .forget:
        operatorLabels[change.device] = nil
        forgotten.append(change.device)
      }
    }
  }
}
