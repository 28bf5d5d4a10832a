#!/usr/bin/env bash
# What the names of functions in a profile depend on, besides the way of compiling: the compiler, all packages with their versions, and
# the target, which is the argument.
set -euo pipefail
cd "$(dirname "$0")/../.."
rustc --version
sha256sum Cargo.lock | cut -d ' ' -f 1
echo "$1"
