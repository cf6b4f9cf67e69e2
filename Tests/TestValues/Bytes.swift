/// The UTF-8 of a text, as it comes over a wire.
package func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// The text of which these are the UTF-8; what is not becomes U+FFFD.
package func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
