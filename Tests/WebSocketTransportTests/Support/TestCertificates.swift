import NIOSSL
import WebSocketTransport

/// An authority made for these tests, and what it signed for localhost and 127.0.0.1. The key is worth
/// nothing: nobody but a test trusts the authority.
enum TestCertificates {
  static let authority = """
    -----BEGIN CERTIFICATE-----
    MIIBlzCCAT2gAwIBAgIUQbQVmxH0EvbnzfwAUWjVeNFLvsQwCgYIKoZIzj0EAwIw
    IDEeMBwGA1UEAwwVSGF3c2VyIHRlc3QgYXV0aG9yaXR5MCAXDTI2MTEyMjEyMTQ1
    MVoYDzIxMjYxMDI5MTIxNDUxWjAgMR4wHAYDVQQDDBVIYXdzZXIgdGVzdCBhdXRo
    b3JpdHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQ65WK69Khsnm5vctGjY6NP
    n/w3e94PCfNTNqK/7BtOXBBzIua9xAGMIdU5SQNqqu5JdnkfTmv1FtmRf7LqhIKS
    o1MwUTAdBgNVHQ4EFgQUABk/TrxGabzxHMU7EvHk2h6RlMswHwYDVR0jBBgwFoAU
    ABk/TrxGabzxHMU7EvHk2h6RlMswDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQD
    AgNIADBFAiEAodd8u/4XwLa6yLkCSGhM19cb2sKexe+SsehpUO5C/AUCIBA9jL4a
    d6obr2MTae6/b9yGo04UbmlATYPCbKAxfKBK
    -----END CERTIFICATE-----
    """

  static let certificate = """
    -----BEGIN CERTIFICATE-----
    MIIBqzCCAVGgAwIBAgIUM8Nwpie0wxsD8Q+2el7cqzeQ4m8wCgYIKoZIzj0EAwIw
    IDEeMBwGA1UEAwwVSGF3c2VyIHRlc3QgYXV0aG9yaXR5MCAXDTI2MTEyMjEyMTQ1
    MVoYDzIxMjYxMDI5MTIxNDUxWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcq
    hkjOPQIBBggqhkjOPQMBBwNCAATk0KtiRvaf0s4g/D7fxnACyk551tdCBH4nZh5u
    fGq1RSWbMVYPlqyLtdOeSw52AiXKDPg0pxG4KTAll6pOl96Jo3MwcTAaBgNVHREE
    EzARgglsb2NhbGhvc3SHBH8AAAEwEwYDVR0lBAwwCgYIKwYBBQUHAwEwHQYDVR0O
    BBYEFDfSh/olQ5TVeln/4YLDUndPaxuKMB8GA1UdIwQYMBaAFAAZP068Rmm88RzF
    OxLx5NoekZTLMAoGCCqGSM49BAMCA0gAMEUCIAkngSP2AIlOVV4oFzic76dD3Mpx
    PamB3OPkM0A3PIBkAiEAqe6xL36QDkpsv5QrnxRIDqb4CQqn0PMqTJeeeSrKZa8=
    -----END CERTIFICATE-----
    """

  static let key = """
    -----BEGIN PRIVATE KEY-----
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgXVnsRTXX/XUL0v2y
    YKeghAqFZFHGV5I1l2kTFS9mfyehRANCAATk0KtiRvaf0s4g/D7fxnACyk551tdC
    BH4nZh5ufGq1RSWbMVYPlqyLtdOeSw52AiXKDPg0pxG4KTAll6pOl96J
    -----END PRIVATE KEY-----
    """

  static func server() throws -> ServerTLS {
    let certificates = try NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8))
    return try ServerTLS(
      .makeServerConfiguration(
        certificateChain: certificates.map { .certificate($0) },
        privateKey: .privateKey(NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem))))
  }
}
