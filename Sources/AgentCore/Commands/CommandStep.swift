package import DeviceProtocol
package import TelemetryModel

/// What the shell is to carry out: one command's work.
package struct CommandJob: Hashable, Sendable {
  /// The command's id.
  package let id: String
  /// Which of the profile's commands.
  package let name: String
  /// Its parameters, checked, with defaults.
  package let params: JSONObject

  /// A job.
  package init(id: String, name: String, params: JSONObject) {
    self.id = id
    self.name = name
    self.params = params
  }
}

/// What follows from an input to the `CommandDesk`, in order.
enum CommandStep: Hashable, Sendable {
  /// Begin the work.
  case run(CommandJob)
  /// Stop the work; `ended` is called for it all the same.
  case stop(String)
  /// Tell the broker, if there is a link.
  case progress(CommandProgress)
  /// Tell people.
  case report(CommandReport)
}

/// What people may want to know of commands, for the log.
package enum CommandReport: Hashable, Sendable {
  /// A command was refused or was over at once; why.
  case refused(String, name: String, CommandState)
  /// Its work begins, for the so-manieth time.
  case began(String, name: String, start: Int)
  /// It is over.
  case ended(String, name: String, CommandResult)
  /// The broker wants it stopped.
  case cancelled(String)
  /// The broker does not take its result.
  case notTaken(String, RPCError)
  /// The journal's storage does not work.
  case journalFailed(SpoolFailure)
  /// The journal has damage: commands from before may be missing in it.
  case journalDamaged
}
