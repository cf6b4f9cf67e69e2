/// What somebody typed, for what a broker calls a field or parameter.
enum OptionNames {
  private static let all = [
    "device": "QUERY", "devices": "QUERY", "metric": "QUERY", "metrics": "QUERY", "query": "QUERY",
    "label": "--label", "labels": "--label", "resolution": "--resolution", "points": "--resolution",
    "functions": "--functions", "groupBy": "--group-by", "maxRate": "--max-rate",
    "since": "--since", "from": "--from", "to": "--to", "state": "--state", "ttl": "--ttl",
    "Idempotency-Key": "--key", "concurrency": "--concurrency", "wave": "--wave",
    "pause": "--pause", "maxFailureRate": "--max-failure-rate",
  ]

  /// `params.functions[0]` is `--functions`; nil for what nobody types.
  static func name(of field: String) -> String? {
    field.split(separator: ".").reversed().lazy
      .compactMap { part in all[String(part.prefix { $0 != "[" })] }.first
  }

  /// A refusal's text with the option or argument before it.
  static func text(_ text: String, field: String?) -> String {
    guard let name = field.flatMap(name(of:)) else { return text }
    return "\(name): \(text)"
  }
}
