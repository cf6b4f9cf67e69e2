/// One resolved measurement of a pack, as `SenMLPackDecoder` yields it: 56 bytes, nothing owned.
package struct SenMLRow: Sendable, BitwiseCopyable {
  /// Which kind of value there is.
  package enum Kind: UInt8, Sendable, BitwiseCopyable {
    /// None: the record has only a sum.
    case none
    /// `number` is the value.
    case number
    /// `number` is 1 for true, 0 for false.
    case bool
    /// `text` is where the string stands in the message.
    case string
    /// `text` is where the base64 of the data stands in the message.
    case data
  }

  /// The record's place in the pack, from 0; records of base fields alone are counted, too.
  package internal(set) var record: UInt32 = 0
  /// The number of the resolved name in the decoder's table.
  package internal(set) var nameID: UInt32 = 0
  /// The number of the unit in the decoder's table; 0 for none.
  package internal(set) var unitID: UInt16 = 0
  /// Which kind of value there is.
  package internal(set) var kind = Kind.none
  var flags: UInt8 = 0
  /// When it was measured.
  package internal(set) var time = Timestamp(microseconds: 0)
  /// The value of a number or truth value.
  package internal(set) var number = 0.0
  var rawSum = 0.0
  var rawUpdateTime = 0.0
  private var textStart: UInt32 = 0
  private var textEnd: UInt32 = 0

  static let hasSum: UInt8 = 1
  static let hasUpdateTime: UInt8 = 2
  private static let isEscaped: UInt8 = 4
  private static let isBeyondASCII: UInt8 = 8
  static let isRelative: UInt8 = 16

  init() {}

  /// Whether the sender gave its time relative to the moment of arrival (RFC 8428 §4.5.3).
  @inline(__always)
  package var hasRelativeTime: Bool { flags & SenMLRow.isRelative != 0 }

  /// The sum, in the unit times seconds.
  package var sum: Double? { flags & SenMLRow.hasSum != 0 ? rawSum : nil }

  /// The longest until the next reading, in seconds.
  package var updateTimeSeconds: Double? {
    flags & SenMLRow.hasUpdateTime != 0 ? rawUpdateTime : nil
  }

  /// Where the string or base64 text stands in the message.
  package internal(set) var text: JSONStringSpan {
    get {
      JSONStringSpan(
        range: Int(textStart)..<Int(max(textStart, textEnd)),
        isEscaped: flags & SenMLRow.isEscaped != 0, isASCII: flags & SenMLRow.isBeyondASCII == 0)
    }
    set {
      // A pack has at most 4 GiB, so its offsets fit.
      textStart = UInt32(truncatingIfNeeded: newValue.range.lowerBound)
      textEnd = UInt32(truncatingIfNeeded: newValue.range.upperBound)
      if newValue.isEscaped { flags |= SenMLRow.isEscaped }
      if !newValue.isASCII { flags |= SenMLRow.isBeyondASCII }
    }
  }
}
