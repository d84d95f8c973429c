"""A million unknown authors, of whom one trusted peer brings an op each: the server keeps as many as its quarantine holds, and those it
trusts do not notice."""

import json
import pathlib
import re
import subprocess
import unittest

import sync_nodes_test
from binaries import BIN
from mcp_client import wait_until
from sync_nodes_test import same_state

STRANGERS = 1_000_000
MOST_KEPT = 100_000  # docs/sync.md, "Limits"
MOST_MEMORY = 200 << 20  # bytes; with a sixteenth of the strangers kept for ever it would be more
MOST_FILE = 300 << 20
SECONDS = 3_000
FLOOD = BIN.parent / "bench" / "sync_flood"


class Strangers(sync_nodes_test.Nodes):
    def test_a_million_unknown_authors_fill_the_quarantine_and_nothing_else(self):
        alice, bob, mallory = self.make("alice", "bob", "mallory")
        alice.must("put", "-q", "--new", "1_alice", "stage=1_backlog")
        alice.start()
        bob.start("--rendezvous", self.url(alice))
        same_state([alice, bob])
        flood = subprocess.Popen([FLOOD, str(alice.server.port), mallory.log, f"{mallory.log}.key", "strangers", str(SECONDS),
                                  str(STRANGERS)], stdout=subprocess.PIPE, text=True)
        self.addCleanup(flood.stdout.close)
        self.addCleanup(flood.wait)
        self.addCleanup(flood.kill)
        self.assertEqual(flood.stdout.readline(), "ready\n")
        writes = 0
        while flood.poll() is None:
            alice.must("put", "-q", "1_alice", f"n:={writes}")
            bob.must("put", "-q", "1_alice", f"m:={writes}")
            writes += 1
            same_state([alice, bob])
        self.assertEqual(flood.wait(), 0)
        self.assertEqual(flood.stdout.read(), f"{STRANGERS} ops, 1 connections\n")  # it was never dropped
        self.assertGreater(writes, 10)
        memory = int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{alice.server.pid}/status").read_text())[1]) << 10
        size = sum(path.stat().st_size for path in alice.folder.glob("pipeline.db*"))
        kept = alice.summary()["counts"]["quarantine"]
        print(f"{STRANGERS} strangers, {writes} writes beside them: {kept} kept, {memory >> 20} MiB of memory at most, {size >> 20} MiB of files")
        self.assertLessEqual(kept, MOST_KEPT)
        self.assertLess(memory, MOST_MEMORY)
        self.assertLess(size, MOST_FILE)
        # Each is told of once at most, and so many lines are not written.
        self.assertLess(len(alice.server.events("ops wait")), 1_000)
        self.assertEqual(bob.summary()["counts"]["quarantine"], 0)
        self.assertEqual(json.loads(alice.must("replay", "--json"))["verdict"], "ok")
        wait_until(lambda: alice.server.readiness()[0] == 200, "alice to be ready")


if __name__ == "__main__":
    if not FLOOD.exists():
        print("SKIPPED: with sanitizers the flood is not built")
    else:
        unittest.main()
