// swift-tools-version: 6.2
import PackageDescription

let swift: [SwiftSetting] = [
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

// A package of its own, so that nobody who depends on `etl` builds it: `swift run -c release --package-path Benchmarks microbench`.
let package = Package(
    name: "Benchmarks",
    dependencies: [.package(name: "etl", path: "..")],
    targets: [
        .target(name: "CAllocations"),
        .executableTarget(
            name: "microbench",
            dependencies: [
                "CAllocations", .product(name: "CEL", package: "etl"), .product(name: "JSON", package: "etl"),
                .product(name: "Bytes", package: "etl"),
            ], swiftSettings: swift),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)
