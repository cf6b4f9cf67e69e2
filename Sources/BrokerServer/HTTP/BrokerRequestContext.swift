import Hummingbird
import NIOCore
import TelemetryModel

/// What routes know of a request beside the request itself.
struct BrokerRequestContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  /// The connection that waits for the answer.
  let channel: any Channel

  init(source: ApplicationRequestContextSource) {
    coreContext = CoreRequestContextStorage(source: source)
    channel = source.channel
  }

  /// The device that the path names; a slash in its name comes as `%2F`.
  ///
  /// - Throws: a problem where no device can have that name.
  func device() throws -> DeviceID {
    let text = PercentCoding.decode(try parameters.require("id"))
    guard let text, let device = try? DeviceID(text) else {
      throw Problem.badRequest("id", "A device's name is 1 to 64 bytes (RFC 8428 4.5.1).")
    }
    return device
  }
}
