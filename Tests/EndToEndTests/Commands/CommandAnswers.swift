import Foundation
import TestSupport

/// A command as REST shows it.
struct CommandAnswer: Decodable {
  struct Event: Decodable {
    var state: String?
    var event: String?
    var time: Double
    var cause: String
    var actor: String
  }
  struct Result: Decodable {
    var exitCode: Int?
    var output: String?
    var outputBytes: Int?
    var reason: String?
  }
  struct Progress: Decodable {
    var percent: Double?
    var output: String
  }
  var command: String
  var device: String
  var name: String
  var state: String
  var expires: Double
  var attempts: Int
  var result: Result?
  var progress: Progress?
  var states: [Event]?

  /// The states it went through.
  var path: [String] { (states ?? []).compactMap(\.state) }
}

/// A problem document (RFC 9457).
struct ProblemAnswer: Decodable {
  var status: Int
  var code: String
  var detail: String
  var field: String?
}

/// One line of `command_device.py`.
struct CommandDeviceReport: Decodable {
  struct Request: Decodable {
    var command: String
    var attempt: Int
    var remaining: Double
  }
  struct Refusal: Decodable {
    struct Details: Decodable { var code: String }
    var data: Details
  }
  var welcome: Bool?
  var acted: String?
  var command: Request?
  var confirmed: String?
  var refused: Refusal?
}

extension BrokerRun {
  /// Orders a command; the answer must be 202.
  func order(
    _ body: String, for device: String, key: String? = nil
  ) async throws -> CommandAnswer {
    let answer = try await send(
      "POST", "v1/devices/\(device)/commands", body: body,
      headers: key.map { ["Idempotency-Key": $0] } ?? [:])
    guard answer.status == 202 else {
      throw TestFailure(
        "the order was answered \(answer.status): \(String(decoding: answer.body, as: UTF8.self))")
    }
    let command = try JSONDecoder().decode(CommandAnswer.self, from: answer.body)
    guard answer.headers["location"] == "/v1/commands/\(command.command)" else {
      throw TestFailure("no place of the command: \(answer.headers)")
    }
    return command
  }

  /// What an order is refused with.
  func refusal(
    of body: String, for device: String, key: String? = nil
  ) async throws -> ProblemAnswer {
    let answer = try await send(
      "POST", "v1/devices/\(device)/commands", body: body,
      headers: key.map { ["Idempotency-Key": $0] } ?? [:])
    guard answer.headers["content-type"] == "application/problem+json" else {
      throw TestFailure("no problem: \(String(decoding: answer.body, as: UTF8.self))")
    }
    return try JSONDecoder().decode(ProblemAnswer.self, from: answer.body)
  }

  /// A command as it is.
  func command(_ id: String) async throws -> CommandAnswer {
    try await json(CommandAnswer.self, "v1/commands/\(id)")
  }

  /// Waits until a command is in one of these states.
  @discardableResult
  func waitFor(
    _ id: String, toBe states: String..., within limit: Duration = .seconds(30)
  ) async throws -> CommandAnswer {
    try await waitUntil(
      "\(id) to be \(states)", within: limit, detail: { self.run.transcript }
    ) {
      let command = try await self.command(id)
      return states.contains(command.state) ? command : nil
    }
  }
}

extension ProgramRun {
  /// How often a command took effect, by its id.
  var acts: [String: Int] {
    reports(CommandDeviceReport.self).compactMap(\.acted).reduce(into: [:]) {
      $0[$1, default: 0] += 1
    }
  }
}
