import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1

/// The built-in dashboard: `/` and `/assets/…`, from bytes that are part of the program.
struct DashboardRoutes {
  /// Only this origin's files, connections to this origin only, nothing inline, framed nowhere.
  private static let policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    + "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

  func add(to router: Router<BrokerRequestContext>) {
    router.get("/") { request, _ in respond(DashboardAssets.index, to: request) }
    for asset in DashboardAssets.all {
      router.get(RouterPath("assets/\(asset.name)")) { request, _ in respond(asset, to: request) }
    }
  }

  private func respond(_ asset: DashboardAsset, to request: Request) -> Response {
    var headers: HTTPFields = [
      .contentType: asset.type, .cacheControl: "no-cache", .eTag: asset.tag,
      .contentSecurityPolicy: DashboardRoutes.policy, .xContentTypeOptions: "nosniff",
    ]
    if EntityTags.isKnown(to: request, asset.tag) {
      return Response(status: .notModified, headers: headers)
    }
    headers[.contentLength] = "\(asset.bytes.readableBytes)"
    return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: asset.bytes))
  }
}

/// One file of the dashboard.
struct DashboardAsset: Sendable {
  var name: String
  var type: String
  var bytes: ByteBuffer
  var tag: String

  init(_ name: String, _ type: String, _ bytes: [UInt8]) {
    self.name = name
    self.type = type
    self.bytes = ByteBuffer(bytes: bytes)
    // FNV-1a: tells versions apart, guards nothing.
    let hash = bytes.reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
      ($0 ^ UInt64($1)) &* 0x100_0000_01b3
    }
    tag = "\"\(String(hash, radix: 36))\""
  }
}
