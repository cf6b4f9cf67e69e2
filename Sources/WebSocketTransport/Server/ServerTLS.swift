package import NIOCore
package import NIOSSL

/// What a server shows its clients, read once and used for any number of connections.
package struct ServerTLS: Sendable {
  private let context: NIOSSLContext

  /// The certificate chain and private key in two PEM files. Reads them, and throws what BoringSSL
  /// says against them. TLS 1.2 is the least that is spoken.
  package init(certificateFile: String, keyFile: String) throws {
    let chain = try NIOSSLCertificate.fromPEMFile(certificateFile).map {
      NIOSSLCertificateSource.certificate($0)
    }
    let key = try NIOSSLPrivateKey(file: keyFile, format: .pem)
    try self.init(.makeServerConfiguration(certificateChain: chain, privateKey: .privateKey(key)))
  }

  /// Any other configuration. Throws what BoringSSL says against it.
  package init(_ configuration: TLSConfiguration) throws {
    var configuration = configuration
    configuration.minimumTLSVersion = .tlsv12
    context = try NIOSSLContext(configuration: configuration)
  }

  /// Puts TLS, in as little memory as can be, into a fresh connection's pipeline; call on the channel's
  /// loop, before `FirstRequestHandler` is added.
  package func addHandler(to channel: any Channel) throws {
    try channel.pipeline.syncOperations.addHandlers([
      FirstFlightHandler(), NIOSSLServerHandler(context: context), FirstPlaintextHandler(),
    ])
  }
}
