import DeviceProtocol
package import TelemetryModel

/// The wire form of a device, the same in REST and on the live link.
package enum DeviceJSON {
  /// `{device, state, since, cause?, labels, operatorLabels?, duplicate?, forgotten?, agent, link,
  /// quality?}`; `quality` is what is known of its path and the last ends of its links.
  package static func write(
    _ status: DeviceStatus, _ history: DeviceLinkHistory? = nil, to json: inout JSONWriter
  ) {
    json.object { writeMembers(status, history, to: &$0) }
  }

  /// The same as members of an object that is open.
  static func writeMembers(
    _ status: DeviceStatus, _ history: DeviceLinkHistory?, to json: inout JSONWriter
  ) {
    writePresence(status, to: &json)
    json.key("labels")
    SeriesJSON.write(labels: status.labels, to: &json)
    if !status.operatorLabels.isEmpty {
      json.key("operatorLabels")
      SeriesJSON.write(labels: status.operatorLabels, to: &json)
    }
    if let duplicate = status.duplicate {
      json.key("duplicate")
      write(duplicate, to: &json)
    }
    if status.isForgotten {
      json.key("forgotten")
      json.write(true)
    }
    json.key("agent")
    if let agent = status.agent {
      json.object { json in
        json.key("name")
        json.write(agent.name)
        json.key("version")
        json.write(agent.version)
      }
    } else {
      json.writeNull()
    }
    json.key("link")
    if let link = status.link {
      json.object { json in
        json.key("transport")
        json.write(link.transport.rawValue)
        if let address = link.remoteAddress {
          json.key("remoteAddress")
          json.write(address)
        }
        json.key("since")
        json.write(link.since)
      }
    } else {
      json.writeNull()
    }
    if let history {
      json.key("quality")
      json.object { LinksJSON.writeMembers(history, to: &$0) }
    }
  }

  /// `{since, last, times, addresses}`.
  private static func write(_ duplicate: DuplicateReport, to json: inout JSONWriter) {
    json.object { json in
      json.key("since")
      json.write(duplicate.since)
      json.key("last")
      json.write(duplicate.last)
      json.key("times")
      json.write(duplicate.times)
      json.key("addresses")
      json.array { json in
        for address in duplicate.addresses {
          json.element()
          if let address { json.write(address) } else { json.writeNull() }
        }
      }
    }
  }

  /// `device, state, since, cause?` as members of an object that is open.
  static func writePresence(_ status: DeviceStatus, to json: inout JSONWriter) {
    json.key("device")
    json.write(status.device.string)
    json.key("state")
    json.write(status.presence.rawValue)
    json.key("since")
    json.write(status.since)
    if let cause = status.cause {
      json.key("cause")
      json.write(cause.rawValue)
    }
  }
}

/// The wire forms of series, rows and gaps, the same in REST and on the live link.
package enum SeriesJSON {
  /// `{series, device, metric, unit, kind, labels}`.
  package static func write(
    _ series: Series, labels: [String: String], to json: inout JSONWriter
  ) {
    json.object { json in
      json.key("series")
      json.write(series.id.number)
      json.key("device")
      json.write(series.device.string)
      json.key("metric")
      json.write(series.metric.string)
      json.key("unit")
      if let unit = series.unit { json.write(unit) } else { json.writeNull() }
      json.key("kind")
      json.write(series.kind.rawValue)
      json.key("labels")
      write(labels: labels, to: &json)
    }
  }

  /// `{series, metric, unit, group:{label:value}}`, null for a label that its devices do not carry.
  package static func write(_ group: SeriesGroup, to json: inout JSONWriter) {
    json.object { json in
      json.key("series")
      json.write(group.id.number)
      json.key("metric")
      json.write(group.metric.string)
      json.key("unit")
      if let unit = group.unit { json.write(unit) } else { json.writeNull() }
      json.key("group")
      json.object { json in
        for label in group.labels {
          json.key(label.name)
          if let value = label.value { json.write(value) } else { json.writeNull() }
        }
      }
    }
  }

  /// What one of a row's columns says: null where a function has no value, a string for text, and
  /// `{"vd": base64url}` for data, as SenML calls it.
  @inline(__always)
  package static func write(
    _ value: Double?, _ text: TextSample.Value?, to json: inout JSONWriter
  ) {
    if let value { json.write(value) } else { write(text, to: &json) }
  }

  @inline(never)
  private static func write(_ text: TextSample.Value?, to json: inout JSONWriter) {
    switch text {
    case .string(let text): json.write(text)
    case .data(let data):
      json.object { json in
        var text: [UInt8] = []
        Base64URL.encode(data, &text)
        json.key("vd")
        json.write(String(decoding: text, as: UTF8.self))
      }
    case nil: json.writeNull()
    }
  }

  /// `[series, time, value…]`, values as ``write(_:_:to:)`` has them.
  package static func write(_ row: HistoryRow, to json: inout JSONWriter) {
    json.array { json in
      json.element()
      json.write(row.series.number)
      json.element()
      json.write(row.time)
      for value in row.values {
        json.element()
        write(value, row.text, to: &json)
      }
    }
  }

  /// `{device, epoch, from, to, reason, reported}`; from and to are packs' numbers.
  package static func write(_ gap: StoredGap, to json: inout JSONWriter) {
    json.object { json in
      json.key("device")
      json.write(gap.device.string)
      json.key("epoch")
      json.write(gap.epoch)
      json.key("from")
      json.write(gap.range.from)
      json.key("to")
      json.write(gap.range.to)
      json.key("reason")
      json.write(gap.reason)
      json.key("reported")
      json.write(gap.reported)
    }
  }

  static func write(labels: [String: String], to json: inout JSONWriter) {
    json.object { json in
      for (key, value) in labels.sorted(by: { $0.key < $1.key }) {
        json.key(key)
        json.write(value)
      }
    }
  }
}
