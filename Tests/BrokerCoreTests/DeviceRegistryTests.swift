import BrokerCore
import DeviceProtocol
import Synchronization
import TelemetryModel
import Testing

@Suite("Device registry")
struct DeviceRegistryTests {
  private final class Link: DeviceLinkHandle {
    let wasReplaced = Mutex(false)

    func replacedByNewerLink() {
      wasReplaced.withLock { $0 = true }
    }

    let wasRevoked = Mutex(false)

    func revoked() {
      wasRevoked.withLock { $0 = true }
    }

    func goodbye(_ bye: Bye) {}
  }

  private let now = Timestamp(seconds: 1_800_000_000)

  private func attach(
    _ registry: DeviceRegistry, _ device: DeviceID, _ link: Link
  ) -> DeviceRegistry.Attachment {
    registry.attach(
      device: device,
      hello: Hello(agent: Software(name: "a", version: "1"), boot: "b", epoch: "e"), link: link,
      summary: LinkSummary(transport: "ws", remoteAddress: nil, since: now), now: now)
  }

  @Test("A newer link wins at once, and the older one can change nothing any more")
  func fencing() throws {
    let device = try DeviceID("pi-7")
    let registry = DeviceRegistry()
    let old = Link()
    let first = attach(registry, device, old)
    let second = attach(registry, device, Link())
    #expect(second.generation > first.generation)
    #expect(second.replaced === old)
    #expect(
      registry.detach(device: device, generation: first.generation, cause: "dropped", now: now)
        == nil)
    #expect(registry[device]?.presence == .online)
    #expect(
      registry.detach(device: device, generation: second.generation, cause: "dropped", now: now)?
        .cause == "dropped")
    #expect(registry[device]?.presence == .offline)
    #expect(
      registry.detach(device: device, generation: second.generation, cause: "again", now: now)
        == nil)
  }

  @Test("What the store remembers is there, offline, since it was last heard of")
  func remembered() throws {
    let device = try DeviceID("pi-7")
    let registry = DeviceRegistry([
      StoredDevice(id: device, labels: ["site": "lab"], agent: nil, lastSeen: now)
    ])
    #expect(registry[device]?.presence == .offline)
    #expect(registry[device]?.since == now)
    #expect(registry.labels(of: device) == ["site": "lab"])
    #expect(registry.isKnown("pi-7"))
    #expect(!registry.isKnown("pi-8"))
  }

  @Test("Operators' labels stand over the device's own, and outlive its next hello")
  func operatorLabels() throws {
    let device = try DeviceID("pi-7")
    let registry = DeviceRegistry([
      StoredDevice(
        id: device, labels: ["site": "lab", "floor": "2"], agent: nil, lastSeen: now,
        operatorLabels: ["site": "roof"])
    ])
    #expect(registry.labels(of: device) == ["site": "roof", "floor": "2"])
    let version = registry.version
    #expect(registry.changeOperatorLabels(of: device) { $0["room"] = "7" } != nil)
    #expect(registry.version > version)
    _ = attach(registry, device, Link())
    #expect(registry.labels(of: device) == ["site": "roof", "room": "7"])
    #expect(registry.changeOperatorLabels(of: device) { $0["site"] = nil } != nil)
    #expect(registry.labels(of: device) == ["room": "7"])
    #expect(registry.changeOperatorLabels(of: try DeviceID("pi-8")) { $0["a"] = "b" } == nil)
  }

  @Test("A forgotten device is gone, its link is revoked, and watchers are told last")
  func forgotten() throws {
    let device = try DeviceID("pi-7")
    let seen = Mutex<[DeviceStatus]>([])
    let registry = DeviceRegistry { status in seen.withLock { $0.append(status) } }
    let link = Link()
    let attachment = attach(registry, device, link)
    #expect(registry.forget(device))
    #expect(link.wasRevoked.withLock { $0 })
    #expect(registry[device] == nil)
    #expect(!registry.forget(device))
    #expect(
      registry.detach(
        device: device, generation: attachment.generation, cause: "revoked", now: now) == nil)
    #expect(seen.withLock { $0.last?.isForgotten } == true)
  }

  @Test("Changes are told in order")
  func changes() throws {
    let device = try DeviceID("pi-7")
    let seen = Mutex<[DeviceStatus.Presence]>([])
    let registry = DeviceRegistry { status in seen.withLock { $0.append(status.presence) } }
    let link = attach(registry, device, Link())
    registry.detach(device: device, generation: link.generation, cause: "dropped", now: now)
    #expect(seen.withLock { $0 } == [.online, .offline])
  }
}
