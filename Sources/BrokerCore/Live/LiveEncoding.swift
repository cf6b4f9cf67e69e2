import DeviceProtocol
import TelemetryModel

/// The hub's messages as bytes (hawser.live.v1).
enum LiveEncoding {
  /// The result of `subscribe`.
  static func subscribed(
    _ request: String, feed: FeedID, cursor: Cursor, series: [Series],
    labels: (DeviceID) -> [String: String]
  ) -> [UInt8] {
    var json = JSONWriter()
    json.result(id: request) { json in
      json.object { json in
        head(feed, cursor, to: &json)
        write(series, labels: labels, to: &json)
      }
    }
    return json.bytes
  }

  /// `series`: new ones that a subscription takes in.
  static func series(
    feed: FeedID, _ series: [Series], labels: (DeviceID) -> [String: String]
  ) -> [UInt8] {
    notification("series") { json in
      json.key("subscription")
      json.write(feed.description)
      write(series, labels: labels, to: &json)
    }
  }

  /// `update`: rows.
  static func update(
    feed: FeedID, cursor: Cursor, rows: some Sequence<HistoryRow>, amends: Bool
  ) -> [UInt8] {
    notification("update") { json in
      head(feed, cursor, to: &json)
      json.key("rows")
      json.array { json in
        for row in rows {
          json.element()
          SeriesJSON.write(row, to: &json)
        }
      }
      if amends {
        json.key("amends")
        json.write(true)
      }
    }
  }

  /// `gap`: a span of time that history should have covered.
  static func gap(feed: FeedID, _ lost: LiveHistory.Lost) -> [UInt8] {
    LiveAnswer.gap(
      subscription: feed.description, from: lost.from, to: lost.to, reason: lost.reason)
  }

  /// `gap`: packs that a device gave up; the broker knows their numbers, and when it was told.
  static func deviceGap(feed: FeedID, _ gap: StoredGap) -> [UInt8] {
    notification("gap") { json in
      json.key("subscription")
      json.write(feed.description)
      json.key("device")
      json.write(gap.device.string)
      json.key("packs")
      SeriesJSON.write(gap, to: &json)
      json.key("from")
      json.write(gap.reported)
      json.key("to")
      json.write(gap.reported)
      json.key("reason")
      json.write(gap.reason)
    }
  }

  /// The result of `watchDevices`.
  static func devices(_ request: String, _ devices: [DeviceStatus]) -> [UInt8] {
    var json = JSONWriter()
    json.result(id: request) { json in
      json.object { json in
        json.key("devices")
        json.array { json in
          for status in devices {
            json.element()
            DeviceJSON.write(status, to: &json)
          }
        }
      }
    }
    return json.bytes
  }

  /// `presence`: a device has come, gone or changed.
  static func presence(_ status: DeviceStatus) -> [UInt8] {
    var json = JSONWriter()
    json.notification("presence") { DeviceJSON.write(status, to: &$0) }
    return json.bytes
  }

  private static func notification(
    _ method: String, _ members: (inout JSONWriter) -> Void
  ) -> [UInt8] {
    var json = JSONWriter()
    json.notification(method) { $0.object(members) }
    return json.bytes
  }

  private static func head(_ feed: FeedID, _ cursor: Cursor, to json: inout JSONWriter) {
    json.key("subscription")
    json.write(feed.description)
    json.key("cursor")
    json.write(cursor.description)
  }

  private static func write(
    _ series: [Series], labels: (DeviceID) -> [String: String], to json: inout JSONWriter
  ) {
    json.key("series")
    json.array { json in
      for series in series {
        json.element()
        SeriesJSON.write(series, labels: labels(series.device), to: &json)
      }
    }
  }
}
