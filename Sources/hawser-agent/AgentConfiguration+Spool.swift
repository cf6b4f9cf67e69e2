import AgentCore

extension AgentConfiguration {
  /// The spool, on disk or in memory, and why the disk cannot be used where it should be.
  func makeSpool() -> (spool: any Spool & Sendable, openFailure: SpoolFailure?) {
    let limits = spool
    let makeMemory: @Sendable () -> MemorySpool = {
      MemorySpool(
        epoch: Self.newEpoch(), maxPacks: limits.maxPacks, maxBytes: limits.maxBytes,
        maxAge: limits.maxAge)
    }
    guard let path = spoolFolder else { return (makeMemory(), nil) }
    let spool = ResilientSpool(
      open: { () throws(SpoolFailure) in
        try DiskSpool(in: DiskSpoolFolder(path), limits: limits, newEpoch: Self.newEpoch)
      }, makeMemory: makeMemory)
    return (spool, spool.openFailure)
  }

  private static func newEpoch() -> String {
    let hex = (0..<2).map { _ in String(UInt64.random(in: .min ... .max), radix: 16) }
    return hex.joined()
  }
}
