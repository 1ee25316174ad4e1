# `make playground` runs the main job on this machine; `make test` passes all tests. Both install what they lack of
# Debian's packages: a C linker for Rust, and MariaDB's server.

CARGO ?= cargo
SECONDS_OF_LOAD ?= 10
ROUNDS ?= 100
SEED ?=
LENGTH ?=
INPUTS ?=
KINDS ?=
CASES ?=
# What `make test` runs on a MySQL as well: these are quick there.
SOME_CASES ?= accounts ddl_types sink recordings:everything_equals_its_dump
# Tests wait for servers most of their time: more of them at once than there are cores.
TEST_THREADS ?= 4

.PHONY: all build playground test matrix soak random fuzz bench memory lint generated packages clean

all: build

build: packages
	$(CARGO) build --release

playground: build
	target/release/tisync playground --duration $(SECONDS_OF_LOAD)

test: packages
	status=0; \
	RUST_TEST_THREADS=$(TEST_THREADS) $(CARGO) test --no-fail-fast || status=1; \
	CARGO="$(CARGO)" TEST_THREADS=$(TEST_THREADS) CASES="$(SOME_CASES)" sh .ci/matrix mysql9 || status=1; \
	exit $$status

# The cases that take any server, on each kind that can be had here, with a table at the end. Needs Maven, unzip and apt for most of them.
# `make matrix KINDS="mysql8.0 mysql9" CASES="recordings faults"` runs some.
matrix: packages
	CARGO="$(CARGO)" TEST_THREADS=$(TEST_THREADS) CASES="$(CASES)" sh .ci/matrix $(KINDS)

# Many rounds of faults, with a table at the end: `make soak ROUNDS=1000`; `make soak SEED=17 ROUNDS=1` plays one again. Without
# a seed they are other ones each time.
soak: packages
	TISYNC_FAULT_ROUNDS=$(ROUNDS) TISYNC_FAULT_SEED=$(or $(SEED),$(shell date +%s)000) $(CARGO) test --test faults

# Random DML and DDL from a seed, with kills: `make random SEED=17 ROUNDS=200`; `make random SEED=17 ROUNDS=1 LENGTH=40` plays the
# first 40 turns of one. Without a seed they are other ones each time. Where TISYNC_LIVE_… names clusters, it goes to a real TiDB as well.
random: packages
	TISYNC_RANDOM_ROUNDS=$(ROUNDS) TISYNC_RANDOM_LENGTH=$(LENGTH) TISYNC_RANDOM_SEED=$(or $(SEED),$(shell date +%s)000) $(CARGO) test --test random -- --nocapture

# Damaged bytes for every reader of what comes from outside, with an optimised build: `make fuzz INPUTS=10000000`, with other ones each time; `make fuzz
# SEED=1 INPUTS=150000` gives those of `make test`. What fails is kept in target/fuzz.
fuzz: packages
	FUZZ_INPUTS=$(or $(INPUTS),10000000) FUZZ_SEED=$(or $(SEED),$(shell date +%s)) $(CARGO) test --release --test fuzz -- --nocapture

# Times decoding on one core, and `sync` against a bulk load of the same rows; benches/README.md says how to read it. Leaves out
# what needs recordings that are not there.
bench: packages
	$(CARGO) bench --bench decode
	$(CARGO) bench --bench apply

# Peaks of memory at the full sizes: a transaction of 512 MiB, a million transactions, 5,000 tables, 40,000 DDL jobs.
memory: packages
	$(CARGO) test --release --test memory -- --include-ignored --nocapture --test-threads 1

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings

# The completions and manual pages in the repository come from the program itself; a test compares them.
generated:
	mkdir -p completions man
	$(CARGO) build
	for shell in bash elvish fish powershell zsh; do target/debug/tisync completions $$shell > completions/tisync.$$shell || exit 1; done
	target/debug/tisync man --dir man

packages:
	@sh .ci/packages

clean:
	$(CARGO) clean
