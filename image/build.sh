#!/usr/bin/env bash
# `make image`: static programs, an image from nothing for each, and its size. Where Docker runs, they are loaded into it.
#   TAG       of the images (default: the workspace's version)
#   REGISTRY  before their names, as `image.registry` of the chart
#   TARGET    Rust's target (default: this machine's, with musl)
#   OUTPUT    where the archives go
set -euo pipefail
cd "$(dirname "$0")/.."
machine=$(uname -m)
TARGET=${TARGET:-$machine-unknown-linux-musl}
TAG=${TAG:-$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)}
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}
OUTPUT=${OUTPUT:-$CARGO_TARGET_DIR/images}
programs=(spillway-controller region-gateway kubectl-spillway)
case $TARGET in x86_64-*) architecture=amd64 ;; aarch64-*) architecture=arm64 ;; *) architecture=${TARGET%%-*} ;; esac

compiler=CC_${TARGET//-/_}
if [[ $TARGET == *-musl ]]; then
  command -v rustup >/dev/null && rustup target add "$TARGET"
  [ -n "${!compiler:-}" ] || { command -v musl-gcc >/dev/null && export "$compiler=musl-gcc"; } ||
    { echo "make: 'musl-gcc' is not on PATH: install musl-tools (Debian), or set $compiler"; exit 1; }
fi
cargo build --locked --profile image --target "$TARGET" "${programs[@]/#/--package=}"
for program in "${programs[@]}"; do
  file=$CARGO_TARGET_DIR/$TARGET/image/$program
  archive=$OUTPUT/$program-$TAG-$architecture.tar
  name=${REGISTRY:+${REGISTRY%/}/}$program:$TAG
  image/archive.sh "$file" "$name" "$architecture" "$archive"
  echo "$name: $(($(stat -c %s "$archive") / 1024)) KiB, $archive"
  if docker version >/dev/null 2>&1; then docker load -q -i "$archive"; fi
done
