import Foundation
import GRDB

extension Row {
  /// Hands a column's bytes out in place, without a copy; none for NULL.
  func withBytes<Result>(
    at index: Int, _ body: (UnsafeRawBufferPointer) throws -> Result
  ) throws -> Result {
    try withUnsafeData(atIndex: index) { data in
      guard let data else { return try body(UnsafeRawBufferPointer(start: nil, count: 0)) }
      return try data.withUnsafeBytes { try body($0) }
    }
  }
}
