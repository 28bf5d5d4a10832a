#!/usr/bin/env bash
# `make image`: static programs, an image from nothing for each, checked, and its size. Where Docker runs, they are loaded into it.
#   TAG       of the images (default: the workspace's version)
#   REGISTRY  before their names, as `image.registry` of the chart
#   TARGET    Rust's target (default: this machine's); aarch64-unknown-linux-musl makes images for arm64 anywhere
#   PROFILE=1 a gateway that takes a tenth less processor time, and an image of up to 22 MiB (ADR 17)
#   OUTPUT    where the archives go
#   PAPERS=0  leaves out bills of materials and licences, and the checks
set -euo pipefail
cd "$(dirname "$0")/.."
machine=$(uname -m)
for_machine=${TARGET:-$machine-unknown-linux-musl}
TAG=${TAG:-$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)}
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}
OUTPUT=${OUTPUT:-$CARGO_TARGET_DIR/images}
programs=(spillway-controller region-gateway kubectl-spillway)
case $for_machine in x86_64-*) architecture=amd64 ;; aarch64-*) architecture=arm64 ;; *) architecture=${for_machine%%-*} ;; esac

image/compile.sh
[ "${PAPERS:-1}" = 0 ] || image/papers.sh "$for_machine" "$OUTPUT/papers-$architecture" "${programs[@]}"
REVISION=$(git rev-parse HEAD 2>/dev/null || true); export REVISION

for program in "${programs[@]}"; do
  archive=$OUTPUT/$program-$TAG-$architecture.tar
  name=${REGISTRY:+${REGISTRY%/}/}$program:$TAG
  papers=$([ "${PAPERS:-1}" = 0 ] || echo "$OUTPUT/papers-$architecture/$program")
  PAPERS=$papers image/archive.sh "$CARGO_TARGET_DIR/shipped/${for_machine%%-*}/$program" "$name" "$architecture" "$archive"
  # Another machine's image would take the name of this one's.
  if [[ $for_machine == "$machine"-* ]] && docker version >/dev/null 2>&1; then docker load -q -i "$archive" >/dev/null; fi
  most=20
  if [ "${PROFILE:-0}" = 1 ] && [ "$program" = region-gateway ]; then most=22; fi
  [ -z "$papers" ] || MAX_IMAGE_MIB=${MAX_IMAGE_MIB:-$most} image/check.sh "$archive" "$program" "$name"
  echo "  $archive"
done
