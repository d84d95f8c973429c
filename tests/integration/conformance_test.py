"""What others wrote against a server on lib/mcp with their fixtures: the protocol's conformance suite, real clients."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import npm_tools
from npm_tools import NPM, SUITE, required_of_a_server

SERVER = pathlib.Path(os.environ["MUSHER_BIN_DIR"]).parent / "tests" / "conformance_server"

# Scenarios that a server is required to pass, and those beyond them that this one does not: extensions it has not.
REQUIRED = {"2025-11-25": 30, "2026-07-28": 37}
NOT_PASSED = {
    "2025-11-25": set(),
    "2026-07-28": {
        # io.modelcontextprotocol/tasks, an extension
        "tasks-lifecycle",
        "tasks-capability-negotiation",
        "tasks-wire-fields",
        "tasks-request-state-removal",
        "tasks-mrtr-input",
        "tasks-request-headers",
        "tasks-dispatch-and-envelope",
        "tasks-required-task-error",
        "tasks-mrtr-composition",
        # Mcp-Param-* headers: only a gateway that routes by arguments has a use for them
        "http-custom-header-server-validation",
    },
}


class Conformance(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="musher-test-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        # The server ends with its stdin.
        server = subprocess.Popen([SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(server.wait)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.stdin.close)
        self.url = f"http://127.0.0.1:{int(server.stdout.readline())}/mcp"

    def node(self, *arguments):
        return npm_tools.run_node(self.folder, *arguments, timeout=300)

    def run_suite(self, revision):
        run = self.node(SUITE, "server", "--url", self.url, "--requirements", revision, "--expected-failures",
                        npm_tools.EXPECTED_FAILURES)
        summary = run.stdout[run.stdout.find("=== SUMMARY ===") :]
        self.assertEqual(run.returncode, 0, run.stdout[-8000:])
        results = {name: mark for mark, name in re.findall(r"^(\S) ([\w./-]+): \d+ passed", summary, re.MULTILINE)}
        required = required_of_a_server(revision)
        self.assertEqual(len(required), REQUIRED[revision])
        self.assertEqual({name for name, mark in results.items() if mark != "✓"}, NOT_PASSED[revision], summary)
        self.assertEqual(required - set(results), set(), summary)
        self.assertEqual(required & NOT_PASSED[revision], set())

    def test_2025_11_25(self):
        self.run_suite("2025-11-25")

    def test_2026_07_28(self):
        self.run_suite("2026-07-28")

    def test_clients(self):
        run = self.node(NPM / "clients.mjs", self.url, SERVER)
        self.assertEqual(run.returncode, 0, run.stdout[-8000:])
        self.assertEqual(len(re.findall("^ok ", run.stdout, re.MULTILINE)), 6, run.stdout)


if __name__ == "__main__":
    npm_tools.main()
