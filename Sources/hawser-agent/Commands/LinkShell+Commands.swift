import AgentCore

// What commands do to the running agent, and what their work says.
extension LinkShell: CommandHost {
  func readNow() -> Int { sample(at: SystemClock.now()) }

  func setInterval(_ interval: Duration?) throws(SpoolFailure) -> Duration {
    try self.interval.set(interval)
    schedule = SampleSchedule(
      start: SystemClock.now().monotonic + self.interval.current, interval: self.interval.current)
    rearm()
    return self.interval.current
  }

  func restart() {
    isRestarting = true
    stop()
  }

  func progressed(
    _ command: String, percent: Double?, text: String?, output: ArraySlice<UInt8>
  ) {
    carryOut(
      machine.commandProgressed(
        command, percent: percent, text: text, output: output, at: SystemClock.now()))
    rearm()
  }

  func ended(_ command: String, _ result: CommandResult) {
    carryOut(machine.commandEnded(command, result, at: SystemClock.now()))
    rearm()
  }
}
