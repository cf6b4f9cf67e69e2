import NIOCore

extension WebSocketConnection {
  /// Takes what one read brought.
  func receive(_ bytes: UnsafeRawBufferPointer) {
    if inbound.leftover.isEmpty {
      parse(bytes)
    } else {
      var joined: [UInt8] = []
      swap(&joined, &inbound.leftover)
      joined.append(contentsOf: bytes)
      joined.withUnsafeBytes { parse($0) }
    }
    // Between messages the stream stays only as long as one read lasts.
    if inbound.kind == .none, let inflater = inbound.inflater.take() {
      resources.giveBack(inflater)
    }
  }

  /// Goes through frames as far as there are any, in place.
  private func parse(_ bytes: UnsafeRawBufferPointer) {
    var at = 0
    while at < bytes.count {
      guard phase == .open || phase == .closeSent else { return }
      if inbound.remaining > 0 {
        let count = min(inbound.remaining, bytes.count - at)
        guard take(UnsafeRawBufferPointer(rebasing: bytes[at..<at + count])) else { return }
        at += count
        if inbound.remaining == 0 { frameEnded() }
        continue
      }
      switch FrameHeader.read(bytes, at: at) {
      case .incomplete:
        inbound.leftover = Array(bytes[at...])
        return
      case .invalid(let violation):
        return fail(.violation(violation))
      case .header(let header, let size):
        guard (header.maskKey != nil) == (role == .server) else {
          return fail(.violation(role == .server ? .unmaskedFrame : .maskedFrame))
        }
        let payload = at + size
        if header.opcode.isControl {
          guard payload + header.length <= bytes.count else {
            inbound.leftover = Array(bytes[at...])
            return
          }
          control(header, bytes[payload..<payload + header.length])
          at = payload + header.length
        } else {
          guard begin(header, available: bytes.count - payload) else { return }
          at = payload
          if header.length == 0 { frameEnded() }
        }
      }
    }
  }

  // MARK: Data frames

  /// Checks a data frame against the message it belongs to and the limits; false where it failed.
  private func begin(_ header: FrameHeader, available: Int) -> Bool {
    let limit = configuration.maxMessageBytes
    if header.opcode == .continuation {
      guard inbound.kind != .none else { return refuse(.violation(.continuationWithoutStart)) }
      inbound.fragments += 1
      guard inbound.fragments <= configuration.maxFragments else {
        return refuse(.tooManyFragments(limit: configuration.maxFragments))
      }
    } else {
      guard inbound.kind == .none else { return refuse(.violation(.messageWithinMessage)) }
      guard !header.compressed || deflate != nil else {
        return refuse(.violation(.compressionNotNegotiated))
      }
      inbound.kind = header.opcode == .text ? .text : .binary
      inbound.isCompressed = header.compressed
      inbound.isInflated = false
      inbound.fragments = 1
      inbound.utf8 = UTF8Checker()
      // What a head announces is not allocated before it is here.
      inbound.message = resources.takeMessageBuffer(atLeast: min(header.length, available))
    }
    guard header.length <= configuration.maxFrameBytes else {
      return refuse(.frameTooLarge(limitBytes: configuration.maxFrameBytes))
    }
    let soFar = inbound.message?.readableBytes ?? 0
    guard inbound.isCompressed || header.length <= limit - soFar else {
      return refuse(.messageTooLarge(limitBytes: limit))
    }
    inbound.remaining = header.length
    inbound.isMasked = header.maskKey != nil
    inbound.maskKey = header.maskKey ?? 0
    inbound.isFinal = header.fin
    return true
  }

  private func refuse(_ error: WebSocketError) -> Bool {
    fail(error)
    return false
  }

  /// Takes the next bytes of the current frame's payload; false where the connection failed.
  private func take(_ piece: UnsafeRawBufferPointer) -> Bool {
    inbound.remaining -= piece.count
    // Out of the connection while it is written to, so that it is not copied.
    guard var message = inbound.message.take() else { return false }
    let before = message.readableBytes
    do throws(WebSocketError) {
      if inbound.isCompressed {
        try inflate(piece, into: &message)
      } else {
        unmask(piece, into: &message)
      }
    } catch {
      inbound.message = message
      return refuse(error)
    }
    var valid = true
    if inbound.kind == .text {
      valid = message.withUnsafeReadableBytes {
        inbound.utf8.take(UnsafeRawBufferPointer(rebasing: $0[before...]))
      }
    }
    inbound.message = message
    return valid || refuse(.invalidUTF8)
  }

  private func unmask(_ piece: UnsafeRawBufferPointer, into message: inout ByteBuffer) {
    guard inbound.isMasked, let source = piece.baseAddress else {
      message.writeBytes(piece)
      return
    }
    let key = inbound.maskKey
    message.writeWithUnsafeMutableBytes(minimumWritableBytes: piece.count) { target in
      if let start = target.baseAddress {
        Masking.apply(key, from: source, to: start, count: piece.count)
      }
      return piece.count
    }
    inbound.maskKey = Masking.rotated(key, by: piece.count)
  }

