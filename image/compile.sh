#!/usr/bin/env bash
# Compiles programs as they are shipped. `make image`, benches and the gateway's profile come from here, so that all of them are the
# same program.
#   image/compile.sh [PROGRAM]...   all of them, or these, into $CARGO_TARGET_DIR/shipped/MACHINE
#   TARGET    Rust's target (default: this machine's, with the GNU C library for the gateway and with musl for the others, ADR 17)
#   PROFILE=1 the gateway by its profile: faster and larger
#   COUNT=1   programs that count what they do, for the profile
set -euo pipefail
cd "$(dirname "$0")/.."
machine=$(uname -m)
all=(spillway-controller region-gateway kubectl-spillway)
profile=$PWD/gateway/profile
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}

# The flags that make the gateway know what it does under load.
by_profile() { # TARGET
  [ "$("$profile/names.sh" "$1")" = "$(cat "$profile/names.txt")" ] ||
    echo "image: the gateway's profile was made with another compiler, Cargo.lock or target, and is of little use: run 'make gateway-profile'" >&2
  # From a place that all clones share: the path is part of what cargo compares.
  local cache=${SPILLWAY_CACHE:-$HOME/.cache/spillway}/profile used
  [[ $cache == /* && $cache != *" "* ]] || { echo "make: SPILLWAY_CACHE is '$cache'; it must be an absolute path without blanks" >&2; exit 1; }
  used=$cache/$(sha256sum "$profile/gateway.profdata" | cut -c1-16).profdata
  mkdir -p "$cache"
  if [ ! -f "$used" ]; then cp "$profile/gateway.profdata" "$used.$$"; mv "$used.$$" "$used"; fi
  flags+=" -Cprofile-use=$used"
}

compile() { # TARGET PROGRAM...
  local target=$1 programs=("${@:2}") build=(cargo build) flags=${RUSTFLAGS:-} compiler=CC_${1//-/_}
  ! command -v rustup >/dev/null || rustup target add "$target"
  if [[ $target == *-musl ]]; then
    if [[ $target != "$machine"-* && -z ${!compiler:-} ]]; then # C and a linker for the other machine
      command -v cargo-zigbuild >/dev/null ||
        { echo "make: 'cargo-zigbuild' is not on PATH: install it with zig (pip install cargo-zigbuild ziglang), or set $compiler"; exit 1; }
      build=(cargo zigbuild)
    fi
    [ "${build[1]}" = zigbuild ] || [ -n "${!compiler:-}" ] || { command -v musl-gcc >/dev/null && export "$compiler=musl-gcc"; } ||
      { echo "make: 'musl-gcc' is not on PATH: install musl-tools (Debian), or set $compiler"; exit 1; }
  else
    [[ $target != "$machine"-* || $(cc -print-file-name=libc.a) == /* ]] ||
      { echo "make: no libc.a: install the static GNU C library (libc6-dev on Debian, glibc-static on Fedora), or set TARGET=$machine-unknown-linux-musl"; exit 1; }
    flags+=" -Ctarget-feature=+crt-static"
  fi
  if [ "${COUNT:-0}" = 1 ]; then
    flags+=" -Cprofile-generate"
  elif [ "${PROFILE:-0}" = 1 ] && [[ " ${programs[*]} " == *" region-gateway "* ]]; then
    by_profile "$target"
  fi
  # Slower to compile, and cheaper requests.
  local lto=thin
  [[ " ${programs[*]} " != *" region-gateway "* ]] || lto=fat
  # All packages, whatever is built of them: it decides the libraries' features, and so the names that the profile knows.
  CARGO_PROFILE_IMAGE_LTO=$lto RUSTFLAGS=$flags "${build[@]}" --locked --profile image --target "$target" "${all[@]/#/--package=}" "${programs[@]/#/--bin=}"
  for program in "${programs[@]}"; do
    install -D "$CARGO_TARGET_DIR/$target/image/$program" "$CARGO_TARGET_DIR/shipped/${target%%-*}/$program"
  done
}

[ $# -gt 0 ] || set -- "${all[@]}"
others=()
for program in "$@"; do
  if [ "$program" = region-gateway ]; then compile "${TARGET:-$machine-unknown-linux-gnu}" "$program"; else others+=("$program"); fi
done
[ ${#others[@]} = 0 ] || compile "${TARGET:-$machine-unknown-linux-musl}" "${others[@]}"
