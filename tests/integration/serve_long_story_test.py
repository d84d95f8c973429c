"""A story with a long history is read behind the server's back: it holds little of it at once, and answers others meanwhile."""

import os
import pathlib
import re
import unittest

from binaries import IN_MEMORY, Shell
from mcp_client import YES, Modern, Server, Task

STORY = "1_long"
LARGE = 64
MIB = 1 << 20
# Else AddressSanitizer, where there is one, keeps up to 256 MB of what was freed, and that is not held by the server.
FREED_IS_GONE = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=0:thread_local_quarantine_size_kb=0"}


class LongStory(unittest.TestCase):
    def setUp(self):
        self.shell = Shell(IN_MEMORY)
        self.addCleanup(self.shell.close)
        self.must("init", "-q")
        self.must("put", "-q", "--new", STORY, "stage=1_backlog")

    def must(self, *arguments, **options):
        done = self.shell.musher(*arguments, **options)
        self.assertEqual(done.returncode, 0, done.stderr)

    def serve(self):
        server = Server(self.shell, environment=FREED_IS_GONE)
        self.addCleanup(server.close)
        client = Modern(server)
        self.addCleanup(client.close)
        return server, client

    def test_values_that_lost_are_not_held(self):
        for number in range(LARGE):
            self.must("put", "-q", STORY, "-", input=f"note={number:06}{'x' * (MIB - 100)}\n")
        server, client = self.serve()
        status = pathlib.Path(f"/proc/{server.pid}/status")
        peak = lambda: int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) >> 10
        before = peak()
        page = client.document("get_story", {"story_id": STORY})
        newest_first = reversed(page["history"]["note"])
        for number, entry in zip(range(LARGE - 1, LARGE - 11, -1), newest_first, strict=False):
            self.assertEqual((entry["value"][:6], entry["truncated"], entry["won"]),
                             (f"{number:06}", True, number == LARGE - 1))
        client.read(f"musher://story/{STORY}")
        self.assertEqual(client.document("list_ops", {"story_id": STORY, "kind": "delete"})["ops"], [])
        self.assertEqual(client.document("list_ops", {"kind": "delete"})["ops"], [])
        self.assertLess(peak() - before, LARGE * 3 // 4, "MiB more than before")

    def test_others_are_answered_meanwhile(self):
        for batch in range(8):
            self.must("put", "-q", STORY, "-", input="".join(f"field_{batch}_{field}=1\n" for field in range(2000)))
        server, client = self.serve()
        purge = lambda: self.assertEqual(
            [(story["story_id"], story["status"]) for story in client.purge(STORY, YES)["structuredContent"]["stories"]],
            [(STORY, "purged")])
        for ask in (lambda: client.document("get_story", {"story_id": STORY}),
                    lambda: client.read(f"musher://story/{STORY}"), purge):
            asked = Task(ask)
            answers = 0
            while asked.is_alive():
                self.assertEqual(server.get("/livez")[0], 200)
                answers += 1
            asked.end()
            self.assertGreater(answers, 5)

    def test_it_is_purged_by_server(self):
        self.must("put", "-q", STORY, "-", input="".join(f"field_{field}=1\n" for field in range(1200)))
        server, _ = self.serve()
        done = self.shell.musher("purge", "--server", f"http://127.0.0.1:{server.port}", STORY, "--yes")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, rf"^purged {STORY}: op ")


if __name__ == "__main__":
    unittest.main()
