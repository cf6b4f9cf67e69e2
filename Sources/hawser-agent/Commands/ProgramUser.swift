import Glibc

/// A user of this machine, as a program is to run.
struct ProgramUser: Hashable, Sendable {
  let name: String
  let home: String
  let user: UInt32
  let group: UInt32
  let groups: [UInt32]

  /// Looks a user up. Blocks while the machine's name service answers.
  init?(_ name: String) {
    var entry = passwd()
    var found: UnsafeMutablePointer<passwd>?
    var buffer = [CChar](repeating: 0, count: 16 * 1024)
    guard getpwnam_r(name, &entry, &buffer, buffer.count, &found) == 0, found != nil else {
      return nil
    }
    self.name = name
    home = String(cString: entry.pw_dir)
    user = entry.pw_uid
    group = entry.pw_gid
    var count: Int32 = 256
    var groups = [UInt32](repeating: 0, count: Int(count))
    guard getgrouplist(name, entry.pw_gid, &groups, &count) >= 0 else { return nil }
    self.groups = Array(groups.prefix(Int(count)))
  }
}
