import Glibc
import TelemetryModel
import Testing

@testable import hawser

@Suite("Plots for terminals")
struct TextPlotTests {
  private func plot(from: Double, to: Double, joined: Double = 1.5, width: Int = 24) -> TextPlot {
    TextPlot(from: from, to: to, joined: joined, width: width, height: 4)
  }

  /// The columns in which there is a dot.
  private func marked(_ lines: [String]) -> Set<Int> {
    var columns: Set<Int> = []
    for line in lines.dropLast() {
      for (column, scalar) in line.unicodeScalars.enumerated()
      where scalar.value > 0x2800 && scalar.value <= 0x28FF {
        columns.insert(column)
      }
    }
    return columns
  }

  @Test("A plot rises where its values do, between their extremes")
  func rises() {
    let lines = plot(from: 0, to: 39).lines((0..<40).map { (time: Double($0), value: Double($0)) })
    #expect(lines.count == 5)
    #expect(lines[0].hasPrefix("39 │") && lines[3].hasPrefix(" 0 │"))
    let marks = lines.prefix(4).map { line in
      Array(line.unicodeScalars).firstIndex { $0.value > 0x2800 && $0.value <= 0x28FF } ?? -1
    }
    #expect(marks == marks.sorted(by: >) && marks.allSatisfy { $0 > 0 })
    #expect(plot(from: 0, to: 1).lines([]) == ["nothing was measured"])
    #expect(TextPlot.spark([1, 2, 3, 8]) == "▁▂▃█")
  }

  @Test("Neighbours are joined, what lies further apart is a gap, and the ends are those asked for")
  func gaps() {
    let points = [(0, 1), (1, 1), (2, 1), (7, 1), (8, 1)].map {
      (time: Double($0.0 * 10), value: Double($0.1))
    }
    let lines = plot(from: 0, to: 160, joined: 15, width: 67).lines(points)
    let first = "1 │".count
    let columns = marked(lines).map { $0 - first }
    // 64 columns for 160 s: a column is 2.5 s.
    #expect((0...8).allSatisfy { columns.contains($0) })
    #expect((28...32).allSatisfy { columns.contains($0) })
    #expect((10...26).allSatisfy { !columns.contains($0) })
    #expect((34...63).allSatisfy { !columns.contains($0) })
  }

  @Test("Times are those of the machine's zone, which is named")
  func zone() {
    var moment: time_t = 39
    var parts = tm()
    localtime_r(&moment, &parts)
    let zone = String(cString: parts.tm_zone)
    let line = plot(from: 0, to: 39, width: 80).lines([(time: 0, value: 1)]).last ?? ""
    #expect(line.hasSuffix(":39 \(zone)"))
    #expect(line.split(separator: " ").count == 5)
  }

  @Test(
    "No value is too large for a plot",
    arguments: [
      [-1.7e308, 1.7e308], [0, .greatestFiniteMagnitude], [.leastNonzeroMagnitude, 0],
      [.infinity, 1, .nan],
    ])
  func extremes(_ values: [Double]) {
    let points = values.enumerated().map { (time: Double($0.offset), value: $0.element) }
    #expect(plot(from: 0, to: 2).lines(points).count == 5)
    #expect(plot(from: -1e300, to: 1e300).lines(points).count == 5)
    #expect(TextPlot.spark(values).count == values.count)
  }
}
