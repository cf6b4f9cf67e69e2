import BrokerCore
import NIOCore

/// One SenML decoder for each event loop, shared by its links: an idle link holds none.
final class LoopDecoders: Sendable {
  private let decoders: [ObjectIdentifier: NIOLoopBoundBox<PackDecoder>]

  /// Makes the decoders of all loops that links will live on.
  init(loops: [any EventLoop]) {
    decoders = Dictionary(
      uniqueKeysWithValues: loops.map { loop in
        (ObjectIdentifier(loop), .makeBoxSendingValue(PackDecoder(), eventLoop: loop))
      })
  }

  /// The decoder of a loop; call on the loop. A loop that was not named gets a new one each time.
  func decoder(on loop: any EventLoop) -> PackDecoder {
    decoders[ObjectIdentifier(loop)]?.value ?? PackDecoder()
  }
}
