import BrokerCore
import Hummingbird

/// Every route of the REST side, in one router.
struct BrokerRoutes {
  let parts: BrokerParts
  let loopbackOnly: Bool
  /// How long the store keeps what.
  let limits: StoreLimits

  /// Origins whose pages may use the broker beside its own.
  let allowedOrigins: Set<String>

  func responder() -> some HTTPResponder<BrokerRequestContext> {
    let router = Router(context: BrokerRequestContext.self, options: .autoGenerateHeadEndpoints)
    let check = HostCheck(loopbackOnly: loopbackOnly, allowedOrigins: allowedOrigins)
    let tags = EntityTags()
    router.add(middleware: CompressionMiddleware())
    router.add(middleware: CrossOriginMiddleware(check: check))
    router.add(middleware: ProblemMiddleware())
    router.add(middleware: HostCheckMiddleware(check: check))
    OperationsRoutes(
      state: parts.state, metrics: parts.metrics, registry: parts.prometheus
    ).add(to: router)
    DeviceRoutes(registry: parts.registry, pipeline: parts.pipeline, tags: tags).add(to: router)
    SeriesRoutes(catalog: parts.catalog, registry: parts.registry, tags: tags).add(to: router)
    HistoryRoutes(
      store: parts.store, catalog: parts.catalog, registry: parts.registry, now: parts.now,
      kept: { [limits] in limits[$0] }
    ).add(to: router)
    CommandRoutes(desk: parts.commands, registry: parts.registry).add(to: router)
    RolloutRoutes(desk: parts.commands).add(to: router)
    AuditRoutes(desk: parts.commands, now: parts.now).add(to: router)
    LinkRoutes(
      registry: parts.registry, statistics: parts.links.statistics, steady: parts.links.steady
    ).add(to: router)
    DeviceSessionRoutes(
      links: parts.links, sessions: HTTPDeviceSessions(), loops: parts.loops,
      maxSessions: parts.maxConnections
    ).add(to: router)
    EventRoutes(links: parts.links, loops: parts.loops).add(to: router)
    UpgradeRoutes().add(to: router)
    DescriptionRoutes().add(to: router)
    DashboardRoutes().add(to: router)
    return MethodCheck(
      inner: router.buildResponder(), table: MethodTable(router),
      crossOrigin: CrossOriginMiddleware(check: check))
  }
}
