import BrokerCore
import DeviceProtocol
import TelemetryModel
import Testing

@Suite("Rollouts")
struct RolloutTests {
  private let start = CommandLifeTests.start

  private func at(_ seconds: Double) -> Timestamp { start + .fromSeconds(seconds) }

  private func devices(_ count: Int) throws -> [DeviceID] {
    try (0..<count).map { try DeviceID("d\($0)") }
  }

  private func plan(_ more: JSONValue = [:], ttl: Double = 600) throws -> RolloutPlan {
    var order: JSONValue = ["to": ["labels": ["site": "lab"]], "name": "noop"]
    if case .object(var object) = order {
      for member in more.object?.members ?? [] { object[member.key] = member.value }
      order = .object(object)
    }
    return RolloutPlan(
      try RolloutWish(json: order), id: "r", actor: "ann", created: start,
      expires: start + .fromSeconds(ttl))
  }

  private func rollout(_ plan: RolloutPlan, _ devices: [DeviceID]) -> Rollout {
    Rollout(plan, parts: devices.map { ($0, .waiting) })
  }

  @Test("So many at a time, and one more for each that ends")
  func concurrency() throws {
    let devices = try devices(5)
    var rollout = rollout(try plan(["concurrency": 2]), devices)
    #expect(rollout.next(now: at(0)) { _ in true }.devices == Array(devices[0..<2]))
    #expect(rollout.next(now: at(1)) { _ in true }.devices.isEmpty)
    rollout.ended(devices[1], .succeeded)
    #expect(rollout.next(now: at(2)) { _ in true }.devices == [devices[2]])
  }

  @Test("Absent devices do not hold up the others, and get it when they are back")
  func absent() throws {
    let devices = try devices(4)
    var rollout = rollout(try plan(["concurrency": 2]), devices)
    let first = rollout.next(now: at(0)) { $0 != devices[0] }
    #expect(first.devices == [devices[1], devices[2]])
    // One of them goes away in the midst of it: its place is free.
    #expect(
      rollout.next(now: at(1)) { $0 == devices[1] || $0 == devices[3] }.devices == [devices[3]])
    for device in devices[1...3] { rollout.ended(device, .succeeded) }
    #expect(rollout.next(now: at(2)) { $0 != devices[0] }.devices.isEmpty)
    #expect(rollout.next(now: at(3)) { _ in true }.devices == [devices[0]])
    rollout.ended(devices[0], .succeeded)
    let last = rollout.next(now: at(4)) { _ in true }
    #expect(last.changes.map(\.word) == ["finished"])
    #expect(rollout.isOver)
  }

  @Test("A wave ends before the next begins, with the pause between them")
  func waves() throws {
    let devices = try devices(6)
    var rollout = rollout(try plan(["concurrency": 10, "wave": 2, "pause": 30]), devices)
    #expect(rollout.next(now: at(0)) { _ in true }.devices.count == 2)
    rollout.ended(devices[0], .succeeded)
    #expect(rollout.next(now: at(1)) { _ in true }.devices.isEmpty)
    rollout.ended(devices[1], .succeeded)
    #expect(rollout.next(now: at(2)) { _ in true }.devices.isEmpty)
    #expect(rollout.deadline == at(32))
    #expect(rollout.next(now: at(31.9)) { _ in true }.devices.isEmpty)
    #expect(rollout.next(now: at(32)) { _ in true }.devices == Array(devices[2...3]))
  }

  @Test("It stops where too many fail, and goes on when somebody resumes it")
  func stopping() throws {
    let devices = try devices(40)
    var rollout = rollout(try plan(["concurrency": 10, "maxFailureRate": 0.25]), devices)
    for device in rollout.next(now: at(0), isPresent: { _ in true }).devices.prefix(2) {
      rollout.ended(device, .failed)
    }
    // Two of a sample of ten at least.
    #expect(rollout.next(now: at(1)) { _ in true }.devices.count == 2)
    rollout.ended(devices[2], .unknown)
    let stopped = rollout.next(now: at(2)) { _ in true }
    #expect(stopped.devices.isEmpty)
    #expect(stopped.changes.map(\.word) == ["stopped"])
    #expect(rollout.next(now: at(3)) { _ in true }.devices.isEmpty)
    #expect(rollout.resume(by: "ann").map(\.word) == ["running"])
    #expect(rollout.next(now: at(4)) { _ in true }.devices.count == 1)
    #expect(rollout.pause(by: "ann").map(\.word) == ["paused"])
    #expect(rollout.next(now: at(5)) { _ in true }.devices.isEmpty)
  }

  @Test("When its time is over those that never came are expired, and it is finished")
  func expiry() throws {
    let devices = try devices(3)
    var rollout = rollout(try plan(ttl: 60), devices)
    #expect(rollout.next(now: at(0)) { $0 == devices[0] }.devices == [devices[0]])
    let over = rollout.next(now: at(60)) { _ in true }
    #expect(over.devices.isEmpty)
    #expect(over.changes == [.part(devices[1], .expired), .part(devices[2], .expired)])
    rollout.ended(devices[0], .succeeded)
    #expect(rollout.next(now: at(61)) { _ in true }.changes.map(\.word) == ["finished"])
  }

  @Test("Cancelled, the rest is skipped; what is under way is still waited for")
  func cancelling() throws {
    let devices = try devices(3)
    var rollout = rollout(try plan(["concurrency": 1]), devices)
    _ = rollout.next(now: at(0)) { _ in true }
    #expect(rollout.cancel(by: "ann").count == 3)
    #expect(rollout.next(now: at(1)) { _ in true }.devices.isEmpty)
    #expect(!rollout.isOver)
    rollout.ended(devices[0], .cancelled)
    #expect(rollout.isOver)
  }

  @Test("After a restart it goes on where it was")
  func restart() throws {
    let devices = try devices(4)
    let plan = try plan(["concurrency": 2])
    var rollout = Rollout(
      plan,
      parts: [
        (devices[0], .ordered(command: "c0")), (devices[1], .ordered(command: "c1")),
        (devices[2], .waiting), (devices[3], .rejected("no")),
      ], outcome: { $0 == "c0" ? .succeeded : nil })
    #expect(rollout.next(now: at(0)) { _ in true }.devices == [devices[2]])
    rollout.ended(devices[1], .succeeded)
    rollout.ended(devices[2], .expired)
    #expect(rollout.next(now: at(1)) { _ in true }.changes.map(\.word) == ["finished"])
  }

  @Test(
    "A wrong order is refused by field",
    arguments: [
      ([:], "to"), (["to": [:]], "to"), (["to": ["labels": ["site": 1]]], "to.labels.site"),
      (["to": ["tags": [:]]], "to.tags"), (["to": ["devices": [1]]], "to.devices"),
      (["to": ["devices": ["*"]], "concurrency": 0], "concurrency"),
      (["to": ["devices": ["*"]], "wave": 1.5], "wave"),
      (["to": ["devices": ["*"]], "pause": -1], "pause"),
      (["to": ["devices": ["*"]], "maxFailureRate": 2], "maxFailureRate"),
      (["to": ["devices": ["*"]], "speed": 2], "speed"),
    ] as [(JSONValue, String)])
  func wrong(more: JSONValue, field: String) {
    var order = more.object ?? JSONObject()
    order["name"] = "noop"
    #expect { try RolloutWish(json: .object(order)) } throws: {
      ($0 as? CommandRefusal)?.field == field
    }
  }
}

extension Rollout.Change {
  fileprivate var word: String {
    switch self {
    case .state(let status): status.state.rawValue
    case .part(_, let part): part.word
    }
  }
}
