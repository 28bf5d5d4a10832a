#!/usr/bin/env bash
# Prints RUSTFLAGS for programs as they are shipped: those that are set already, and what the gateway's profile knows (ADR 17).
# The profile is used from a place that all clones share: its path is part of what cargo compares.
set -euo pipefail
profile=$(dirname "$0")/gateway.profdata
cache=${SPILLWAY_CACHE:-$HOME/.cache/spillway}/profile
used=$cache/$(sha256sum "$profile" | cut -c1-16).profdata
mkdir -p "$cache"
[ -f "$used" ] || { cp "$profile" "$used.$$" && mv "$used.$$" "$used"; }
echo "${RUSTFLAGS:-} -Cprofile-use=$used"
