import BrokerCore
import GRDB

extension StoreError {
  /// What SQLite's answer means to the broker (result codes: sqlite.org/rescode.html).
  init(_ error: any Error, path: String) {
    let text: String
    switch error {
    case let error as StoreError:
      switch error {
      case .unavailable: self = error
      case .unusable(let what): self = .damaged(what, path: path)
      }
      return
    case let damage as DamagedBlob:
      self = .damaged(damage.description, path: path)
      return
    case let error as DatabaseError:
      let message = error.message ?? error.resultCode.description
      switch error.resultCode {
      case .SQLITE_NOTADB, .SQLITE_CORRUPT:
        self = .damaged(message, path: path)
        return
      case .SQLITE_FULL: text = "the disk or the file's limit is full (\(message))"
      case .SQLITE_READONLY: text = "the disk or the file is read-only (\(message))"
      case .SQLITE_IOERR: text = "the disk fails or is full (\(message))"
      case .SQLITE_CANTOPEN: text = "the file cannot be opened (\(message))"
      default: text = message
      }
    default: text = "\(error)"
    }
    self = .unavailable("\(path): \(text)")
  }

  private static func damaged(_ what: String, path: String) -> StoreError {
    guard !what.hasPrefix(path) else { return .unusable(what) }
    return .unusable(
      "\(path): \(what); put a backup in its place, or move it away to begin with an empty store")
  }
}
