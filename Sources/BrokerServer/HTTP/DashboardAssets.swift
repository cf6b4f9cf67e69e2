import NIOCore

/// The dashboard's files, built into the program (`.embedInCode` in Package.swift).
enum DashboardAssets {
  static let index = DashboardAsset(
    "index.html", "text/html; charset=utf-8", PackageResources.index_html)

  static let all = [
    DashboardAsset("dashboard.css", "text/css; charset=utf-8", PackageResources.dashboard_css),
    DashboardAsset("icon.svg", "image/svg+xml", PackageResources.icon_svg),
    script("chart-card.js", PackageResources.chart_card_js),
    script("chart.js", PackageResources.chart_js),
    script("dashboard.js", PackageResources.dashboard_js),
    script("device-view.js", PackageResources.device_view_js),
    script("dom.js", PackageResources.dom_js),
    script("event-socket.js", PackageResources.event_socket_js),
    script("fleet.js", PackageResources.fleet_js),
    script("format.js", PackageResources.format_js),
    script("live-link.js", PackageResources.live_link_js),
    script("series.js", PackageResources.series_js),
  ]

  private static func script(_ name: String, _ bytes: [UInt8]) -> DashboardAsset {
    DashboardAsset(name, "text/javascript; charset=utf-8", bytes)
  }
}
