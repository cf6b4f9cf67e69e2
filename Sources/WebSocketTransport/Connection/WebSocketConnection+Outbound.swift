package import NIOCore

extension WebSocketConnection {
  // MARK: Sending

  /// Sends one text message; `text` has to be UTF-8. False where the connection is not open any more.
  /// The message is compressed at once and written with everything else of this loop tick.
  @discardableResult
  package func send(text: ByteBuffer) -> Bool {
    text.withUnsafeReadableBytes { send(.text, $0) }
  }

  /// Sends one text message; `text` has to be UTF-8. False where the connection is not open any more.
  @discardableResult
  package func send(text: [UInt8]) -> Bool {
    text.withUnsafeBytes { send(.text, $0) }
  }

  /// Sends one text message. False where the connection is not open any more.
  @discardableResult
  package func send(text: String) -> Bool {
    send(text: Array(text.utf8))
  }

  /// Sends one binary message. False where the connection is not open any more.
  @discardableResult
  package func send(binary: ByteBuffer) -> Bool {
    binary.withUnsafeReadableBytes { send(.binary, $0) }
  }

  /// Sends one binary message. False where the connection is not open any more.
  @discardableResult
  package func send(binary: [UInt8]) -> Bool {
    binary.withUnsafeBytes { send(.binary, $0) }
  }

  /// Sends a message that many connections get, compressed once for all of them. False where the
  /// connection is not open any more.
  @discardableResult
  package func send(_ prepared: PreparedMessage) -> Bool {
    guard phase == .open else { return false }
    counters.messagesOut &+= 1
    counters.messageBytesOut &+= UInt64(prepared.bytes.readableBytes)
    if outbox == nil && backlog == nil && role == .server,
      let row = resources.fanOut.repeated(prepared, for: self)
    {
      batch = row
      sharedHistory = resources.fanOut.historyBehind
      queueFlush()
      return true
    }
    let form = resources.fanOut.form(of: prepared, for: self)
    if form.isCompressed && outboundWindow.allocatedBytes > 0 {
      // The peer's window takes this message in as well, so the next one with history has to know of
      // it. A connection that only ever gets shared messages needs no window: its history stays empty.
      prepared.bytes.withUnsafeReadableBytes { outboundWindow.append($0) }
    }
    if backlog != nil || form.payloadBytes > configuration.fragmentBytes {
      appendToBacklog(prepared.opcode, isCompressed: form.isCompressed, form.payload)
    } else if role == .server {
      appendShared(form, prepared)
    } else {
      let header = FrameHeader(
        fin: true, compressed: form.isCompressed, opcode: prepared.opcode,
        length: form.payloadBytes)
      form.payload.withUnsafeReadableBytes { append(header, $0) }
    }
    sharedHistory = history(after: form)
    queueFlush()
    return true
  }

  /// The number of the history that it shares after a form of a prepared message.
  @inline(__always)
  func history(after form: PreparedMessage.Form) -> UInt64 {
    guard form.isCompressed else { return sharedHistory }
    return sharesHistory ? form.history?.number ?? 0 : 0
  }

  /// Sends a ping with at most 125 bytes, ahead of what is left of long messages.
  package func ping(_ payload: [UInt8] = []) {
    guard phase == .open else { return }
    enqueueControl(.ping, Array(payload.prefix(FrameHeader.maximumControlPayload)))
  }

  private func send(_ opcode: Opcode, _ plain: UnsafeRawBufferPointer) -> Bool {
    guard phase == .open else { return false }
    counters.messagesOut &+= 1
    counters.messageBytesOut &+= UInt64(plain.count)
    if compress(plain) {
      enqueue(opcode, isCompressed: true, resources.scratch.bytes)
    } else {
      enqueue(opcode, isCompressed: false, plain)
    }
    return true
  }

