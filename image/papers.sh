#!/usr/bin/env bash
# What programs are made of, for those who must account for it: a bill of materials (CycloneDX 1.5) and the licences of all
# crates, with their texts. Both come from Cargo.lock and the crates themselves, and are made anew only when that changes.
#   image/papers.sh TARGET DIRECTORY PACKAGE...     writes PACKAGE/sbom.cdx.json and PACKAGE/licences.txt there
# cargo-cyclonedx and cargo-about are compiled once into the build cache: some minutes.
set -euo pipefail
[ $# -ge 3 ] || { echo "usage: image/papers.sh TARGET DIRECTORY PACKAGE..." >&2; exit 2; }
target=$1 directory=$2 packages=("${@:3}")
cd "$(dirname "$0")/.."
root=$PWD
tools=${SPILLWAY_CACHE:-$HOME/.cache/spillway}/tools

of=$({ echo "$target" "${packages[@]}"; cat Cargo.lock Cargo.toml ./*/Cargo.toml image/papers.sh image/about.toml image/licences.hbs; } | sha256sum)
[ "$(cat "$directory/of" 2>/dev/null)" = "$of" ] && exit 0

tool() { # NAME VERSION FLAGS...
  [ -f "$tools/$1-$2" ] && return
  echo "image: compiling $1 $2: once on this machine"
  CARGO_TARGET_DIR=$tools/target cargo install -q --locked --root "$tools" "$1@$2" "${@:3}"
  touch "$tools/$1-$2"
}
tool cargo-cyclonedx 0.5.9
tool cargo-about 0.9.3 --features cli
export PATH=$tools/bin:$PATH

# It writes beside the manifests of all packages. Without a date and the place of this clone: the same source, the same bytes.
clean() { find "$root" -name '*_bin.cdx.json' -not -path "$root/target/*" -delete; }
trap clean EXIT
rm -f "$directory/of"
SOURCE_DATE_EPOCH=0 cargo cyclonedx -q --target "$target" --describe binaries --no-build-deps -f json --spec-version 1.5
for package in "${packages[@]}"; do
  mkdir -p "$directory/$package"
  bill=$(find . -name "${package}_bin.cdx.json" -not -path './target/*')
  sed "s|file://$root/|file:///|g" "$bill" >"$directory/$package/sbom.cdx.json"
  dirname "$bill" >"$directory/$package/room"
done
clean
for package in "${packages[@]}"; do
  echo "image: reading the licences of $package"
  cargo about -L error generate --frozen --fail -c image/about.toml -m "$(cat "$directory/$package/room")/Cargo.toml" --target "$target" \
    -o "$directory/$package/licences.txt" image/licences.hbs
done
echo "$of" >"$directory/of"
