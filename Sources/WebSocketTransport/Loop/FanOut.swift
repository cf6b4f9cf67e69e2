import NIOCore

/// Prepared messages on their way to many connections of one loop, within one tick: what each kind of
/// peer gets of them, and the rows of frames that several connections have in common. Loop-bound.
struct FanOut {
  /// What one message is to one kind of connection.
  private struct Known {
    var message: PreparedMessage
    var limitBits: Int8
    var history: UInt64
    var shared: SharedConfiguration
    var form: PreparedMessage.Form
  }

  // The last step: nearly always the next connection is to be sent the same behind the same.
  private var lastMessage: PreparedMessage?
  private var lastLimitBits: Int8 = -1
  private var lastShared: SharedConfiguration?
  private var lastIsCompressed = false
  private var lastSharesHistory = false
  private var lastHistory: UInt64 = 0
  /// What the history of the connection that `repeated` has answered for is afterwards.
  private(set) var historyBehind: UInt64 = 0
  private var lastEarlier: SharedBatch?
  private var lastBatch: SharedBatch?

  private var known: [Known] = []
  private let beginning = SharedBatch()
  /// Rows that have longer ones behind them.
  private var extended: [SharedBatch] = []
  private var bytesLeft = Self.maximumBytes

  /// What the windows of connections may end with, the newest last, beyond the tick: until the next
  /// message to the same ones.
  private var histories: [SharedHistory] = []
  private var historyBytes = 0

  private static let maximumKnown = 32
  private static let maximumHistories = 256
  private static let maximumHistoryBytes = 512 * 1024
  /// Longer rows are not shared: the more frames, the less two connections have the same ones.
  private static let maximumDepth = 32
  private static let maximumRowBytes = 16 * 1024
  /// What all rows of a tick may take, should hardly any connection have the same one as another.
  private static let maximumBytes = 1 << 20

  /// The row `connection` gets by `message`, where the last one asked about got the very same; nil
  /// where it takes more than that.
  @inline(__always)
  func repeated(
    _ message: PreparedMessage, for connection: WebSocketConnection
  ) -> SharedBatch? {
    guard lastMessage === message, lastEarlier === connection.batch,
      lastLimitBits == connection.preparedLimitBits, lastShared === connection.shared,
      lastHistory == connection.sharedHistory, lastSharesHistory == connection.sharesHistory,
      !lastIsCompressed || connection.outboundWindow.allocatedBytes == 0
    else { return nil }
    return lastBatch
  }

  /// What `connection` is to be sent of `message`.
  mutating func form(
    of message: PreparedMessage, for connection: WebSocketConnection
  ) -> PreparedMessage.Form {
    // A fan-out asks for the same again and again.
    var index = known.count
    while index > 0 {
      index -= 1
      if known[index].message === message && known[index].limitBits == connection.preparedLimitBits
        && known[index].shared === connection.shared
        && known[index].history == connection.sharedHistory
      {
        return known[index].form
      }
    }
    return newForm(of: message, for: connection)
  }

  @inline(never)
  private mutating func newForm(
    of message: PreparedMessage, for connection: WebSocketConnection
  ) -> PreparedMessage.Form {
    let limitBits = connection.preparedLimitBits
    let form = message.form(
      limitBits: limitBits < 0 ? nil : Int(limitBits), after: history(connection.sharedHistory),
      connection.configuration.compression, connection.resources)
    if let history = form.history { keep(history) }
    if known.count == Self.maximumKnown { known.removeFirst() }
    known.append(
      Known(
        message: message, limitBits: limitBits, history: connection.sharedHistory,
        shared: connection.shared, form: form))
    return form
  }

  /// What `connection` has to be sent so far with `form`, its form of `message`, behind it; nil where
  /// that is not worth sharing.
  mutating func batch(
    of connection: WebSocketConnection, followedBy form: PreparedMessage.Form,
    _ message: PreparedMessage
  ) -> SharedBatch? {
    let row = connection.batch ?? beginning
    guard let batch = row.follower(form) ?? newBatch(row, form) else { return nil }
    lastMessage = message
    lastLimitBits = connection.preparedLimitBits
    lastShared = connection.shared
    lastIsCompressed = form.isCompressed
    lastSharesHistory = connection.sharesHistory
    lastHistory = connection.sharedHistory
    historyBehind = connection.history(after: form)
    lastEarlier = connection.batch
    lastBatch = batch
    return batch
  }

  private mutating func newBatch(
    _ row: SharedBatch, _ form: PreparedMessage.Form
  ) -> SharedBatch? {
    // The first frame of a row is there already, the others are copied.
    let size = row.depth == 0 ? 0 : row.count + form.frame.readableBytes
    guard row.depth < Self.maximumDepth, size <= Self.maximumRowBytes, size <= bytesLeft else {
      return nil
    }
    bytesLeft -= size
    extended.append(row)
    return row.follow(with: form)
  }

  private func history(_ number: UInt64) -> SharedHistory? {
    number == 0 ? nil : histories.last { $0.number == number }
  }

  private mutating func keep(_ history: SharedHistory) {
    // Another kind of connection may have got the same form.
    guard self.history(history.number) == nil else { return }
    histories.append(history)
    historyBytes += history.bytes.count
    while histories.count > Self.maximumHistories || historyBytes > Self.maximumHistoryBytes {
      historyBytes -= histories.removeFirst().bytes.count
    }
  }

  /// The tick is over.
  mutating func clear() {
    guard !known.isEmpty else { return }
    known.removeAll(keepingCapacity: true)
    lastMessage = nil
    lastShared = nil
    lastEarlier = nil
    lastBatch = nil
    for row in extended { row.forgetFollowers() }
    extended.removeAll(keepingCapacity: true)
    bytesLeft = Self.maximumBytes
  }
}
