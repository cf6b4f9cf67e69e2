import ArgumentParser
import TelemetryModel

/// What `watch` and `history` have in common: checked before anybody is asked, in the words of whoever
/// typed it.
enum WindowOptions {
  static func check(resolution: String?, functions: String?, labels: [String]) throws {
    if let resolution, Resolution(rawValue: resolution) == nil {
      let known = Resolution.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("--resolution: \(resolution) is none of \(known).")
    }
    for label in labels where !label.dropFirst().contains(":") {
      throw ValidationError("--label is KEY:PATTERN, for example site:lab.")
    }
    guard let functions else { return }
    guard resolution != "raw" else {
      throw ValidationError("--functions: readings have none; ask for windows of 1s or longer.")
    }
    var seen: Set<AggregateFunction> = []
    let words = functions.split(separator: ",", omittingEmptySubsequences: false)
    for word in words {
      guard let function = AggregateFunction(rawValue: String(word)) else {
        let known = AggregateFunction.allCases.map(\.rawValue).joined(separator: ", ")
        throw ValidationError(
          "--functions: \(word.isEmpty ? "nothing" : word) is none of \(known).")
      }
      guard seen.insert(function).inserted else {
        throw ValidationError("--functions: \(word) is named twice.")
      }
    }
  }
}
