/// Messages as a device sends them: a SenML pack of 216 bytes, whose values wander.
struct Telemetry {
  private var state: UInt64
  private var temperature = 48_000
  private var load = 420
  private var memory = 412_345_678
  private var time = 1_790_000_000_000

  init(seed: UInt64 = 1) {
    state = seed
  }

  static let messageBytes = 216

  mutating func next() -> [UInt8] {
    time += 10_000 + random(20)
    temperature = min(80_000, max(30_000, temperature + random(400) - 200))
    load = min(4_000, max(10, load + random(60) - 30))
    memory += (random(400) - 200) * 4_096
    let usage = Measures.text(Double(random(1_000)) / 1_000, digits: 3)
    var text = #"[{"bn":"pi-lab-07/","bt":\#(Measures.text(Double(time) / 1_000, digits: 3)),"#
    text +=
      #""n":"cpu.temperature","u":"Cel","v":\#(Measures.text(Double(temperature) / 1_000, digits: 1))},"#
    text += #"{"n":"cpu.utilization","u":"/","v":\#(usage)},"#
    text += #"{"n":"memory.used","u":"B","v":\#(memory)},"#
    text += #"{"n":"load.1m","v":\#(Measures.text(Double(load) / 1_000))}"#
    // Blanks between records make up what shorter numbers leave.
    let missing = Self.messageBytes - 1 - text.utf8.count
    return Array((text + String(repeating: " ", count: max(0, missing)) + "]").utf8)
  }

  private mutating func random(_ bound: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(state >> 33) % bound
  }
}
