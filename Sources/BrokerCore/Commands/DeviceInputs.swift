import DeviceProtocol
import Synchronization
import TelemetryModel

/// What devices and their links say, on its way from the event loops to the desk.
///
/// Links' comings and goings always arrive. Of what a device says no more waits than a bound for each
/// device: what is beyond is dropped, which agents are made for, as they repeat what is not confirmed.
final class DeviceInputs: Sendable {
  enum Input: Sendable {
    case opened(DeviceID, UInt64, any DeviceLinkHandle, ProfileSummary?)
    case closed(DeviceID, UInt64)
    case forgotten(DeviceID)
    case response(String, RPCResponse, DeviceID)
    case progress(CommandProgress, DeviceID)
    case finished(String, CommandFinished, DeviceID, any DeviceLinkHandle)

    /// Who said it; nil for what is no message of a device's.
    var speaker: DeviceID? {
      switch self {
      case .opened, .closed, .forgotten: nil
      case .response(_, _, let device), .progress(_, let device), .finished(_, _, let device, _):
        device
      }
    }
  }

  /// The most messages of one device that may wait.
  static let maxWaiting = 256

  let stream: AsyncStream<Input>
  private let continuation: AsyncStream<Input>.Continuation
  private let waiting = Mutex<[DeviceID: Int]>([:])

  init() {
    (stream, continuation) = AsyncStream<Input>.makeStream()
  }

  func put(_ input: Input) {
    if let speaker = input.speaker {
      let isTaken = waiting.withLock { waiting in
        let count = waiting[speaker, default: 0]
        guard count < DeviceInputs.maxWaiting else { return false }
        waiting[speaker] = count + 1
        return true
      }
      guard isTaken else { return }
    }
    continuation.yield(input)
  }

  /// An input was taken from the stream.
  func took(_ input: Input) {
    guard let speaker = input.speaker else { return }
    waiting.withLock { waiting in
      let count = waiting[speaker, default: 1]
      waiting[speaker] = count > 1 ? count - 1 : nil
    }
  }

  func finish() { continuation.finish() }
}
