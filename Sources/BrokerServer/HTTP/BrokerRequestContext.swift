import Hummingbird
import NIOCore

/// What routes know of a request beside the request itself.
struct BrokerRequestContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  /// The connection that waits for the answer.
  let channel: any Channel

  init(source: ApplicationRequestContextSource) {
    coreContext = CoreRequestContextStorage(source: source)
    channel = source.channel
  }
}
