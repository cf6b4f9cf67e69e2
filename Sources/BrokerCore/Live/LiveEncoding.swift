import DeviceProtocol
import TelemetryModel

/// The hub's messages (hawser.live.v1).
enum LiveEncoding {
  /// About the most bytes of series that one message has; more come in further messages.
  private static let seriesBytes = 64 << 10

  /// The first of some series, as many as one message has.
  static func part(_ series: ArraySlice<SeriesDescription>) -> ArraySlice<SeriesDescription> {
    var bytes = 0
    let end = series.firstIndex { one in
      bytes += one.bytes
      return bytes > seriesBytes
    }
    return series[..<max(min(series.startIndex + 1, series.endIndex), end ?? series.endIndex)]
  }

  /// The result of `subscribe`.
  static func subscribed(
    _ request: String, feed: Feed, cursor: Cursor, series: ArraySlice<SeriesDescription>
  ) -> LiveMessage {
    LiveMessage(.result(request: request, event: "subscribed"), cursor: cursor) { json in
      head(feed.id, cursor, to: &json)
      json.key("resolution")
      json.write(feed.subscription.resolution.rawValue)
      let columns =
        feed.subscription.resolution == .raw
        ? ["series", "time", "value"]
        : ["series", "windowStart"] + feed.subscription.functions.map(\.rawValue)
      json.key("columns")
      json.array { json in
        for column in columns {
          json.element()
          json.write(column)
        }
      }
      write(series, to: &json)
    }
  }

  /// `series`: what rows may be about from now on; a number told before may have another meaning now.
  static func series(_ feed: FeedID, _ series: ArraySlice<SeriesDescription>) -> LiveMessage {
    LiveMessage(.notification("series")) { json in
      json.key("subscription")
      json.write(feed.description)
      write(series, to: &json)
    }
  }

  /// `update`: rows, in messages of at most `perMessage`, or of fewer where they are longer than numbers:
  /// `size` is how much they are in rows of numbers. A reader that has read all of them is at
  /// `after`; one that stops in between is where the cursors say, if `isOrdered` (by time and then by
  /// series), and otherwise where it was `before`.
  static func updates(
    _ feed: FeedID, rows: [HistoryRow], size: Int? = nil, perMessage: Int, length: Duration,
    before: Cursor, after: Cursor, amends: Bool, isOrdered: Bool = true
  ) -> [LiveMessage] {
    var messages: [LiveMessage] = []
    var rest = rows[...]
    let areLong = size.map { $0 > rows.count } ?? false
    while !rest.isEmpty {
      let part = rest.prefix(cut(rest, perMessage, areLong: areLong))
      rest = rest.dropFirst(part.count)
      var cursor = after
      if let next = rest.first {
        cursor = before
        if isOrdered {
          cursor.frontier = next.time
          cursor.place = next.series
        }
      }
      messages.append(update(feed, part, cursor: cursor, length: length, amends: amends))
    }
    return messages
  }

  /// `update` without rows: how far readers are.
  static func place(_ feed: FeedID, _ cursor: Cursor) -> LiveMessage {
    update(feed, [], cursor: cursor, length: .zero, amends: false)
  }

  /// How many rows the next message has: never ends between rows that a cursor cannot tell apart.
  private static func cut(_ rows: ArraySlice<HistoryRow>, _ limit: Int, areLong: Bool) -> Int {
    var end = rows.startIndex + min(limit, rows.count)
    if areLong {
      var size = 0
      let place = rows.firstIndex { row in
        size += row.size
        return size > limit
      }
      end = max(rows.startIndex + 1, place ?? rows.endIndex)
    }
    while end < rows.endIndex, rows[end].time == rows[end - 1].time,
      rows[end].series == rows[end - 1].series
    {
      end += 1
    }
    return end - rows.startIndex
  }

  private static func update(
    _ feed: FeedID, _ rows: ArraySlice<HistoryRow>, cursor: Cursor, length: Duration, amends: Bool
  ) -> LiveMessage {
    var span: LiveMessage.Span?
    for row in rows {
      let own = LiveMessage.Span(from: row.time, to: row.time + length)
      span = span?.union(own) ?? own
    }
    return LiveMessage(.notification("update"), cursor: cursor, span: span, amends: amends) {
      json in
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

  /// `gap`: a span of time that was left out.
  static func gap(_ feed: FeedID, _ lost: LiveHistory.Lost) -> LiveMessage {
    gap(feed, LiveMessage.Span(from: lost.from, to: lost.to), reason: lost.reason)
  }

  /// `gap`: packs that a device gave up; the broker knows their numbers, and when it was told.
  static func deviceGap(_ feed: FeedID, _ gap: StoredGap) -> LiveMessage {
    LiveMessage(.notification("gap")) { json in
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

  static func gap(_ feed: FeedID, _ span: LiveMessage.Span, reason: String) -> LiveMessage {
    LiveMessage(.notification("gap")) { json in
      json.key("subscription")
      json.write(feed.description)
      json.key("from")
      json.write(span.from)
      json.key("to")
      json.write(span.to)
      json.key("reason")
      json.write(reason)
    }
  }

  private static func head(_ feed: FeedID, _ cursor: Cursor, to json: inout JSONWriter) {
    json.key("subscription")
    json.write(feed.description)
    json.key("cursor")
    json.write(cursor.description)
  }

  private static func write(_ series: ArraySlice<SeriesDescription>, to json: inout JSONWriter) {
    json.key("series")
    json.array { json in
      for series in series {
        json.element()
        series.write(to: &json)
      }
    }
  }
}

/// What a row's number stands for: a series of one device, or a group of them.
enum SeriesDescription {
  case series(Series, labels: [String: String])
  case group(SeriesGroup)

  /// About how long it is as JSON.
  var bytes: Int {
    switch self {
    case .series(let series, let labels):
      labels.reduce(80 + series.device.string.utf8.count + series.metric.string.utf8.count) {
        $0 + $1.key.utf8.count + $1.value.utf8.count + 6
      }
    case .group(let group):
      group.labels.reduce(80 + group.metric.string.utf8.count) {
        $0 + $1.name.utf8.count + ($1.value?.utf8.count ?? 4) + 6
      }
    }
  }

  func write(to json: inout JSONWriter) {
    switch self {
    case .series(let series, let labels): SeriesJSON.write(series, labels: labels, to: &json)
    case .group(let group): SeriesJSON.write(group, to: &json)
    }
  }
}
