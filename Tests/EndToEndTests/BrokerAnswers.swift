import Foundation
import TestSupport

/// `GET /v1/devices`.
struct DeviceList: Decodable {
  struct Device: Decodable {
    var device: String
    var state: String
    var since: Double
    var cause: String?
  }
  var devices: [Device]
}

/// `GET /v1/history`, a page of raw readings.
struct RawHistory: Decodable {
  struct Series: Decodable {
    var series: Int
    var device: String
    var metric: String
    var unit: String?
  }
  /// `[series, time, value, quality, received]`
  struct Row: Decodable {
    var series: Int
    var time: Double
    var value: Double
    var quality: String?

    init(from decoder: any Decoder) throws {
      var columns = try decoder.unkeyedContainer()
      series = try columns.decode(Int.self)
      time = try columns.decode(Double.self)
      value = try columns.decode(Double.self)
      quality = try columns.decodeIfPresent(String.self)
    }
  }
  var series: [Series]
  var columns: [String]
  var rows: [Row]
  var next: String?
}

extension BrokerRun {
  /// The state of one device, or nil while the broker does not know it.
  func state(of device: String) async throws -> DeviceList.Device? {
    try await json(DeviceList.self, "v1/devices").devices.first { $0.device == device }
  }

  /// Waits until a device is in a state.
  @discardableResult
  func wait(
    for device: String, toBe state: String, within limit: Duration = .seconds(30)
  ) async throws -> DeviceList.Device {
    try await waitUntil(
      "\(device) to be \(state)", within: limit, detail: { self.run.transcript }
    ) {
      guard let found = try await self.state(of: device), found.state == state else { return nil }
      return found
    }
  }

  /// All raw readings of one metric of one device: time and value, in the order of time.
  func readings(of metric: String, device: String) async throws -> [(time: Double, value: Double)] {
    var found: [(time: Double, value: Double)] = []
    var query = [
      "device": device, "metric": metric, "from": "-1h", "resolution": "raw",
    ]
    while true {
      let page = try await json(RawHistory.self, "v1/history", query: query)
      guard page.columns == ["series", "time", "value", "quality", "received"] else {
        throw TestFailure("unexpected columns \(page.columns)")
      }
      found += page.rows.map { ($0.time, $0.value) }
      guard let next = page.next else { return found.sorted { $0.time < $1.time } }
      query["cursor"] = next
    }
  }
}
