import DeviceProtocol

extension RPCError {
  /// A device speaks of another's command.
  static let foreignCommand = RPCError(
    .notYourDevice, "this command is not for this device", field: "params.command")

  /// A device speaks of a command that it cannot know.
  static let neverSent = RPCError(
    .notFound, "this command was never sent", field: "params.command")

  /// There is no such command.
  static func noCommand(_ id: String) -> RPCError {
    RPCError(.notFound, "there is no command \(id.prefix(64))", field: "params.command")
  }
}