  /// Compresses into the loop's scratch; false where the message is better sent as it is. Only a
  /// message that will be sent compressed enters the history.
  private func compress(_ plain: UnsafeRawBufferPointer) -> Bool {
    guard let deflate, let settings = configuration.compression,
      settings.minimumBytes...Int(Int32.max) ~= plain.count, Compressibility.promises(plain)
    else { return false }
    let ours = deflate.sending(as: role)
    let history = outboundWindow.bytes
    let (shape, used) = Deflater.Shape.choose(
      bytes: plain.count, history: history.count,
      limitBits: min(ours.windowBits, settings.windowBits), level: settings.level)
    let dictionary = UnsafeRawBufferPointer(rebasing: history.suffix(used))
    guard let deflater = resources.deflater(shape),
      deflater.compress(plain, dictionary: dictionary, into: &resources.scratch)
    else { return false }
    outboundWindow.append(plain)
    sharedHistory = 0
    return true
  }

  // MARK: Queueing

  private func enqueue(_ opcode: Opcode, isCompressed: Bool, _ payload: UnsafeRawBufferPointer) {
    if payload.count <= configuration.fragmentBytes && backlog == nil {
      let header = FrameHeader(
        fin: true, compressed: isCompressed, opcode: opcode, length: payload.count)
      append(header, payload)
    } else {
      appendToBacklog(opcode, isCompressed: isCompressed, ByteBuffer(bytes: payload))
    }
    queueFlush()
  }

  /// Leaves a message to be cut into frames when it is its turn. The payload of a prepared message is
  /// not copied for that.
  private func appendToBacklog(_ opcode: Opcode, isCompressed: Bool, _ payload: ByteBuffer) {
    let backlog = backlog ?? Backlog()
    self.backlog = backlog
    backlog.append(.init(opcode: opcode, isCompressed: isCompressed, payload: payload))
  }

  /// Control frames do not wait for the rest of a long message (RFC 6455 §5.4).
  func enqueueControl(_ opcode: Opcode, _ payload: [UInt8]) {
    let header = FrameHeader(fin: true, opcode: opcode, length: payload.count)
    payload.withUnsafeBytes { append(header, $0) }
    queueFlush()
  }

  /// Writes one frame to the outbox, masked where this side is the client.
  private func append(_ header: FrameHeader, _ payload: UnsafeRawBufferPointer) {
    var header = header
    if role == .client { header.maskKey = resources.maskKeys.next() }
    var outbox = ownedOutbox()
    let size = header.encodedBytes + payload.count
    outbox.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { target in
      let at = header.write(to: target)
      if let source = payload.baseAddress, let start = target.baseAddress {
        if let key = header.maskKey {
          Masking.apply(key, from: source, to: start + at, count: payload.count)
        } else {
          (start + at).copyMemory(from: source, byteCount: payload.count)
        }
      }
      return size
    }
    self.outbox = outbox
  }

  /// Puts a frame that other connections get as well into the outbox: as long as nothing else is
  /// there, without copying it.
  private func appendShared(_ form: PreparedMessage.Form, _ message: PreparedMessage) {
    if outbox == nil,
      let longer = resources.fanOut.batch(of: self, followedBy: form, message)
    {
      batch = longer
      return
    }
    var owned = ownedOutbox()
    owned.writeImmutableBuffer(form.frame)
    outbox = owned
  }

  /// The outbox, taken out of the connection so that it can be written to without being copied.
  private func ownedOutbox() -> ByteBuffer {
    if let current = outbox {
      outbox = nil
      return current
    }
    var owned = resources.takeOutbox()
    if let batch {
      owned.writeImmutableBuffer(batch.bytes)
      self.batch = nil
    }
    return owned
  }

  private func queueFlush() {
    // What the channel holds counts as well, but there is only something where it has become full.
    let waiting = waitingBytes
    if waiting > configuration.highWatermarkBytes || !transportIsWritable,
      bufferedBytes > configuration.maxBufferedBytes
    {
      return fail(.outboundOverflow(limitBytes: configuration.maxBufferedBytes))
    }
    guard !flushIsQueued else { return }
    flushIsQueued = true
    resources.flushLater(self)
  }