  private func inflate(
    _ piece: UnsafeRawBufferPointer, into message: inout ByteBuffer
  ) throws(WebSocketError) {
    let inflater = try currentInflater()
    let limit = configuration.maxMessageBytes
    guard inbound.isMasked else {
      try inflater.inflate(piece, into: &message, limitBytes: limit)
      return
    }
    let mark = inbound.isFinal && inbound.remaining == 0
    var rest = piece
    while let source = rest.baseAddress, !rest.isEmpty {
      let count = min(rest.count, Self.unmaskBytes)
      resources.scratch.clear(capacity: count + 4)
      Masking.apply(inbound.maskKey, from: source, to: resources.scratch.base, count: count)
      resources.scratch.count = count
      inbound.maskKey = Masking.rotated(inbound.maskKey, by: count)
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      if mark && rest.isEmpty {
        // The message's end in one go with its last bytes.
        resources.scratch.base.storeBytes(
          of: Inflater.endMark, toByteOffset: count, as: UInt32.self)
        resources.scratch.count += 4
        try inflater.inflateLast(resources.scratch.bytes, into: &message, limitBytes: limit)
        inbound.isInflated = true
      } else {
        try inflater.inflate(resources.scratch.bytes, into: &message, limitBytes: limit)
      }
    }
  }

  /// How much is unmasked at a time for the inflater; stays in the first-level cache.
  private static let unmaskBytes = 16 * 1024

  private func currentInflater() throws(WebSocketError) -> Inflater {
    if let inflater = inbound.inflater {
      if !inbound.isInflating {
        // The last message was in this read as well, so the stream stands where its sender's does.
        inbound.isInflating = true
        if inboundWindow.limitBytes > 0 {
          inflater.beginNext()
        } else {
          inflater.begin(window: inboundWindow.bytes)
        }
      }
      return inflater
    }
    guard let inflater = resources.takeInflater() else {
      throw .transport("no memory for inflating")
    }
    inflater.begin(window: inboundWindow.bytes)
    inbound.inflater = inflater
    inbound.isInflating = true
    return inflater
  }

  private func frameEnded() {
    guard inbound.isFinal, var message = inbound.message.take() else { return }
    let isText = inbound.kind == .text
    if inbound.isCompressed {
      do throws(WebSocketError) {
        try finishInflating(&message)
      } catch {
        inbound.message = message
        return fail(error)
      }
    }
    if isText && !inbound.utf8.isComplete {
      inbound.message = message
      return fail(.invalidUTF8)
    }
    inbound.kind = .none
    deliver(message, isText: isText)
    resources.giveBackMessage(consume message)
  }

  private func finishInflating(_ message: inout ByteBuffer) throws(WebSocketError) {
    // A message without any payload has nothing to end.
    guard inbound.isInflating, let inflater = inbound.inflater else { return }
    inbound.isInflating = false
    let before = message.readableBytes
    if !inbound.isInflated {
      try inflater.finish(into: &message, limitBytes: configuration.maxMessageBytes)
    }
    let valid = message.withUnsafeReadableBytes { bytes in
      inboundWindow.append(bytes)
      let last = UnsafeRawBufferPointer(rebasing: bytes[before...])
      return inbound.kind != .text || inbound.utf8.take(last)
    }
    guard valid else { throw .invalidUTF8 }
  }

  private func deliver(_ message: ByteBuffer, isText: Bool) {
    // Behind this side's own Close frame nobody waits for messages any more.
    guard phase == .open else { return }
    counters.messagesIn &+= 1
    counters.messageBytesIn &+= UInt64(message.readableBytes)
    if isText {
      delegate?.webSocket(self, receivedText: message)
    } else {
      delegate?.webSocket(self, receivedBinary: message)
    }
  }

  /// Lets go of what the loop lent beyond what the message in progress needs: a peer may take its time.
  func settleMessageBuffer() {
    guard let message = inbound.message else { return }
    let needed = message.readableBytes
    if message.storageCapacity > 2 * needed + 1024 {
      var smaller = ByteBufferAllocator().buffer(capacity: needed)
      smaller.writeImmutableBuffer(message)
      inbound.message = smaller
      resources.giveBackMessage(message)
    }
  }

  // MARK: Control frames

  private func control(_ header: FrameHeader, _ payload: Slice<UnsafeRawBufferPointer>) {
    var bytes = Array(payload)
    if let key = header.maskKey {
      bytes.withUnsafeMutableBytes { region in
        guard let start = region.baseAddress else { return }
        Masking.apply(key, from: start, to: start, count: region.count)
      }
    }
    switch header.opcode {
    case .ping:
      if phase == .open { enqueueControl(.pong, bytes) }
    case .pong:
      if phase == .open { delegate?.webSocketReceivedPong(self, payload: ByteBuffer(bytes: bytes)) }
    default:
      do throws(WebSocketError) {
        var failure: WebSocketError?
        var close: ClosePayload?
        bytes.withUnsafeBytes { raw in
          do throws(WebSocketError) { close = try ClosePayload.read(raw) } catch { failure = error }
        }
        if let failure { throw failure }
        if let close { receivedClose(close) }
      } catch {
        fail(error)
      }
    }
  }
}
