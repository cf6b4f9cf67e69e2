package import TelemetryModel

/// Reads every sensor into one pack, and notices when a sensor begins to fail and recovers.
package struct Sampler {
  private var sensors: [any Sensor]
  private var failing: [String: String] = [:]
  private var expectedRecords = 0

  /// A sampler of these sensors, read in this order.
  package init(sensors: [any Sensor]) {
    self.sensors = sensors
  }

  /// One reading of everything.
  /// - Returns: the records, possibly none (rates have no first value), and what changed about
  ///   sensors' health since the last time.
  package mutating func sample(at time: SampleTime) -> Sample {
    var records: [SenMLRecord] = []
    records.reserveCapacity(expectedRecords)
    var changes: [Sample.HealthChange] = []
    for index in sensors.indices {
      let name = sensors[index].name
      do throws(SensorFailure) {
        try sensors[index].read(at: time, into: &records)
        if failing.removeValue(forKey: name) != nil { changes.append(.recovered(sensor: name)) }
      } catch {
        // The same failure every second is one event, not one a second.
        if failing.updateValue(error.reason, forKey: name) != error.reason {
          changes.append(.failed(sensor: name, reason: error.reason))
        }
      }
    }
    expectedRecords = records.count
    return Sample(records: records, changes: changes)
  }
}

/// What one reading of all sensors gave.
package struct Sample: Hashable, Sendable {
  /// The readings.
  package let records: [SenMLRecord]
  /// Sensors that began to fail, fail differently, or recovered.
  package let changes: [HealthChange]

  /// A change of a sensor's health.
  package enum HealthChange: Hashable, Sendable {
    /// The sensor cannot be read, for a reason that was not reported yet.
    case failed(sensor: String, reason: String)
    /// The sensor reads again.
    case recovered(sensor: String)
  }
}