  // MARK: Writing

  /// Hands on what one tick has brought together. Called by the loop itself, between its tasks.
  @inline(__always)
  func flushTick() {
    flushIsQueued = false
    if !batchIsSent() { flushNow() }
  }

  /// Hands what waits to the channel, as far as that takes any.
  func flushNow() {
    flushIsQueued = false
    guard let context, phase != .ended else { return }
    while transportIsWritable {
      if backlog != nil { fillFromBacklog() }
      if let batch {
        self.batch = nil
        write(batch.bytes, context)
      } else if let bytes = outbox {
        outbox = nil
        write(bytes, context)
        resources.giveBackOutbox(bytes)
      } else {
        break
      }
      guard phase != .ended else { return }
    }
    if let ending, outbox == nil && batch == nil && backlog == nil {
      ending.everythingWritten(self)
    }
    if !transportIsWritable || !reportedWritable || owesWritable { reportWritability() }
  }

  /// The way of nearly every flush of a fan-out: shared frames and nothing else, which the kernel takes
  /// at once. False where there is anything more to do; what was sent is gone from the batch then.
  @inline(__always)
  private func batchIsSent() -> Bool {
    guard let batch, backlog == nil, ending == nil, transportIsWritable, reportedWritable,
      !owesWritable, let sent = directSocket?.sendBetweenTasks(batch.bytes), sent > 0
    else { return false }
    counters.wireBytesOut &+= UInt64(sent)
    self.batch = nil
    if sent == batch.count { return true }
    var rest = batch.bytes
    rest.moveReaderIndex(forwardBy: sent)
    outbox = rest
    return false
  }

  private func write(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
    let count = bytes.readableBytes
    counters.wireBytesOut &+= UInt64(count)
    let sent = directSocket?.send(bytes) ?? 0
    guard sent < count else { return }
    var rest = bytes
    rest.moveReaderIndex(forwardBy: sent)
    directSocket?.channelTakesOver()
    context.writeAndFlush(wrapOutboundOut(rest), promise: nil)
  }

  /// Moves frames of long messages to the outbox, about one watermark's worth.
  private func fillFromBacklog() {
    guard let backlog else { return }
    while waitingBytes - backlog.bytes < configuration.highWatermarkBytes,
      let (header, payload) = backlog.nextFrame(fragmentBytes: configuration.fragmentBytes)
    {
      payload.withUnsafeReadableBytes { append(header, $0) }
    }
    if backlog.isEmpty { self.backlog = nil }
  }

  // MARK: Flow control

  private var waitingBytes: Int {
    (batch?.count ?? outbox?.readableBytes ?? 0) + (backlog?.bytes ?? 0)
  }

  /// Bytes accepted for sending that the kernel does not have yet.
  package var bufferedBytes: Int {
    let below = try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)
    return waitingBytes + (below ?? 0)
  }

  /// Whether sending more is welcome: less than the high watermark waits. Nothing is refused before
  /// `maxBufferedBytes`; `webSocketWritabilityChanged` tells of changes.
  package var isWritable: Bool {
    guard phase == .open else { return false }
    let mark =
      reportedWritable ? configuration.highWatermarkBytes : configuration.lowWatermarkBytes
    let writable = transportIsWritable && waitingBytes <= mark
    if !writable { owesWritable = true }
    return writable
  }

  private func reportWritability() {
    guard phase == .open else { return }
    let writable = isWritable
    // Whoever has seen that it is not waits to be told, though all may have gone out in one flush.
    guard writable != reportedWritable || (writable && owesWritable) else { return }
    reportedWritable = writable
    if writable { owesWritable = false }
    delegate?.webSocketWritabilityChanged(self)
  }
}
