#!/usr/bin/env bash
# `make gateway-profile`: has a gateway that counts what it does serve the bench's cases, and writes gateway.profdata (ADR 17).
set -euo pipefail
cd "$(dirname "$0")/../.."
cache=${SPILLWAY_CACHE:-$HOME/.cache/spillway}
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}
command -v rustup >/dev/null || { echo "make: 'rustup' is not on PATH: it brings llvm-profdata"; exit 1; }
rustup component add llvm-tools
profdata=$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin/llvm-profdata
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
cases=plain,64k,tls,h2,redirects,access-log,all

bench/gateway/rivals.sh "$cache/rivals"
cargo build --release --locked -p spillway-bench-gateway
COUNT=1 CARGO_TARGET_DIR=$cache/profile/target image/compile.sh region-gateway
LLVM_PROFILE_FILE="$work/%m.profraw" "$CARGO_TARGET_DIR/release/spillway-bench-gateway" --rivals "$cache/rivals" \
  --gateway "$cache/profile/target/shipped/$(uname -m)/region-gateway" --proxies spillway \
  --cases "$cases" --rounds 1 --seconds 3 --out "$work" --document "$work/page.md" | tee "$work/figures"
[ "$(grep -c '^{"proxy"' "$work/figures")" = "$(tr ',' '\n' <<<"$cases" | wc -l)" ] || { echo "make: not all cases were served"; exit 1; }
# Sparse: of what was not called it says nothing, so that the compiler does not take it for useless.
"$profdata" merge --sparse --output gateway/profile/gateway.profdata "$work"/*.profraw
gateway/profile/names.sh "$(uname -m)-unknown-linux-gnu" >gateway/profile/names.txt
"$profdata" show gateway/profile/gateway.profdata
