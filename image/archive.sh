#!/usr/bin/env bash
# Makes an image of one program from nothing, without Docker: an archive that is an OCI layout and a Docker archive at once, so
# that `docker load`, `kind load image-archive`, `ctr images import` and `skopeo copy oci-archive:` all take it. The same input
# makes the same bytes.
#   image/archive.sh PROGRAM_FILE NAME:TAG ARCHITECTURE OUTPUT.tar
#   PAPERS    a directory with its sbom.cdx.json and licences.txt, if there is one (image/papers.sh)
#   REVISION  the commit that it was made of, for a label
#   GLIBC_LICENCE, GLIBC_COPYRIGHT  of the GNU C library, where Debian does not put them
set -euo pipefail
[ $# = 4 ] || { echo "usage: image/archive.sh PROGRAM_FILE NAME:TAG ARCHITECTURE OUTPUT.tar" >&2; exit 2; }
program=$1 name=$2 architecture=$3 output=$4
roots=${CA_ROOTS:-/etc/ssl/certs/ca-certificates.crt}
[ -s "$roots" ] || { echo "image: no CA roots in $roots: install ca-certificates, or set CA_ROOTS" >&2; exit 1; }
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT

pack() { tar -C "$1" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$2" .; }
sum() { sha256sum "$1" | cut -d' ' -f1; }
is_static() { [[ $(readelf -lW "$1") != *INTERP* ]]; }
blob() { local sum; sum=$(sum "$1"); cp "$1" "$work/image/blobs/sha256/$sum"; echo "$sum"; }

title=$(basename "$program")
labels="\"org.opencontainers.image.title\":\"$title\",\"org.opencontainers.image.description\":\"Spillway: $title\""
labels+=",\"org.opencontainers.image.version\":\"${name##*:}\",\"org.opencontainers.image.licenses\":\"Apache-2.0\""
[ -z "${REVISION:-}" ] || labels+=",\"org.opencontainers.image.revision\":\"$REVISION\""

mkdir -p "$work/root/etc/ssl/certs" "$work/root/tmp" "$work/image/blobs/sha256"
chmod 1777 "$work/root/tmp"
install -m 755 "$program" "$work/root/$title"
install -m 644 "$roots" "$work/root/etc/ssl/certs/ca-certificates.crt"
printf 'nobody:x:65532:65532:nobody:/:/sbin/nologin\n' >"$work/root/etc/passwd"
if [ -n "${PAPERS:-}" ]; then
  install -D -m 644 -t "$work/root/usr/share/doc/$title" "$PAPERS/sbom.cdx.json" "$PAPERS/licences.txt"
fi
# Whoever passes on a program that the GNU C library is part of passes on its licence (LGPL 2.1, section 6), too.
if is_static "$program" && grep -aq GLIBC_TUNABLES "$program"; then
  licence=${GLIBC_LICENCE:-/usr/share/common-licenses/LGPL-2.1} copyright=${GLIBC_COPYRIGHT:-/usr/share/doc/libc6-dev/copyright}
  [ -s "$licence" ] || { echo "image: no licence of the GNU C library in $licence: set GLIBC_LICENCE" >&2; exit 1; }
  [ -s "$copyright" ] || { echo "image: no copyright notice of the GNU C library in $copyright: set GLIBC_COPYRIGHT" >&2; exit 1; }
  install -D -m 644 "$licence" "$work/root/usr/share/doc/$title/glibc-LGPL-2.1.txt"
  install -m 644 "$copyright" "$work/root/usr/share/doc/$title/glibc-copyright.txt"
  echo "The program holds $(getconf GNU_LIBC_VERSION), whose source is at https://ftp.gnu.org/gnu/glibc/; with another version of it the" \
    "program is made by image/compile.sh of its own source." >"$work/root/usr/share/doc/$title/glibc-source.txt"
fi
# A release is static. A development build is not: it brings its libraries, and is for trying things only.
if ! is_static "$program"; then
  for library in $(ldd "$program" | grep -o '/[^ ]*'); do install -D "$library" "$work/root$library"; done
fi
# Small pages: a gateway of 10,000 routes holds some 20 MB less. Giving free memory back at once (MIMALLOC_PURGE_DELAY=0) would
# save ten more, and cost a request a quarter more time.
environment=$(sed 's/.*/"&"/' "$(dirname "$0")/memory.env" | paste -sd,)
pack "$work/root" "$work/layer.tar"
layer=$(blob "$work/layer.tar")

cat >"$work/config.json" <<JSON
{"architecture":"$architecture","os":"linux","created":"1970-01-01T00:00:00Z","config":{"User":"65532:65532","WorkingDir":"/","Entrypoint":["/$title"],"Env":[$environment],"Labels":{$labels}},"rootfs":{"type":"layers","diff_ids":["sha256:$layer"]},"history":[{"created":"1970-01-01T00:00:00Z","created_by":"image/archive.sh"}]}
JSON
config=$(blob "$work/config.json")
size() { stat -c %s "$work/image/blobs/sha256/$1"; }
cat >"$work/manifest.json" <<JSON
{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:$config","size":$(size "$config")},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:$layer","size":$(size "$layer")}]}
JSON
manifest=$(blob "$work/manifest.json")
echo '{"imageLayoutVersion":"1.0.0"}' >"$work/image/oci-layout"
cat >"$work/image/index.json" <<JSON
{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:$manifest","size":$(size "$manifest"),"platform":{"architecture":"$architecture","os":"linux"},"annotations":{"io.containerd.image.name":"docker.io/library/$name","org.opencontainers.image.ref.name":"${name##*:}"}}]}
JSON
echo "[{\"Config\":\"blobs/sha256/$config\",\"RepoTags\":[\"$name\"],\"Layers\":[\"blobs/sha256/$layer\"]}]" >"$work/image/manifest.json"
mkdir -p "$(dirname "$output")"
pack "$work/image" "$output"
