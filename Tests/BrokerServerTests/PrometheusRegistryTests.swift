import BrokerServer
import Metrics
import Testing

@Suite("Prometheus text")
struct PrometheusRegistryTests {
  @Test("Counters, gauges and summaries are rendered with their labels")
  func rendering() {
    let registry = PrometheusRegistry()
    Counter(label: "packs_total", factory: registry).increment(by: 3)
    Counter(label: "ends_total", dimensions: [("cause", "a\"b\\")], factory: registry).increment()
    Gauge(label: "online", factory: registry).record(2)
    Gauge(label: "online", factory: registry).record(5)
    let timer = Timer(label: "commit_seconds", factory: registry)
    timer.recordMilliseconds(250)
    timer.recordMilliseconds(500)
    #expect(
      registry.render() == """
        # TYPE commit_seconds summary
        commit_seconds_sum 0.75
        commit_seconds_count 2
        # TYPE ends_total counter
        ends_total{cause="a\\"b\\\\"} 1
        # TYPE online gauge
        online 5
        # TYPE packs_total counter
        packs_total 3

        """)
  }
}
