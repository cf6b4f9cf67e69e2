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
    guard let text = PercentCoding.decode(try parameters.require("id")) else {
      throw Problem.badRequest("id", "The device's name is not encoded as RFC 3986 2.1 wants it.")
    }
    do {
      return try DeviceID(text)
    } catch {
      throw Problem.badRequest("id", "No device can have that name: \(error).")
    }
  }
}
