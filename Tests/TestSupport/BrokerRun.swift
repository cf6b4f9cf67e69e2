package import Foundation
import FoundationNetworking

/// A broker that is ready.
package struct BrokerRun: Sendable {
  /// The process.
  package let run: ProgramRun
  /// Its address, with a slash at the end.
  package let url: URL

  /// The port it listens on.
  package var port: Int { url.port ?? 80 }

  /// A broker that this process, or a script that it runs, has at this address.
  package init(run: ProgramRun, url: URL) {
    self.run = run
    self.url = url
  }
}

/// What tests ask a broker over HTTP.
extension BrokerRun {
  /// GET, with the status and the body as they come. `path` is relative: `v1/devices`.
  package func get(_ path: String, query: [String: String] = [:]) async throws -> (
    status: Int, body: Data, headers: [String: String]
  ) {
    var parts = URLComponents(url: url.appending(path: path), resolvingAgainstBaseURL: false)
    if !query.isEmpty {
      parts?.queryItems = query.map { URLQueryItem(name: $0.key, value: $0.value) }
    }
    guard let address = parts?.url else { throw TestFailure("no address for \(path)") }
    return try await answer(to: URLRequest(url: address, timeoutInterval: 30))
  }

  /// Any other request, with a JSON body where there is one.
  package func send(
    _ method: String, _ path: String, body: String? = nil, headers: [String: String] = [:]
  ) async throws -> (status: Int, body: Data, headers: [String: String]) {
    var request = URLRequest(url: url.appending(path: path), timeoutInterval: 30)
    request.httpMethod = method
    request.httpBody = body.map { Data($0.utf8) }
    for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
    return try await answer(to: request)
  }

  private func answer(to request: URLRequest) async throws -> (
    status: Int, body: Data, headers: [String: String]
  ) {
    var request = request
    request.cachePolicy = .reloadIgnoringLocalCacheData
    let (body, response) = try await URLSession.shared.data(for: request)
    guard let answer = response as? HTTPURLResponse else { throw TestFailure("no HTTP answer") }
    var headers: [String: String] = [:]
    for case (let name as String, let value as String) in answer.allHeaderFields {
      headers[name.lowercased()] = value
    }
    return (answer.statusCode, body, headers)
  }

  /// GET of JSON, which must be answered with 200.
  package func json<Answer: Decodable>(
    _ type: Answer.Type, _ path: String, query: [String: String] = [:]
  ) async throws -> Answer {
    let answer = try await get(path, query: query)
    guard answer.status == 200 else {
      throw TestFailure(
        "\(path) answered \(answer.status): \(String(decoding: answer.body, as: UTF8.self))")
    }
    return try JSONDecoder().decode(type, from: answer.body)
  }
}
