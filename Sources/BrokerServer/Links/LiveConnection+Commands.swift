import BrokerCore
import DeviceProtocol

// Commands over the live link: as in REST, and told of as they change.
extension LiveConnection {
  /// Answers what a dashboard asks about commands; `actor` is who asks.
  func carryOut(_ id: String, _ call: CommandCall, for reader: ReaderID, as actor: String) {
    guard let desk = services.commands else { return }
    let readers = services.readers
    Task {
      do throws(CommandRefusal) {
        let view = try await LiveConnection.answer(call, from: desk, for: reader, as: actor)
        readers.send(CommandJSON.result(id, view), to: reader)
      } catch {
        readers.send(LiveMessage(refusing: id, RPCError(error)), to: reader)
      }
    }
  }

  private static func answer(
    _ call: CommandCall, from desk: CommandDesk, for reader: ReaderID, as actor: String
  ) async throws(CommandRefusal) -> CommandView {
    let command: String
    switch call {
    case .cancel(let id): return try await desk.cancel(id, by: actor)
    case .watch(let id): command = id
    case .send(let device, let key, let order):
      var wish = try CommandWish(json: order)
      wish.key = key
      command = try await desk.order(wish, for: device, by: actor).view.record.command.order.id
    }
    guard let view = try await desk.watch(command, reader) else { throw .notFound(command) }
    return view
  }
}

extension RPCError {
  init(_ refusal: CommandRefusal) {
    let word: Word =
      switch refusal {
      case .malformed, .unknownCommand, .unfit: .invalidField
      case .unknownDevice, .noDevice, .notFound: .notFound
      case .keyReused, .ended, .wrongState: .conflict
      case .tooMany: .limitExceeded
      case .storeUnavailable: .busy
      }
    var limit: Double?
    if case .tooMany(let most) = refusal { limit = Double(most) }
    self.init(word, refusal.text, field: refusal.field.map { "params.\($0)" }, limit: limit)
  }
}
