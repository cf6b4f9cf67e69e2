import Testing

@testable import hawser

@Suite("Limit of open files")
struct FileLimitTests {
  @Test("Never more connections than descriptors allow, never fewer than the least")
  func connections() {
    #expect(FileLimit.connections(wanted: 15_000, descriptors: 20_000) == 15_000)
    #expect(FileLimit.connections(wanted: 15_000, descriptors: 1_024) == 960)
    #expect(FileLimit.connections(wanted: 15_000, descriptors: 20) == 16)
  }

  @Test("Raising the limit gives what is in force")
  func raise() {
    let limit = FileLimit.raise()
    #expect(limit >= 64)
    #expect(FileLimit.raise() == limit)
  }
}
