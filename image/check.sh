#!/usr/bin/env bash
# What an image must be: static, small, run by nobody on a read-only root, with its licences and its bill of materials.
#   image/check.sh ARCHIVE.tar PROGRAM NAME:TAG
# The program itself is only run if this machine can, and as an image only where Docker runs.
set -euo pipefail
[ $# = 3 ] || { echo "usage: image/check.sh ARCHIVE.tar PROGRAM NAME:TAG" >&2; exit 2; }
archive=$1 program=$2 name=$3
most=${MAX_IMAGE_MIB:-20}
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
wrong() { echo "image: $name: $1" >&2; exit 1; }

tar -C "$work" -xf "$archive"
layer=$work/$(sed -E 's/.*"Layers":\["([^"]*)".*/\1/' "$work/manifest.json")
config=$work/$(sed -E 's/.*"Config":"([^"]*)".*/\1/' "$work/manifest.json")
mkdir "$work/root" && tar -C "$work/root" -xf "$layer"

[[ $(readelf -lW "$work/root/$program") != *INTERP* ]] || wrong "$program is not static: it asks for a loader"
grep -q '"User":"65532:65532"' "$config" || wrong "it does not run as the user 65532"
papers=(licences.txt sbom.cdx.json)
! grep -aq GLIBC_TUNABLES "$work/root/$program" || papers+=(glibc-LGPL-2.1.txt glibc-copyright.txt glibc-source.txt)
for file in etc/ssl/certs/ca-certificates.crt "${papers[@]/#/usr/share/doc/$program/}"; do
  [ -s "$work/root/$file" ] || wrong "/$file is missing"
done
bytes=$(stat -c %s "$layer")
ran="not run: another machine's"
if grep -q "\"architecture\":\"$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')\"" "$config"; then
  "$work/root/$program" --version >/dev/null || wrong "$program does not run"
  ran="runs"
  if docker version >/dev/null 2>&1; then
    docker run --rm --read-only --cap-drop ALL --network none "$name" --version >/dev/null || wrong "it does not run in Docker"
    ran="runs on a read-only root without capabilities"
  fi
fi
awk -v bytes="$bytes" -v name="$name" -v program="$(stat -c %s "$work/root/$program")" -v ran="$ran" \
  'BEGIN { printf "%s: %.1f MiB (program %.1f MiB); static, user 65532; %s\n", name, bytes / 1048576, program / 1048576, ran }'
[ "$bytes" -le $((most * 1024 * 1024)) ] || wrong "$bytes bytes, more than the $most MiB that MAX_IMAGE_MIB allows"
