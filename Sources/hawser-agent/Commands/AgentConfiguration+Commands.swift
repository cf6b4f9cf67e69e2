import AgentCore

extension AgentConfiguration {
  /// What decides about commands, with its journal in the state folder.
  func makeCommandDesk() -> CommandDesk {
    var desk = CommandDesk.Configuration(boot: link.boot)
    desk.commands = profile.commands.map(\.spec)
    desk.atOnce = profile.atOnce
    desk.policy = commandPolicy
    guard let path = commandFolder else { return CommandDesk(desk) }
    let journal = CommandJournal { () throws(SpoolFailure) in try DiskSpoolFolder(path) }
    return CommandDesk(desk, journal: journal)
  }
}
