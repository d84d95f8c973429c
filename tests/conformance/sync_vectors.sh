#!/bin/bash
# The vectors and examples of docs/sync.md are what their script makes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
/usr/bin/python3 tests/conformance/make_sync_vectors.py --check docs/sync.md tests/data/sync
