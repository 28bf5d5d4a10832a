# The front door. `make help` lists what can be done; everything else is for scripts.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# Builds are kept outside the clone, so that every clone on a machine shares them.
SPILLWAY_CACHE ?= $(HOME)/.cache/spillway
export SPILLWAY_CACHE
export CARGO_TARGET_DIR ?= $(SPILLWAY_CACHE)/target
BIN := $(CARGO_TARGET_DIR)/debug
KEEP ?= 0

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

.PHONY: tools
tools:
	@for tool in cargo cc; do command -v $$tool >/dev/null || { echo "make: '$$tool' is not on PATH: Spillway needs Rust (rustup), a C compiler, and Go 1.26 or later for its test world"; exit 1; }; done
	@[ -n "$$KUBEBUILDER_ASSETS" ] || command -v go >/dev/null || { echo "make: 'go' is not on PATH: install Go 1.26 or later, or set KUBEBUILDER_ASSETS to a folder with kube-apiserver and etcd"; exit 1; }

.PHONY: build
build: tools ## compile every program (debug profile), and the control planes of the test world
	@cargo build --workspace --bins
	@$(BIN)/world build

.PHONY: demo
demo: build ## watch a region fail over and come home; KEEP=1 leaves the world up
	@KEEP=$(KEEP) $(BIN)/demo

.PHONY: test
test: lint unit stories ## everything that must be true: lints, unit tests, properties, stories on real control planes

.PHONY: lint
lint: tools ## formatting and clippy
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

.PHONY: unit
unit: build ## unit tests, tables, properties, CRD freshness
	cargo test --workspace --locked --exclude spillway-e2e
	cargo test -p spillway-e2e --locked --lib --bins
	cargo test -p spillway-placement --locked --features shuttle --test concurrent

.PHONY: miri
miri: ## the placement map under Miri, which watches for data races: some minutes; needs rustup, takes a nightly toolchain
	rustup toolchain install nightly --profile minimal --component miri --component rust-src
	MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-ignore-leaks" PROPTEST_CASES=2 cargo +nightly miri test -p spillway-placement --test threads --test model -- threads_that refuses an_id a_member does_what a_walk

FUZZ_TARGETS := redirects framing answers proxy_header file forwarded dns annotations
.PHONY: fuzz
fuzz: ## throw bytes at every parser, MINUTES each (10); TARGETS picks some; needs rustup, takes a nightly toolchain and cargo-fuzz
	rustup toolchain install nightly --profile minimal
	@command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --locked
	@cd fuzz && for target in $(or $(TARGETS),$(FUZZ_TARGETS)); do \
		echo "== $$target"; mkdir -p corpus/$$target; feature=; [ $$target = redirects ] || feature="--features gateway"; \
		CARGO_TARGET_DIR=$(SPILLWAY_CACHE)/fuzz cargo +nightly fuzz run $$feature $$target corpus/$$target seeds/$$target -- \
			-max_total_time=$$(( $(or $(MINUTES),10) * 60 )) -max_len=4096 || exit 1; \
	done

.PHONY: stories
stories: build ## the stories of failing regions, on real control planes
	RUST_BACKTRACE=0 cargo test -p spillway-e2e --locked --no-fail-fast --test '*' -- --nocapture --test-threads=16

.PHONY: sim
sim: ## play 10,000 random worlds in virtual time; COUNT, FROM and THREADS say otherwise
	cargo run -q --release -p spillway-sim -- worlds --count $(or $(COUNT),10000) --from $(or $(FROM),0) --threads $(or $(THREADS),2)

.PHONY: crds
crds: ## write crds/yaml and docs/api-fields.md from the Rust types
	cargo run -q -p spillway-crds --bin crdgen

.PHONY: chart
chart: crds ## write what is made of the chart: its README, its CRDs, the permissions in docs/security.md
	cargo run -q -p spillway-e2e --bin chart -- documents

E2E_PROGRAMS := kind-stories world kubectl-spillway $(if $(filter release,$(IMAGES)),,spillway-controller region-gateway)
.PHONY: e2e
e2e: ## the stories on kind clusters, by images, chart and join; REGIONS=3, KEEP=1, STORIES=latency,…, IMAGES=release, FROM=…; skips without Docker
	@for tool in docker kind kubectl; do command -v $$tool >/dev/null || { echo "e2e: SKIPPED: $$tool is not on PATH"; exit 0; }; done; \
	for tool in cargo cc; do command -v $$tool >/dev/null || { echo "make: '$$tool' is not on PATH: Spillway needs Rust (rustup) and a C compiler"; exit 1; }; done; \
	[ "$(IMAGES)" != release ] || image/build.sh || exit 1; \
	cargo build --locked $(E2E_PROGRAMS:%=--bin %) && \
	$(BIN)/kind-stories --output $(CARGO_TARGET_DIR)/e2e $(if $(filter release,$(IMAGES)),--images $(CARGO_TARGET_DIR)/images)

