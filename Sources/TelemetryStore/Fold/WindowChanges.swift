import TelemetryModel

/// What readings add to the windows of every stored resolution: the shortest are made of the
/// readings, each longer one of the one before.
struct WindowChanges {
  private(set) var byLevel: [(level: WindowLevel, windows: [StoredWindow])] = []

  init(_ readings: some Sequence<Reading>) {
    var shortest = TumblingWindows(.s10, withSketch: true)
    for reading in readings { shortest.add(reading.value, at: reading.time) }
    var windows = WindowChanges.take(&shortest)
    byLevel.append((.s10, windows))
    for level in WindowLevel.allCases.dropFirst() {
      var longer = TumblingWindows(level.resolution, withSketch: true)
      for window in windows { longer.merge(window.summary, startingAt: window.start) }
      windows = WindowChanges.take(&longer)
      byLevel.append((level, windows))
    }
  }

  static func take(_ windows: inout TumblingWindows) -> [StoredWindow] {
    windows.takeChanges().map { StoredWindow(start: $0.start, summary: $0.summary) }
  }
}

extension [StoredWindow] {
  /// These windows with what was added to them since, both ordered by start.
  func merged(with added: some Sequence<StoredWindow>) -> [StoredWindow] {
    var merged: [StoredWindow] = []
    merged.reserveCapacity(count)
    var index = startIndex
    for window in added {
      while index < endIndex, self[index].start < window.start {
        merged.append(self[index])
        index += 1
      }
      if index < endIndex, self[index].start == window.start {
        var whole = self[index]
        whole.summary.merge(window.summary)
        merged.append(whole)
        index += 1
      } else {
        merged.append(window)
      }
    }
    merged.append(contentsOf: self[index...])
    return merged
  }
}
