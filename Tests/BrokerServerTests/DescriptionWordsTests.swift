import BrokerCore
import DeviceProtocol
import Foundation
import TelemetryModel
import Testing

@testable import BrokerServer

/// The words, codes and limits of the descriptions are those of the code.
@Suite("Words of the descriptions")
struct DescriptionWordsTests {
  private static func document(_ bytes: [UInt8]) throws -> [String: Any] {
    try #require(JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
  }

  private let rest: [String: Any]
  private let links: [String: Any]

  init() throws {
    rest = try Self.document(PackageResources.openapi_json)
    links = try Self.document(PackageResources.asyncapi_json)
  }

  /// What stands at a path of keys, with dots between them.
  private func value<Value>(_ path: String, of document: [String: Any]) throws -> Value {
    var found: Any = document
    for key in path.split(separator: ".") {
      found = try #require((found as? [String: Any])?[String(key)], "\(path): no \(key)")
    }
    return try #require(found as? Value, "\(path)")
  }

  private func schema<Value>(_ path: String, of document: [String: Any]) throws -> Value {
    try value("components.schemas.\(path)", of: document)
  }

  private func listed(_ path: String, of document: [String: Any]) throws -> Set<String> {
    let words: [String] = try schema(path, of: document)
    return Set(words)
  }

  private func words<Word: CaseIterable & RawRepresentable<String>>(_: Word.Type) -> Set<String> {
    Set(Word.allCases.map(\.rawValue))
  }

  @Test("Closed sets of words have the same ones in both documents and in the code")
  func words() throws {
    for document in [rest, links] {
      #expect(try listed("CommandState.enum", of: document) == words(CommandPhase.self))
      #expect(try listed("Resolution.enum", of: document) == words(Resolution.self))
      #expect(try listed("Transport.enum", of: document) == words(LinkTransport.self))
      #expect(
        try listed("LinkEndCause.x-extensible-enum", of: document)
          == words(LinkEndCause.self))
      #expect(
        try listed("CommandDeclaration.properties.danger.x-extensible-enum", of: document)
          == words(CommandDeclaration.Danger.self))
      #expect(
        try listed("CommandParameter.properties.type.x-extensible-enum", of: document)
          == words(CommandParameter.Kind.self))
    }
    #expect(try listed("RolloutState.enum", of: rest) == words(Rollout.State.self))
    #expect(try listed("Function.enum", of: links) == words(AggregateFunction.self))
    #expect(try listed("Outcome.enum", of: links) == words(CommandOutcome.self))
    #expect(
      try listed("CommandAnswer.properties.state.enum", of: links)
        == words(CommandState.Phase.self))
    #expect(
      try listed("Error.properties.data.properties.code.x-extensible-enum", of: links)
        == words(RPCError.Word.self))
    let functions: String = try value("components.parameters.functions.schema.pattern", of: rest)
    for function in AggregateFunction.allCases { #expect(functions.contains(function.rawValue)) }
  }

  @Test("The table of close codes is the code's, and so is that of errors")
  func tables() throws {
    let text: String = try value("info.description", of: links)
    let lines = text.split(separator: "\n")
    for reason in CloseReason.allCases {
      let sender =
        switch reason.row.sender {
        case .broker: "broker"
        case .client: "client"
        case .either: "either"
        }
      let begin = "| \(reason.code) | \(reason.row.name) | \(sender) | "
      #expect(lines.count { $0.hasPrefix(begin) } == 1, "\(begin)")
    }
    let codes = lines.count { $0.wholeMatch(of: #/\| [0-9]{4} \|.*/#) != nil }
    #expect(codes == CloseReason.allCases.count)
    for word in RPCError.Word.allCases {
      #expect(lines.count { $0.hasPrefix("| `\(word.rawValue)` | ") } == 1, "\(word)")
    }
    let problems: String = try value("info.description", of: rest)
    let known: [String] = try schema("Problem.properties.code.x-extensible-enum", of: rest)
    for code in known {
      #expect(problems.split(separator: "\n").count { $0.hasPrefix("| `\(code)` | ") } == 1)
    }
  }

  @Test("Limits are the code's")
  func limits() throws {
    func number(_ path: String, of document: [String: Any]) throws -> Int {
      try schema(path, of: document)
    }
    for document in [rest, links] {
      #expect(try number("DeviceName.maxLength", of: document) == DeviceID.maxBytes)
      #expect(try number("MetricName.maxLength", of: document) == MetricName.maxBytes)
      #expect(
        try number("CommandResult.properties.output.maxLength", of: document)
          == ProtocolLimits.maxOutputBytes)
      #expect(
        try number("CommandDeclaration.properties.params.maxProperties", of: document)
          == ProtocolLimits.maxParameters)
    }
    #expect(try number("Id.maxLength", of: links) == ProtocolLimits.maxIDBytes)
    #expect(try number("Ranges.maxItems", of: links) == ProtocolLimits.maxRanges)
    #expect(try number("SenML.maxItems", of: links) == ProtocolLimits.maxPackRecords)
    #expect(
      try number("Query.properties.devices.maxItems", of: links) == ProtocolLimits.maxGlobs)
    #expect(
      try number("Query.properties.labels.maxProperties", of: links) == ProtocolLimits.maxLabels)
    #expect(
      try number("Links.properties.ends.maxItems", of: rest) == LinkRoutes.maxEnds)
    let text: String = try value("info.description", of: links)
    let limits = LiveLimits()
    for number in [
      ProtocolLimits.maxTextBytes, ProtocolLimits.maxAccessTokenBytes,
      ProtocolLimits.maxParameterBytes, limits.subscriptions, limits.series,
      limits.historyReadings,
    ] {
      #expect(text.contains(" \(number)"), "\(number)")
    }
  }
}
