import BrokerCore
import Hummingbird
import TelemetryModel

/// `/healthz`, `/readyz`, `/metrics`: what operators' machines ask.
struct OperationsRoutes {
  let state: @Sendable () async -> BrokerState
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
    router.get("readyz") { _, _ in readiness(await state()) }
    router.get("metrics") { _, _ in
      metrics.set(await state())
      return Response.text(registry.render(), type: "text/plain; version=0.0.4; charset=utf-8")
    }
  }

  /// 503 where the store takes no data; 200 and `degraded` where it does, but cannot be kept in order.
  private func readiness(_ state: BrokerState) -> Response {
    var conditions: [(code: String, text: String)] = []
    if let problem = state.storeProblem { conditions.append(("storeUnavailable", problem)) }
    if let problem = state.store.problem { conditions.append(("storeNotInOrder", problem)) }
    let isReady = state.storeProblem == nil
    return Response.json(status: isReady ? .ok : .serviceUnavailable) { json in
      json.object { json in
        json.key("status")
        json.write(!isReady ? "unavailable" : conditions.isEmpty ? "ok" : "degraded")
        if !conditions.isEmpty {
          json.key("conditions")
          json.array { json in
            for condition in conditions {
              json.element()
              json.object {
                $0.key("code")
                $0.write(condition.code)
                $0.key("text")
                $0.write(condition.text)
              }
            }
          }
        }
        json.key("store")
        json.object { OperationsRoutes.write(state.store, to: &$0) }
      }
    }
  }

  private static func write(_ usage: StoreUsage, to json: inout JSONWriter) {
    json.key("bytes")
    json.write(usage.bytes)
    json.key("freeBytes")
    json.write(usage.freeBytes)
    if let diskFreeBytes = usage.diskFreeBytes {
      json.key("diskFreeBytes")
      json.write(diskFreeBytes)
    }
    if let maxBytes = usage.maxBytes {
      json.key("maxBytes")
      json.write(maxBytes)
    }
    json.key("unfoldedReadings")
    json.write(Int64(usage.unfoldedReadings))
    json.key("readingsGivenUp")
    json.write(Int64(clamping: usage.readingsGivenUp))
  }
}
