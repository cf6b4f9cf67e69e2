import DeviceProtocol
package import TelemetryModel

/// The wire forms of `/v1/links`.
package enum LinksJSON {
  /// `ends: [{seenBy, cause, transport?, network?, source?, count}], otherEnds?` as members of an object
  /// that is open; at most `limit` kinds, the others' sum.
  package static func writeEnds(
    _ ends: [(kind: LinkEndCounts.Kind, count: Int)], limit: Int, to json: inout JSONWriter
  ) {
    json.key("ends")
    json.array { json in
      for (kind, count) in ends.prefix(limit) {
        json.element()
        json.object { json in
          json.key("seenBy")
          json.write(kind.seenBy.rawValue)
          json.key("cause")
          json.write(kind.cause)
          member("transport", kind.transport, to: &json)
          write(kind.network, to: &json)
          json.key("count")
          json.write(count)
        }
      }
    }
    let others = ends.dropFirst(limit).reduce(0) { $0 + $1.count }
    guard others > 0 else { return }
    json.key("otherEnds")
    json.write(others)
  }

  /// `{device, state, network?, source?, transport?, path?, ends}`.
  package static func write(
    _ status: DeviceStatus, _ history: DeviceLinkHistory, to json: inout JSONWriter
  ) {
    json.object { json in
      json.key("device")
      json.write(status.device.string)
      json.key("state")
      json.write(status.presence.rawValue)
      member("transport", status.link?.transport.rawValue, to: &json)
      writeMembers(history, to: &json)
    }
  }

  /// `network?, source?, path?, ends` as members of an object that is open.
  static func writeMembers(_ history: DeviceLinkHistory, to json: inout JSONWriter) {
    if let network = history.network { write(network, to: &json) }
    if let path = history.path {
      json.key("path")
      json.object { json in
        member("safe", path.safeSeconds, to: &json)
        member("fail", path.failSeconds, to: &json)
        member("life", path.lifeSeconds, to: &json)
        member("interval", path.intervalSeconds, to: &json)
      }
    }
    json.key("ends")
    json.array { json in
      for end in history.ends {
        json.element()
        write(end, to: &json)
      }
    }
  }

  private static func write(_ end: ObservedLinkEnd, to json: inout JSONWriter) {
    json.object { json in
      json.key("at")
      json.write(end.at)
      json.key("seenBy")
      json.write(end.seenBy.rawValue)
      json.key("cause")
      json.write(end.cause)
      member("transport", end.transport, to: &json)
      member("lived", end.livedSeconds, to: &json)
      member("idle", end.idleSeconds, to: &json)
      if let code = end.closeCode {
        json.key("closeCode")
        json.write(code)
      }
    }
  }

  private static func write(_ network: NetworkKey, to json: inout JSONWriter) {
    member("network", network.name, to: &json)
    member("source", network.source, to: &json)
  }

  private static func member(_ key: StaticString, _ value: String?, to json: inout JSONWriter) {
    guard let value else { return }
    json.key(key)
    json.write(value)
  }

  private static func member(_ key: StaticString, _ seconds: Double?, to json: inout JSONWriter) {
    guard let seconds else { return }
    json.key(key)
    json.write(seconds)
  }
}
