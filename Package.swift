// swift-tools-version: 6.2
import PackageDescription

// Every target: Swift 6 mode (complete concurrency checking), warnings are errors, and the
// upcoming features that make imports and existentials visible where they are used.
let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .treatAllWarnings(as: .error),
]

let nio: [Target.Dependency] = [
  .product(name: "NIOCore", package: "swift-nio"),
  .product(name: "NIOPosix", package: "swift-nio"),
  .product(name: "NIOHTTP1", package: "swift-nio"),
]
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(
  name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(
  name: "UnixSignals", package: "swift-service-lifecycle")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

func source(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(
  _ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []
) -> Target {
  .testTarget(
    name: name, dependencies: dependencies, exclude: exclude, swiftSettings: settings)
}

let package = Package(
  name: "hawser",
  products: [
    .executable(name: "hawser", targets: ["hawser"]),
    .executable(name: "hawser-agent", targets: ["hawser-agent"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
  ],
  targets: [
    .systemLibrary(name: "CYaml", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .target(name: "CPrefetch"),
    .target(name: "CWallClock"),
    .target(name: "CZlib", linkerSettings: [.linkedLibrary("z")]),
    .target(name: "CLinux"),
    source("TelemetryModel"),
    source("DeviceProtocol", ["TelemetryModel"]),
    source(
      "WebSocketTransport",
      nio + [
        "CPrefetch", "CZlib",
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
        .product(name: "NIOTLS", package: "swift-nio"),
      ]),
    source(
      "BrokerCore",
      [
        "DeviceProtocol", "TelemetryModel", logging,
        .product(name: "Metrics", package: "swift-metrics"),
      ]),
    source(
      "TelemetryStore",
      [
        "BrokerCore", "DeviceProtocol", "TelemetryModel", logging,
        .product(name: "GRDB", package: "GRDB.swift"),
      ]),
    .target(
      name: "BrokerServer",
      dependencies: nio + [
        "BrokerCore", "DeviceProtocol", "TelemetryModel", "WebSocketTransport", "CZlib", logging,
        lifecycle, .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "Metrics", package: "swift-metrics"),
      ],
      // The dashboard's files become part of the program: one binary is a whole broker.
      // So do the descriptions of what it serves.
      resources: [.embedInCode("Dashboard"), .embedInCode("Descriptions")],
      swiftSettings: settings),
    source("AgentCore", ["DeviceProtocol", "TelemetryModel", logging]),
    source("LinuxSensors", ["AgentCore", "TelemetryModel"]),
    source("Settings", ["CYaml"]),
    program(
      "hawser",
      nio + [
        "BrokerServer", "TelemetryStore", "BrokerCore", "DeviceProtocol", "TelemetryModel",
        "WebSocketTransport", "Settings", arguments, lifecycle, unixSignals, logging,
      ]),
    program(
      "hawser-agent",
      nio + [
        "LinuxSensors", "AgentCore", "DeviceProtocol", "TelemetryModel", "WebSocketTransport",
        "Settings", "CLinux", "CWallClock", arguments, lifecycle, unixSignals, logging,
      ]),
    .target(name: "TestValues", path: "Tests/TestValues", swiftSettings: settings),
    tests("TelemetryModelTests", ["TelemetryModel", "TestValues"], exclude: ["SenML/Vectors"]),
    tests(
      "WebSocketTransportTests",
      nio + [
        "WebSocketTransport", "CZlib", "TestValues",
        .product(name: "NIOEmbedded", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
      ]),
    tests(
      "BrokerCoreTests", ["BrokerCore", "DeviceProtocol", "TelemetryModel", "TestValues", logging]),
    tests(
      "TelemetryStoreTests",
      [
        "TelemetryStore", "BrokerCore", "DeviceProtocol", "TelemetryModel", "TestValues", logging,
        .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "Metrics", package: "swift-metrics"),
      ], exclude: ["Recordings"]),
    tests(
      "BrokerServerTests",
      [
        "BrokerServer", "BrokerCore", "DeviceProtocol", "TelemetryModel", logging,
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOEmbedded", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "Metrics", package: "swift-metrics"),
      ]),
    tests("HawserTests", [arguments, "hawser", "Settings"]),
    tests("DeviceProtocolTests", ["DeviceProtocol", "TelemetryModel", "TestValues"]),
    tests("SettingsTests", ["Settings"]),
    tests("LinuxSensorsTests", ["LinuxSensors", "AgentCore", "TelemetryModel"]),
    tests(
      "AgentCoreTests",
      ["AgentCore", "DeviceProtocol", "Simulation", "TelemetryModel", "TestValues"]),
    tests(
      "HawserAgentTests",
      nio + ["hawser-agent", "AgentCore", "Settings", "TelemetryModel", "WebSocketTransport"]),
    .target(
      name: "Simulation",
      dependencies: ["AgentCore", "BrokerCore", "DeviceProtocol", "TelemetryModel", "TestValues"],
      path: "Tests/Simulation", swiftSettings: settings),
    tests("SimulationTests", ["Simulation", "TestSupport", "AgentCore"]),
    .executableTarget(
      name: "simulate-networks", dependencies: ["Simulation"],
      path: "Tests/Benchmarks/Simulation", swiftSettings: settings),
    .target(
      name: "FuzzTargets",
      dependencies: nio + [
        "WebSocketTransport", "CZlib", "TestValues",
        .product(name: "NIOEmbedded", package: "swift-nio"),
      ], path: "Tests/FuzzTargets", swiftSettings: settings),
    tests("FuzzTests", ["FuzzTargets"]),
    .executableTarget(
      name: "fuzz", dependencies: ["FuzzTargets"], path: "Tests/Benchmarks/Fuzz",
      swiftSettings: settings),
    .systemLibrary(name: "CEpoll", path: "Tests/Benchmarks/CEpoll"),
    .target(
      name: "BenchmarkSupport", path: "Tests/Benchmarks/Support", swiftSettings: settings),
    .executableTarget(
      name: "ws-bench",
      dependencies: nio + [
        "BenchmarkSupport", "WebSocketTransport", "CEpoll", "CZlib",
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
      ], path: "Tests/Benchmarks/WebSocket", swiftSettings: settings),
    .executableTarget(
      name: "live-bench", dependencies: ["BenchmarkSupport", "CEpoll"],
      path: "Tests/Benchmarks/Live", swiftSettings: settings),
    .executableTarget(
      name: "telemetry-bench",
      dependencies: [
        "BenchmarkSupport", "TelemetryStore", "BrokerCore", "DeviceProtocol", "TelemetryModel",
        logging, .product(name: "Metrics", package: "swift-metrics"),
      ], path: "Tests/Benchmarks/Telemetry", exclude: ["Peers"], swiftSettings: settings),
    .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: settings),
    tests("ArchitectureTests"),
    tests(
      "EndToEndTests", ["TestSupport", "TestValues", "AgentCore", "DeviceProtocol"],
      exclude: ["Conformance", "Peers"]),
  ]
)
