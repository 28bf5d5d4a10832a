#!/usr/bin/env bash
# Compiles programs as they are shipped. `make image`, benches and the gateway's profile come from here, so that all of them are the
# same program.
#   image/compile.sh [--bin NAME]...   all programs, or these
#   TARGET    Rust's target (default: this machine's, with musl)
#   PROFILE=1 by the gateway's profile (ADR 17): faster and larger
#   COUNT=1   programs that count what they do, for the profile
set -euo pipefail
cd "$(dirname "$0")/.."
machine=$(uname -m)
TARGET=${TARGET:-$machine-unknown-linux-musl}
profile=$PWD/gateway/profile

build=(cargo build)
compiler=CC_${TARGET//-/_}
if [[ $TARGET == *-musl ]]; then
  command -v rustup >/dev/null && rustup target add "$TARGET"
  if [[ $TARGET != "$machine"-* && -z ${!compiler:-} ]]; then # C and a linker for the other machine
    command -v cargo-zigbuild >/dev/null ||
      { echo "make: 'cargo-zigbuild' is not on PATH: install it with zig (pip install cargo-zigbuild ziglang), or set $compiler"; exit 1; }
    build=(cargo zigbuild)
  fi
  [ "${build[1]}" = zigbuild ] || [ -n "${!compiler:-}" ] || { command -v musl-gcc >/dev/null && export "$compiler=musl-gcc"; } ||
    { echo "make: 'musl-gcc' is not on PATH: install musl-tools (Debian), or set $compiler"; exit 1; }
fi

if [ "${COUNT:-0}" = 1 ]; then
  export RUSTFLAGS="${RUSTFLAGS:-} -Cprofile-generate"
elif [ "${PROFILE:-0}" = 1 ]; then
  [ "$("$profile/names.sh")" = "$(cat "$profile/names.txt")" ] ||
    echo "image: the gateway's profile was made with another compiler or Cargo.lock, and is of little use: run 'make gateway-profile'" >&2
  # From a place that all clones share: the path is part of what cargo compares.
  cache=${SPILLWAY_CACHE:-$HOME/.cache/spillway}/profile
  [[ $cache == /* && $cache != *" "* ]] || { echo "make: SPILLWAY_CACHE is '$cache'; it must be an absolute path without blanks"; exit 1; }
  used=$cache/$(sha256sum "$profile/gateway.profdata" | cut -c1-16).profdata
  mkdir -p "$cache"
  if [ ! -f "$used" ]; then cp "$profile/gateway.profdata" "$used.$$"; mv "$used.$$" "$used"; fi
  export RUSTFLAGS="${RUSTFLAGS:-} -Cprofile-use=$used"
fi
# All packages, whatever is built of them: it decides the libraries' features, and so the names that the profile knows.
"${build[@]}" --locked --profile image --target "$TARGET" \
  --package spillway-controller --package region-gateway --package kubectl-spillway "$@"
