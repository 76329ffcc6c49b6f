// swift-tools-version: 6.2
import PackageDescription

// Every Swift target is compiled alike. No unsafe flags anywhere, so the package can be a dependency.
let swift: [SwiftSetting] = [
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
]

let package = Package(
    name: "etl",
    products: [
        .library(name: "ETL", targets: ["ETL"]),
        .library(name: "CEL", targets: ["CEL"]),
        .library(name: "JSON", targets: ["JSON"]),
        .library(name: "Bytes", targets: ["Bytes"]),
        .library(name: "JSONSchema", targets: ["JSONSchema"]),
        .executable(name: "etl", targets: ["etl"]),
        .executable(name: "etl-stage", targets: ["etl-stage"]),
    ],
    targets: [
        // The commands: thin, one file per verb.
        .executableTarget(name: "etl", dependencies: ["ETL", "Command", "Log", "Kafka", "CEL", "JSON", "JSONSchema", "Bytes"], swiftSettings: swift),
        .executableTarget(name: "etl-stage", dependencies: ["ETL", "Command"], swiftSettings: swift),
        .target(name: "Command", dependencies: ["ETL", "Bytes", "HTTPServer"], swiftSettings: swift),

        // The engine.
        .target(
            name: "ETL",
            dependencies: ["Bytes", "CBytes", "JSON", "JSONSchema", "CEL", "Log", "Kafka", "Postgres", "YAML", "HTTPServer"],
            swiftSettings: swift),

        // Pure libraries: bytes in, values out.
        .target(name: "Bytes", dependencies: ["CBytes"], swiftSettings: swift),
        .target(name: "JSON", dependencies: ["Bytes", "CBytes"], swiftSettings: swift),
        .target(name: "CEL", dependencies: ["Bytes", "JSON", "CRE2"], swiftSettings: swift),
        .target(name: "JSONSchema", dependencies: ["Bytes", "JSON", "CRE2"], swiftSettings: swift),

        // The boundary between engine and Kafka, with the in-memory log; and the real one behind it.
        .target(name: "Log", dependencies: ["Bytes"], swiftSettings: swift),
        .target(name: "Kafka", dependencies: ["Bytes", "Log", "CRdkafka"], swiftSettings: swift),

        // Other services and formats, each the only importer of its C library.
        .target(name: "Postgres", dependencies: ["Bytes", "CPostgres"], swiftSettings: swift),
        .target(name: "YAML", dependencies: ["CYAML"], swiftSettings: swift),
        .target(name: "HTTPServer", dependencies: ["CMicrohttpd"], swiftSettings: swift),

        // C and C++: module maps and shims.
        .target(name: "CBytes"),
        .systemLibrary(name: "CRdkafka", pkgConfig: "rdkafka", providers: [.apt(["librdkafka-dev"])]),
        .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CMicrohttpd", pkgConfig: "libmicrohttpd", providers: [.apt(["libmicrohttpd-dev"])]),
        .target(name: "CRE2", cxxSettings: [.define("NDEBUG")], linkerSettings: [.linkedLibrary("re2")]),

        // Seeded simulation of the engine's loops; `make simulate`.
        .target(name: "CFiber", path: "Tests/Simulation/CFiber"),
        .target(name: "Simulation", dependencies: ["CFiber", "ETL", "Log", "Bytes"], path: "Tests/Simulation/Model", swiftSettings: swift),
        .executableTarget(name: "simulate", dependencies: ["Simulation"], path: "Tests/Simulation/simulate", swiftSettings: swift),
        .testTarget(name: "SimulationTests", dependencies: ["Simulation"], path: "Tests/Simulation/Tests", swiftSettings: swift),
        // Single operations, measured: `swift run -c release microbench`. No product, so who depends on this package builds none of it.
        .target(name: "CAllocations", path: "Benchmarks/micro/CAllocations"),
        .target(name: "BenchmarkSubjects", dependencies: ["ETL", "Log", "CEL", "JSON", "Bytes"], path: "Benchmarks/micro/Subjects", swiftSettings: swift),
        .executableTarget(name: "microbench", dependencies: ["BenchmarkSubjects", "CAllocations"], path: "Benchmarks/micro/microbench", swiftSettings: swift),

        // Tests, in folders that mirror the sources.
        .target(name: "TestServices", path: "Tests/TestServices", swiftSettings: swift),
        .testTarget(name: "BytesTests", dependencies: ["Bytes"], swiftSettings: swift),
        .testTarget(name: "JSONTests", dependencies: ["JSON", "Bytes"], swiftSettings: swift),
        .testTarget(name: "JSONSchemaTests", dependencies: ["JSONSchema", "JSON", "Bytes"], swiftSettings: swift),
        .testTarget(name: "CELTests", dependencies: ["CEL", "JSON", "Bytes"], swiftSettings: swift),
        .testTarget(name: "LogTests", dependencies: ["Log", "Bytes"], swiftSettings: swift),
        .testTarget(name: "KafkaTests", dependencies: ["Kafka", "CRdkafka", "Log", "Bytes", "TestServices"], swiftSettings: swift),
        .testTarget(name: "PostgresTests", dependencies: ["Postgres", "Bytes", "TestServices"], swiftSettings: swift),
        .testTarget(name: "YAMLTests", dependencies: ["YAML"], swiftSettings: swift),
        .testTarget(name: "HTTPServerTests", dependencies: ["HTTPServer", "TestServices"], swiftSettings: swift),
        .testTarget(name: "CommandTests", dependencies: ["Command", "TestServices"], swiftSettings: swift),
        .testTarget(
            name: "ETLTests",
            dependencies: [
                "ETL", "Bytes", "JSON", "CEL", "JSONSchema", "Log", "Kafka", "Postgres", "YAML", "HTTPServer", "TestServices",
            ],
            swiftSettings: swift),
        .testTarget(
            name: "PipelineTests", dependencies: ["ETL", "Log", "Kafka", "Postgres", "Bytes", "JSON", "TestServices"],
            swiftSettings: swift),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)
