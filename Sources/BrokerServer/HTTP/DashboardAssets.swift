import BrokerCore
import NIOCore
import TelemetryModel

/// The dashboard's files, built into the program (`.embedInCode` in Package.swift).
enum DashboardAssets {
  static let index = DashboardAsset(
    "index.html", "text/html; charset=utf-8", PackageResources.index_html)

  static let all = [
    DashboardAsset("dashboard.css", "text/css; charset=utf-8", PackageResources.dashboard_css),
    DashboardAsset("icon.svg", "image/svg+xml", PackageResources.icon_svg),
    script("causes.js", causes),
    script("chart-card.js", PackageResources.chart_card_js),
    script("chart.js", PackageResources.chart_js),
    script("command-list.js", PackageResources.command_list_js),
    script("dashboard.js", PackageResources.dashboard_js),
    script("device-head.js", PackageResources.device_head_js),
    script("device-feed.js", PackageResources.device_feed_js),
    script("device-view.js", PackageResources.device_view_js),
    script("dom.js", PackageResources.dom_js),
    script("event-socket.js", PackageResources.event_socket_js),
    script("fleet.js", PackageResources.fleet_js),
    script("format.js", PackageResources.format_js),
    script("live-link.js", PackageResources.live_link_js),
    script("losses.js", PackageResources.losses_js),
    script("older-texts.js", PackageResources.older_texts_js),
    script("reading-poll.js", PackageResources.reading_poll_js),
    script("presence.js", PackageResources.presence_js),
    script("series.js", PackageResources.series_js),
    script("text-log.js", PackageResources.text_log_js),
  ]

  /// The words for each cause of a link's end, so that there is one table of them.
  private static var causes: [UInt8] {
    var json = JSONWriter()
    json.object { json in
      for cause in LinkEndCause.allCases {
        json.key(cause.rawValue)
        json.write(cause.words)
      }
      for (cause, words) in LinkEndCause.wordsOfAgents.sorted(by: { $0.key < $1.key }) {
        json.key(cause)
        json.write(words)
      }
    }
    return Array("/** Why a device is offline, by the cause's name on the wire. */\n".utf8)
      + Array("export const causeWords = ".utf8) + json.bytes + Array(";\n".utf8)
  }

  private static func script(_ name: String, _ bytes: [UInt8]) -> DashboardAsset {
    DashboardAsset(name, "text/javascript; charset=utf-8", bytes)
  }
}
