import BrokerCore
import BrokerServer
import Metrics
import Testing

@Suite("Prometheus text")
struct PrometheusRegistryTests {
  @Test("Counters, gauges and summaries are rendered with their labels")
  func rendering() {
    let registry = PrometheusRegistry(texts: ["online": "Who is there."])
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
        # HELP online Who is there.
        # TYPE online gauge
        online 5
        # TYPE packs_total counter
        packs_total 3

        """)
  }

  @Test("Every metric of the broker says what it is")
  func texts() {
    let registry = PrometheusRegistry(texts: MetricTexts.all)
    BrokerMetrics(factory: registry).set(BrokerState())
    let lines = registry.render().split(separator: "\n")
    func names(_ kind: String) -> Set<Substring> {
      Set(lines.filter { $0.hasPrefix("# \(kind) ") }.map { $0.split(separator: " ")[2] })
    }
    #expect(!names("TYPE").isEmpty)
    #expect(names("HELP") == names("TYPE"))
    #expect(MetricTexts.all.count == names("HELP").count)
  }
}
