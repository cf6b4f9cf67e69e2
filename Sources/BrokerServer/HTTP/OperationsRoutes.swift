import BrokerCore
import Hummingbird
import TelemetryModel

/// `/healthz`, `/readyz`, `/metrics`: what operators' machines ask.
struct OperationsRoutes {
  let state: @Sendable () async -> BrokerState
  let health: StoreHealth
  let metrics: BrokerMetrics
  let registry: PrometheusRegistry

  func add(to router: Router<BrokerRequestContext>) {
    router.get("healthz") { _, _ in
      Response.json { json in
        json.object {
          $0.key("status")
          $0.write("ok")
        }
      }
    }
    router.get("readyz") { _, _ in readiness() }
    router.get("metrics") { _, _ in
      metrics.set(await state())
      return Response.text(registry.render(), type: "text/plain; version=0.0.4; charset=utf-8")
    }
  }

  private func readiness() -> Response {
    guard let problem = health.problem else {
      return Response.json { json in
        json.object {
          $0.key("status")
          $0.write("ok")
        }
      }
    }
    return Response.json(status: .serviceUnavailable) { json in
      json.object { json in
        json.key("status")
        json.write("unavailable")
        json.key("conditions")
        json.array { json in
          json.element()
          json.object {
            $0.key("code")
            $0.write("storeUnavailable")
            $0.key("text")
            $0.write(problem)
          }
        }
      }
    }
  }
}
