#!/bin/bash
# Fetches what the conformance tests need into a folder: httpwg-cli from crates.io, and a Python environment with
# grpcio and websockets.
#
#   conformance/tools.sh FOLDER
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)
HTTPWG=0.2.5

if ! [ -x "$folder/bin/httpwg" ]; then
    # A target folder of its own: it is no part of this workspace.
    CARGO_TARGET_DIR="$folder/target" CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off \
        cargo install --quiet --locked --version "$HTTPWG" --root "$folder" httpwg-cli
    rm -rf "$folder/target"
fi
if ! "$folder/venv/bin/python" -c 'import grpc, websockets' 2>/dev/null; then
    python3 -m venv "$folder/venv"
    "$folder/venv/bin/pip" install -q --disable-pip-version-check "grpcio==1.76.0" "websockets==15.0.1"
fi
