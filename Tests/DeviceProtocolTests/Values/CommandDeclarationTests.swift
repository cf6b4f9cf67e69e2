import DeviceProtocol
import TelemetryModel
import Testing

@Suite("Parameters of commands")
struct CommandDeclarationTests {
  private let blink = CommandDeclaration(
    name: "blink",
    params: [
      .init(name: "times", kind: .integer, min: 1, max: 10),
      .init(name: "every", kind: .number, unit: "s", min: 0.5, defaultValue: 2),
      .init(name: "colour", kind: .string, values: ["red", "green"], isOptional: true),
      .init(name: "loud", kind: .boolean, isOptional: true),
      .init(name: "note", kind: .string, maxBytes: 4, isOptional: true),
    ])

  private func object(_ value: JSONValue) -> JSONObject { value.object ?? JSONObject() }

  @Test("What fits is taken, with the defaults of what is missing")
  func fits() throws {
    #expect(try blink.check(object(["times": 3])) == object(["times": 3, "every": 2]))
    let all: JSONValue = [
      "times": 10, "every": ["value": 0.5, "unit": "s"], "colour": "red", "loud": false,
      "note": "éé",
    ]
    #expect(
      try blink.check(object(all))
        == object(["times": 10, "every": 0.5, "colour": "red", "loud": false, "note": "éé"]))
    #expect(try blink.check(object(["times": 1, "loud": nil]))["loud"] == nil)
  }

  @Test(
    "What does not fit is refused by name",
    arguments: [
      ([:], "times"), (["times": "3"], "times"), (["times": 1.5], "times"), (["times": 0], "times"),
      (["times": 11], "times"), (["times": true], "times"), (["times": ["value": 3]], "times"),
      (["times": 1, "every": 0.4], "every"),
      (["times": 1, "every": ["value": 1, "unit": "min"]], "every"),
      (["times": 1, "every": ["value": 1, "unit": "s", "x": 1]], "every"),
      (["times": 1, "colour": "blue"], "colour"), (["times": 1, "colour": 1], "colour"),
      (["times": 1, "loud": "yes"], "loud"), (["times": 1, "note": "ééé"], "note"),
      (["times": 1, "speed": 1], "speed"), (["times": 1e300], "times"),
    ] as [(JSONValue, String)])
  func refused(given: JSONValue, name: String) {
    #expect { try blink.check(object(given)) } throws: { ($0 as? CommandFault)?.parameter == name }
  }

  @Test("What is typed is read by the declared kind")
  func typed() throws {
    #expect(
      try blink.read(["times": "3", "every": "1.5 s", "loud": "on", "note": "12"])
        == object(["times": 3, "every": 1.5, "loud": true, "note": "12"]))
    #expect(try blink.read(["times": "3", "every": "2s"])["every"] == 2)
    for (name, text) in [
      ("times", "3s"), ("times", "three"), ("every", "1 min"), ("loud", "maybe"), ("times", "nan"),
      ("times", "inf"), ("nothing", "x"),
    ] {
      var typed = ["times": "1"]
      typed[name] = text
      #expect { try blink.read(typed) } throws: { ($0 as? CommandFault)?.parameter == name }
    }
  }
}
