import BrokerCore
import DeviceProtocol
import Dispatch
import Synchronization
import TelemetryModel
import Testing

@Suite("Device registry")
struct DeviceRegistryTests {
  final class Link: DeviceLinkHandle {
    let fence = LinkFence()
    var lastHeard: Timestamp { heard.withLock { $0 } }
    let heard = Mutex(Timestamp(seconds: 1_800_000_000))

    func send(_ message: BrokerMessage) {}
    func packsCommitted(_ ranges: SequenceRanges) {}
    func replacedByNewerLink() {}
    func handedOverToNewerLink() {}
    let wasRevoked = Mutex(false)

    func revoked() {
      wasRevoked.withLock { $0 = true }
    }

    func goodbye(_ bye: Bye, _ reason: CloseReason) {}
  }

  private let now = Timestamp(seconds: 1_800_000_000)

  private func attach(
    _ registry: DeviceRegistry, _ device: DeviceID, _ link: Link, session: String = "s",
    boot: String = "b", epoch: String = "e", resume: String? = nil, at time: Timestamp? = nil
  ) -> DeviceRegistry.Attachment {
    let hello = Hello(
      agent: Software(name: "a", version: "1"), boot: boot, epoch: epoch, resume: resume)
    return registry.attach(
      device: device, hello: hello, session: session, link: link,
      summary: LinkSummary(transport: .webSocket, remoteAddress: nil, since: now),
      now: time ?? now)
  }

