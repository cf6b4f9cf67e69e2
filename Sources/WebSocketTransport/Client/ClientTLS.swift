package import NIOCore
package import NIOSSL

/// What a client trusts, read once and used for any number of connections.
package struct ClientTLS: Sendable {
  let context: NIOSSLContext

  /// The system's trust roots, and those of the PEM file `caFile` where one is given. Reads files.
  package init(caFile: String? = nil) throws(HandshakeError) {
    var configuration = TLSConfiguration.makeClientConfiguration()
    if let caFile { configuration.additionalTrustRoots = [.file(caFile)] }
    try self.init(configuration)
  }

  /// Any other configuration: client certificates, pinned roots, tests.
  package init(_ configuration: TLSConfiguration) throws(HandshakeError) {
    var configuration = configuration
    configuration.minimumTLSVersion = .tlsv12
    do {
      context = try NIOSSLContext(configuration: configuration)
    } catch {
      throw .tls(.unusableTrustRoots)
    }
  }

  /// Puts TLS into a fresh connection's pipeline, for other protocols than WebSocket; call on the
  /// channel's loop. `host` is the name that the server has to prove.
  package func addHandler(to channel: any Channel, host: String) throws {
    let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
    try channel.pipeline.syncOperations.addHandler(
      NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : host))
  }
}
