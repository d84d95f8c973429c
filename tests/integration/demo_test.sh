#!/usr/bin/env bash
# scripts/demo does what it says, with the binaries of this build, and leaves nothing behind.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TMPDIR=$work MUSHER_DEMO_BUILD=${MUSHER_BIN_DIR%/bin} MUSHER_DEMO_OPS=5000
"$MUSHER_SOURCE_DIR/scripts/demo" > "$work/said"
cat "$work/said"
grep -qx 'demo: all as told' "$work/said"
rm "$work/said"
[ -z "$(ls -A "$work")" ] || { echo "left behind: $(ls -A "$work")"; exit 1; }