  @Test("A newer link wins at once, and the older one is fenced and can change nothing any more")
  func fencing() throws {
    let device = try DeviceID("pi-7")
    let registry = DeviceRegistry()
    let old = Link()
    let first = attach(registry, device, old)
    #expect(first.older.isEmpty)
    let second = attach(registry, device, Link())
    #expect(second.generation > first.generation)
    guard case .replaced(let replaced)? = second.older.first else {
      Issue.record("not replaced: \(second.older)")
      return
    }
    #expect(replaced === old)
    #expect(old.fence.isShut)
    #expect(
      registry.detach(device: device, generation: first.generation, cause: .dropped, now: now)
        == nil)
    #expect(registry[device]?.presence == .online)
    #expect(
      registry.detach(device: device, generation: second.generation, cause: .dropped, now: now)?
        .cause == .dropped)
    #expect(registry[device]?.presence == .offline)
    #expect(
      registry.detach(device: device, generation: second.generation, cause: .silent, now: now)
        == nil)
  }

  @Test("A link that names the present session takes it over; the older one is not fenced yet")
  func handover() throws {
    let device = try DeviceID("pi-7")
    let registry = DeviceRegistry()
    let (first, second, third) = (Link(), Link(), Link())
    let old = attach(registry, device, first, session: "s1")
    let new = attach(registry, device, second, session: "s2", resume: "s1", at: now + .seconds(9))
    guard case .handedOver(let handed)? = new.older.first, new.older.count == 1 else {
      Issue.record("not handed over: \(new.older)")
      return
    }
    #expect(handed === first)
    #expect(!first.fence.isShut)
    #expect(new.status.since == now, "the device never went away")
    #expect(registry.link(of: device) === second)
    #expect(registry.link(of: device, carrying: "e") === second)
    #expect(registry.link(of: device, carrying: "other") == nil)
    // The end of the older one changes nothing.
    #expect(
      registry.detach(device: device, generation: old.generation, cause: .dropped, now: now) == nil)
    #expect(registry[device]?.presence == .online)
    // A third one that names a session that is gone replaces.
    let last = attach(registry, device, third, session: "s3", resume: "s1")
    #expect(last.older.count == 1)
    #expect(second.fence.isShut)
  }

  @Test("A link that was handed over is fenced once somebody else comes, or under a new epoch")
  func handoverIsBounded() throws {
    let device = try DeviceID("pi-7")
    let registry = DeviceRegistry()
    let (first, second, third) = (Link(), Link(), Link())
    _ = attach(registry, device, first, session: "s1")
    _ = attach(registry, device, second, session: "s2", resume: "s1")
    let last = attach(registry, device, third, session: "s3", epoch: "f", resume: "s2")
    #expect(last.older.count == 2)
    #expect(first.fence.isShut)
    #expect(second.fence.isShut, "another epoch's packs cannot be acked over this link")
  }

  @Test("Generations go on over restarts, also where the clock was set back or stands still")
  func generations() throws {
    let device = try DeviceID("pi-7")
    let before = attach(DeviceRegistry(), device, Link(), at: now).generation
    let registry = DeviceRegistry([
      StoredDevice(id: device, labels: [:], agent: nil, lastSeen: now)
    ])
    let earlier = now - .seconds(3600)
    let after = attach(registry, device, Link(), at: earlier).generation
    #expect(after > before)
    #expect(attach(registry, device, Link(), at: earlier).generation > after)
    #expect(after < 1 << 53, "JSON numbers are exact up to there")
  }

  @Test("A device has so many spare links, also before it was ever here")
  func spareLinks() throws {
    let device = try DeviceID("pi-7")
    let registry = DeviceRegistry()
    #expect(registry.openSpare(device: device, limit: 1))
    #expect(!registry.isKnown("pi-7"))
    #expect(!registry.openSpare(device: device, limit: 1))
    registry.closeSpare(device: device)
    #expect(registry.openSpare(device: device, limit: 1))
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

  @Test("Since when and why a device is offline is what it was before the broker restarted")
  func departures() throws {
    let (gone, here, quiet) = (try DeviceID("gone"), try DeviceID("here"), try DeviceID("quiet"))
    let registry = DeviceRegistry(
      [
        StoredDevice(
          id: gone, labels: [:], agent: nil, lastSeen: now,
          departure: StoredDevice.Departure(at: now, cause: .dropped)),
        StoredDevice(id: here, labels: [:], agent: nil, lastSeen: now),
        StoredDevice(id: quiet, labels: [:], agent: nil, lastSeen: now + .seconds(90)),
      ], lastReceived: now + .seconds(60))
    #expect(registry[gone]?.since == now)
    #expect(registry[gone]?.cause == .dropped)
    #expect(registry[here]?.since == now + .seconds(60))
    #expect(registry[here]?.cause == .brokerStarted)
    #expect(registry[quiet]?.since == now + .seconds(90))
  }

  @Test("Each cause has words of its own")
  func causes() {
    #expect(Set(LinkEndCause.allCases.map(\.words)).count == LinkEndCause.allCases.count)
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
        device: device, generation: attachment.generation, cause: .revoked, now: now) == nil)
    #expect(seen.withLock { $0.last?.isForgotten } == true)
  }

  @Test("Two devices under one name are told apart, reported once, and take turns")
  func twins() throws {
    let device = try DeviceID("pi-7")
    let registry = DeviceRegistry()
    #expect(attach(registry, device, Link(), boot: "b1").duplicate == nil)
    #expect(attach(registry, device, Link(), boot: "b2").duplicate == nil, "it may have restarted")
    let returned = attach(registry, device, Link(), boot: "b1", at: now + .seconds(1))
    #expect(returned.duplicate?.times == 1)
    #expect(registry[device]?.duplicate?.since == now + .seconds(1))
    let other = Hello(agent: Software(name: "a", version: "1"), boot: "b2", epoch: "e")
    #expect(registry.wait(for: device, other, steady: now + .seconds(3)) == .seconds(8))
    #expect(registry.wait(for: device, other, steady: now + .seconds(11)) == nil)
    // The device itself may always hand over.
    var own = other
    own.resume = "s"
    #expect(registry.wait(for: device, own, steady: now + .seconds(3)) == nil)
    let again = attach(registry, device, Link(), boot: "b2", at: now + .seconds(12))
    #expect(again.duplicate == nil, "it was said a moment ago")
    #expect(again.status.duplicate?.times == 2)
    var json = JSONWriter()
    DeviceJSON.write(again.status, to: &json)
    #expect(
      String(decoding: json.bytes, as: UTF8.self).contains(
        #""duplicate":{"since":1800000001,"last":1800000012,"times":2,"addresses":[null,null]}"#))
  }

  @Test("How the last links ended is kept with the device, as both sides saw it, and goes with it")
  func histories() throws {
    let device = try DeviceID("pi-7")
    let registry = DeviceRegistry()
    var hello = Hello(agent: Software(name: "a", version: "1"), boot: "b", epoch: "e")
    hello.path = PathReport(network: "wifi 10.0.0.1", safeSeconds: 40)
    hello.lastLink = LinkEnd(cause: "idle-cut", livedSeconds: 100, idleSeconds: 60)
    _ = registry.attach(
      device: device, hello: hello, session: "s", link: Link(),
      summary: LinkSummary(transport: .http, remoteAddress: "192.0.2.7", since: now), now: now)
    for second in 0..<20 {
      registry.keep(
        ObservedLinkEnd(
          seenBy: .broker, at: now + .seconds(second), cause: "silent", transport: "http",
          livedSeconds: 1, idleSeconds: 1, closeCode: 4001), of: device)
    }
    let history = try #require(registry.linkHistories { _, _ in true }.first?.history)
    #expect(history.network == NetworkKey(name: "wifi 10.0.0.1", source: "192.0.2.0/24"))
    #expect(history.path?.safeSeconds == 40)
    #expect(history.ends.map(\.at) == (14..<20).map { now + .seconds($0) })
    #expect(registry.linkHistories { status, _ in status.presence == .offline }.isEmpty)
    #expect(registry.forget(device))
    #expect(registry.linkHistories { _, _ in true }.isEmpty)
  }

  @Test("What is told last of a device is how it is, also where its next link comes in between")
  func lastWord() throws {
    let device = try DeviceID("pi-7")
    let told = Mutex<DeviceStatus.Presence?>(nil)
    let (telling, returned, gone) = (
      DispatchSemaphore(value: 0), DispatchSemaphore(value: 0), DispatchSemaphore(value: 0)
    )
    let registry = DeviceRegistry(changed: { status in
      if status.presence == .offline {
        telling.signal()
        // Where the next link could come now, it would be told first.
        _ = returned.wait(timeout: .now() + .milliseconds(200))
      }
      told.withLock { $0 = status.presence }
    })
    let first = attach(registry, device, Link())
    let now = now
    DispatchQueue.global().async {
      registry.detach(
        device: device, generation: first.generation, cause: .dropped, now: now)
      gone.signal()
    }
    telling.wait()
    _ = attach(registry, device, Link())
    returned.signal()
    gone.wait()
    #expect(registry[device]?.presence == .online)
    #expect(told.withLock { $0 } == .online)
  }

  @Test("Changes are told in order")
  func changes() throws {
    let device = try DeviceID("pi-7")
    let seen = Mutex<[DeviceStatus.Presence]>([])
    let registry = DeviceRegistry { status in seen.withLock { $0.append(status.presence) } }
    let link = attach(registry, device, Link())
    registry.detach(device: device, generation: link.generation, cause: .dropped, now: now)
    #expect(seen.withLock { $0 } == [.online, .offline])
  }
}
