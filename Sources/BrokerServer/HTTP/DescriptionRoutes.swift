import Hummingbird
import NIOCore

/// `/openapi.json` and `/asyncapi.json`: what is served here, for programs that make clients and tests.
struct DescriptionRoutes {
  private static let all = [
    DashboardAsset("openapi.json", "application/json", PackageResources.openapi_json),
    DashboardAsset("asyncapi.json", "application/json", PackageResources.asyncapi_json),
  ]

  func add(to router: Router<BrokerRequestContext>) {
    for document in DescriptionRoutes.all {
      router.get(RouterPath(document.name)) { request, _ in
        _ = try QueryParameters(request)
        if let unchanged = EntityTags.unchanged(request, document.tag) { return unchanged }
        return Response(
          status: .ok,
          headers: [
            .contentType: document.type, .cacheControl: "no-cache", .eTag: document.tag,
            .contentLength: "\(document.bytes.readableBytes)",
          ], body: ResponseBody(byteBuffer: document.bytes))
      }
    }
  }
}