.PHONY: image
image: ## static programs in images from nothing, checked; TAG, REGISTRY, TARGET, PROFILE=1; some minutes; without Docker, archives only
	@image/build.sh

# The programs as they are in images, for benches.
SHIPPED := $(CARGO_TARGET_DIR)/shipped/$(firstword $(subst -, ,$(TARGET)) $(shell uname -m))

.PHONY: clean-cache
clean-cache: ## remove the shared build cache (compiled Rust and control planes)
	rm -rf $(SPILLWAY_CACHE)

.PHONY: bench
bench: bench-placement bench-detection bench-gateway bench-failover bench-traffic ## every benchmark; figures in target/bench, pages in docs/

.PHONY: bench-failover
bench-failover: tools ## 100 failovers with the region's gateway alive and 100 with it dead: about 25 minutes; ARGS=--quick is 3
	nice cargo build --release --locked -p spillway-e2e -p region-gateway -p spillway-controller --bins
	$(CARGO_TARGET_DIR)/release/world build
	$(CARGO_TARGET_DIR)/release/bench-failover $(or $(ARGS),--document docs/failover-bench.md)

.PHONY: bench-traffic
bench-traffic: tools ## what the traffic loop of 37 regions and 10,000 routes costs a gateway: about 6 minutes
	nice cargo build --release --locked -p spillway-e2e --bins
	nice image/compile.sh region-gateway
	$(CARGO_TARGET_DIR)/release/bench-traffic --gateway $(SHIPPED)/region-gateway $(or $(ARGS),--document docs/failover-bench.md)

.PHONY: bench-detection
bench-detection: ## recall, false shifts and delay beside four other detectors: about 7 minutes of one core
	@command -v cargo >/dev/null || { echo "make: 'cargo' is not on PATH: install Rust (rustup)"; exit 1; }
	nice cargo build --release --locked -p spillway-detection
	$(CARGO_TARGET_DIR)/release/bench-detection run --document docs/detection.md --plot docs/detection.svg

.PHONY: bench-placement
bench-placement: ## the placement map beside its rivals: about 20 minutes on a quiet machine; uses Go if it is there
	@command -v cargo >/dev/null || { echo "make: 'cargo' is not on PATH: install Rust (rustup)"; exit 1; }
	cargo build --release --locked -p spillway-bench-placement
	$(CARGO_TARGET_DIR)/release/spillway-bench-placement

RIVALS := $(SPILLWAY_CACHE)/rivals

.PHONY: bench-gateway
bench-gateway: ## the region gateway beside HAProxy, nginx, Envoy and Traefik: 12 minutes on a quiet machine, writes docs/gateway-bench.md; ARGS=--quick for seconds
	@command -v cargo >/dev/null || { echo "make: 'cargo' is not on PATH: install Rust (rustup)"; exit 1; }
	cargo build --release --locked -p spillway-bench-gateway
	image/compile.sh region-gateway
	bench/gateway/rivals.sh $(RIVALS)
	$(CARGO_TARGET_DIR)/release/spillway-bench-gateway --rivals $(RIVALS) --gateway $(SHIPPED)/region-gateway $(ARGS)

.PHONY: gateway-profile
gateway-profile: ## what the compiler is to know of the gateway's way (ADR 17), after changes of it or of the compiler; some minutes
	gateway/profile/train.sh

CONFORMANCE := $(SPILLWAY_CACHE)/conformance

.PHONY: conformance
conformance: ## HTTP as others understand it: httpwg-cli (RFC 9113), raw frames, grpcio, websockets, curl; about a minute
	@for tool in cargo curl python3; do command -v $$tool >/dev/null || { echo "make: '$$tool' is not on PATH"; exit 1; }; done
	cargo build -q --locked -p region-gateway
	conformance/tools.sh $(CONFORMANCE)
	REGION_GATEWAY=$(BIN)/region-gateway HTTPWG=$(CONFORMANCE)/bin/httpwg PYTHONDONTWRITEBYTECODE=1 \
		$(CONFORMANCE)/venv/bin/python -m unittest discover -s conformance -v
