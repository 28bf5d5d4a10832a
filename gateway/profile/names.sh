#!/usr/bin/env bash
# What the names of functions in a profile depend on, besides the way of compiling: the compiler, and all packages with their versions.
set -euo pipefail
cd "$(dirname "$0")/../.."
rustc --version
sha256sum Cargo.lock | cut -d ' ' -f 1
