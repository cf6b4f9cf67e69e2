import ArgumentParser
import Glibc
import NIOCore
import NIOHTTP1
import TelemetryModel

/// Orders, and what becomes of them.
extension RestClient {
  /// One request, with a JSON body where there is one; the answer's JSON.
  ///
  /// - Throws: `ExitCode`, its cause told, where there is no answer; ``Refusal`` where the broker
  ///   refuses.
  func send(
    _ method: HTTPMethod, _ path: String, _ query: [(String, String)] = [],
    body: JSONValue? = nil, key: String? = nil
  ) async throws -> JSONValue {
    let url = try options.address(path, query)
    var headers: HTTPHeaders = ["Accept": "application/json"]
    if body != nil { headers.add(name: "Content-Type", value: "application/json") }
    if let key { headers.add(name: "Idempotency-Key", value: key) }
    let answer: Answer
    do {
      answer = try await exchange(
        url, method: method, headers: headers, body: body.map { ByteBuffer(bytes: $0.json) })
    } catch {
      throw noAnswer(error)
    }
    let json = (try? JSONValue(parsing: answer.body.readableBytesUInt8Span)) ?? .null
    guard (200..<300).contains(answer.status) else {
      throw Refusal(status: answer.status, problem: json)
    }
    return json
  }

  /// What a broker refuses with (RFC 9457).
  struct Refusal: Error {
    var status: Int
    var detail: String

    init(status: Int, problem: JSONValue) {
      self.status = status
      detail = OptionNames.text(
        problem["detail"]?.string ?? "the broker answered with status \(status)",
        field: problem["field"]?.string)
    }

    /// Says it on standard error; its code of sysexits(3).
    func said() -> ExitCode {
      Output.say(detail)
      switch status {
      case 404: return ExitCode(EX_NOINPUT)
      case 400, 422: return ExitCode(EX_DATAERR)
      case 401, 403: return ExitCode(EX_NOPERM)
      case 429, 503: return ExitCode(EX_TEMPFAIL)
      default: return ExitCode(EX_SOFTWARE)
      }
    }
  }
}
