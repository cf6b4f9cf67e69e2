import TelemetryModel

/// How new readings of a series join those that are stored, as a pure step: what becomes a chunk for
/// good, what stays in the open tail, what is late.
///
/// The tail takes everything from the last chunk's end on, so that readings a little out of order
/// cost nothing. What is older belongs into chunks that are closed already.
struct SeriesFold {
  /// When a chunk is full.
  struct Limits {
    /// Ten minutes of a reading a second: what is not in windows yet stays quick to read.
    var maxReadings = 600
    /// Four to a page of the file.
    var maxBytes = 984
  }

  /// Readings that were encoded together.
  struct Chunk {
    var readings: ArraySlice<Reading>
    var blob: [UInt8]
  }

  /// New chunks, oldest first.
  private(set) var sealed: [Chunk] = []
  /// What stays open; nil where there is nothing.
  private(set) var tail: Chunk?
  /// New readings from before the boundary, by time.
  private(set) var late: [Reading] = []
  /// The newest time in a closed chunk.
  private(set) var boundary: Timestamp?

  /// Folds readings in whatever order they came into a tail that is ordered by time.
  init(tail: [Reading], boundary: Timestamp?, new: [Reading], limits: Limits = Limits()) {
    self.boundary = boundary
    var new = new
    new.sortByTime()
    if let boundary, let first = new.first, first.time < boundary {
      let split = new.firstIndex { $0.time >= boundary } ?? new.endIndex
      late = Array(new[..<split])
      new.removeSubrange(..<split)
    }
    var rest = tail.merged(with: new)[...]
    while !rest.isEmpty {
      let chunk = SeriesFold.fill(rest, limits)
      guard chunk.readings.endIndex < rest.endIndex, let end = chunk.readings.last?.time else {
        self.tail = chunk
        return
      }
      sealed.append(chunk)
      self.boundary = end
      rest = rest[chunk.readings.endIndex...]
    }
  }

  /// The readings that are in a closed chunk from now on, and so count in windows.
  var closed: [Reading] { sealed.flatMap(\.readings) + late }

  /// As many of the first readings as one chunk takes.
  private static func fill(_ readings: ArraySlice<Reading>, _ limits: Limits) -> Chunk {
    var part = readings.prefix(limits.maxReadings)
    var blob = ReadingBlob.encode(part)
    while blob.count > limits.maxBytes, part.count > 16 {
      let share = Double(limits.maxBytes) / Double(blob.count) * 0.98
      part = part.prefix(max(16, Int(Double(part.count) * share)))
      blob = ReadingBlob.encode(part)
    }
    return Chunk(readings: part, blob: blob)
  }

  /// A closed chunk with late readings in it, in as many parts as its size asks for.
  static func reopened(_ readings: [Reading], limits: Limits = Limits()) -> [Chunk] {
    parts(readings[...], limits)
  }

  private static func parts(_ readings: ArraySlice<Reading>, _ limits: Limits) -> [Chunk] {
    let blob = ReadingBlob.encode(readings)
    // Half as much again: a full chunk with a few late readings need not be two.
    let fits =
      readings.count <= limits.maxReadings * 3 / 2 && blob.count <= limits.maxBytes * 3 / 2
    if fits || readings.count < 32 { return [Chunk(readings: readings, blob: blob)] }
    let middle = readings.startIndex + readings.count / 2
    return parts(readings[..<middle], limits) + parts(readings[middle...], limits)
  }
}
