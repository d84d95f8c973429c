#!/bin/bash
# The vectors are what their script makes, and the second reader's verdicts are the expected ones.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
/usr/bin/python3 tests/conformance/make_vectors.py --check docs/format.md tests/data/vectors
/usr/bin/python3 tests/conformance/musher_format.py vectors tests/data/vectors
