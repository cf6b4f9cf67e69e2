package import DeviceProtocol
import TelemetryModel

/// How a command ended, as the journal keeps it and the broker is told.
package struct CommandResult: Hashable, Sendable {
  /// How it ended.
  package var outcome: CommandOutcome
  /// The exit code of what was run.
  package var exitCode: Int?
  /// What it printed, within the wire's limit.
  package var output: String?
  /// How many bytes it printed, where the output is not all of it or no text.
  package var outputBytes: Int?
  /// Why it ended so.
  package var reason: String?

  /// A result.
  package init(
    _ outcome: CommandOutcome, exitCode: Int? = nil, output: String? = nil,
    outputBytes: Int? = nil, reason: String? = nil
  ) {
    self.outcome = outcome
    self.exitCode = exitCode
    self.output = output
    self.outputBytes = outputBytes
    self.reason = reason
  }

  /// A result with the end of what was printed.
  package init(
    _ outcome: CommandOutcome, exitCode: Int? = nil, printed: OutputTail, reason: String? = nil
  ) {
    let output = printed.text
    self.init(
      outcome, exitCode: exitCode, output: output?.text, outputBytes: output?.totalBytes,
      reason: reason)
  }

  /// The answer to a request that is repeated, or that ends the command at once.
  var state: CommandState {
    CommandState(
      state: .finished, outcome: outcome, exitCode: exitCode, output: output,
      outputBytes: outputBytes, reason: reason)
  }

  /// The message that tells the broker.
  func finished(_ command: String) -> CommandFinished {
    CommandFinished(
      command: command, outcome: outcome, exitCode: exitCode, output: output,
      outputBytes: outputBytes, reason: reason)
  }

  /// The result with no more output than a message of so many bytes has room for.
  func fitting(_ bytes: Int) -> CommandResult {
    var result = self
    while let output = result.output, result.state.json.json.count + Self.envelopeBytes > bytes {
      result.outputBytes = result.outputBytes ?? output.utf8.count
      // Half of a text is a text; half of what is no text would be nothing.
      let half = Array(output.utf8.suffix(output.utf8.count / 2))
      let isText = !output.hasPrefix(OutputText.dataPrefix) && half.count > 64
      result.output = isText ? OutputText.text(half[...], isCut: true) : nil
    }
    return result
  }

  /// What a message adds to its result, with the longest ids.
  private static let envelopeBytes = 512

  /// The result with texts as long as the wire allows.
  var bounded: CommandResult {
    var result = self
    if let reason, reason.utf8.count > ProtocolLimits.maxTextBytes {
      let text = OutputText.text(Array(reason.utf8.prefix(ProtocolLimits.maxTextBytes))[...])
      result.reason = text ?? "the reason cannot be shown"
    }
    if let output, output.utf8.count > ProtocolLimits.maxOutputBytes {
      var tail = OutputTail()
      tail.append(Array(output.utf8))
      result.output = tail.text?.text
      result.outputBytes = result.outputBytes ?? output.utf8.count
    }
    return result
  }
}
