# make run     throw-away Kafka and PostgreSQL, the orders topology over its CSV files, and what became of them (KEEP=1 keeps both)
# make test    every test, real services included; closes with `N passed, N failed`
# make chaos   breaks the pipeline 300 times in all the ways of docs/chaos.md, and counts (CHAOS="--faults 100 --seed 7")
# make simulate  the real loops against seeded crashes and failures, on a virtual clock (SEEDS=10000 FROM=1 TRACE=1)
# make fuzz    libFuzzer, then random generators, on expressions, schemas and records, for a minute each (FUZZ_SECONDS=60)
# make bench   the works of Benchmarks/README.md beside their rivals (WORK=W2, or several; RUNS=5 RECORDS=1000000)
# make build, make fmt, make clean
.PHONY: run test chaos simulate fuzz bench build setup fmt clean

# What `make chaos` does unless told otherwise; Tests/chaos/chaos.py --help has the options.
CHAOS ?= --faults 300

# For how long `make fuzz` looks.
FUZZ_SECONDS ?= 60

# Which seeds `make simulate` runs.
FROM ?= 1
SEEDS ?= 10000

run: build
	@scripts/run $(if $(KEEP),--keep)

test: setup
	@scripts/test

chaos: build
	@.venv/bin/python Tests/chaos/chaos.py $(CHAOS)

simulate:
	@swift build -c release --product simulate
	@.build/release/simulate --from=$(FROM) --seeds=$(SEEDS) $(if $(TRACE),--trace)

fuzz: setup
	@scripts/fuzz $(FUZZ_SECONDS)
	@swift build --build-tests && FUZZ_SECONDS=$(FUZZ_SECONDS) swift test --skip-build --filter 'FuzzTests'

bench: build
	@Benchmarks/run $(WORK)

build: setup
	@swift build -c release

setup:
	@scripts/setup

fmt:
	@swift format --in-place --recursive Sources Tests Benchmarks Package.swift

clean:
	@scripts/run stop
	@rm -rf .build
