"""What others wrote, pinned in tests/npm: the protocol's conformance suite and real clients, run in a folder of their own."""

import os
import pathlib
import re
import subprocess
import sys
import unittest

SOURCE = pathlib.Path(os.environ["MUSHER_SOURCE_DIR"])
NPM = SOURCE / "tests" / "npm"
MODULES = NPM / "node_modules"
NODE = MODULES / "node" / "bin" / "node"
SUITE = MODULES / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
EXPECTED_FAILURES = NPM / "expected-failures.yaml"


def run_node(folder, *arguments, timeout, environment=None):
    environment = {"HOME": str(folder), "LC_ALL": "C.UTF-8"} | (environment or {})
    environment["PATH"] = f"{NODE.parent}:{environment.get('PATH', '/usr/bin:/bin')}"
    return subprocess.run([NODE, *map(str, arguments)], cwd=folder, env=environment, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout)


def requirements(revision):
    return (SUITE.parent.parent / "requirements" / f"{revision}.yaml").read_text()


def required_of_a_server(revision):
    """The scenarios under "server:" of the suite's own list."""
    section = re.search(r"^server:\n((?:  - .*\n)+)", requirements(revision), re.MULTILINE).group(1)
    return set(re.findall(r"^  - (\S+)$", section, re.MULTILINE))


def not_scored_of_a_server(revision):
    """Those it runs beyond them, for information."""
    return set(re.findall(r"^  - scenario: (\S+)\n    leg: server$", requirements(revision), re.MULTILINE))


def main():
    if MODULES.exists():
        unittest.main()
    print("SKIPPED: tests/npm/node_modules is not there: scripts/install-deps")
    sys.exit(0)
