"""A live server's threads at work together: readers, writers, audits, clients that go away, shells, and the end in the middle.
Says most in the tsan preset, where a data race ends the server with 66."""

import http.client
import json
import subprocess
import threading
import unittest

from binaries import BIN, IN_MEMORY, Shell
from mcp_client import Legacy, Modern, RpcFailure, Server, together, wait_until

STORIES = [f"{n}_story" for n in range(8)]
ROUNDS = 25


class Threads(unittest.TestCase):
    def setUp(self):
        self.shell = Shell(IN_MEMORY)
        self.addCleanup(self.shell.close)
        for command in (["init", "-q"], *(["put", "-q", "--new", story, "stage=1_backlog"] for story in STORIES)):
            done = self.shell.musher(*command)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.server = Server(self.shell, "--allow-unconfirmed-purge")
        self.addCleanup(self.server.close)

    def reader(self):
        client = Modern(self.server)
        for turn in range(4 * ROUNDS):
            self.assertTrue(client.stories())
            client.tool("get_story", {"story_id": STORIES[turn % len(STORIES)]})
            client.tool("list_ops", {"limit": 20})
        client.close()

    def writer(self, client):
        for turn in range(ROUNDS):
            client.document("put_story", {"story_id": STORIES[turn % 4], "fields": {"stage": f"{turn}_stage"}})
        client.close()

    def purger(self):
        client = Modern(self.server, capabilities={})
        for turn in range(ROUNDS // 5):
            story = f"gone_{turn}"
            client.document("put_story", {"story_id": story, "fields": {"stage": "1"}, "new": True})
            client.document("purge_story", {"story_id": story})
            self.assertNotIn(story, client.stories())
        client.close()

    def shell_writer(self):
        for turn in range(ROUNDS // 2):
            done = self.shell.musher("put", "-q", STORIES[4 + turn % 4], f"note={turn}")
            self.assertEqual(done.returncode, 0, done.stderr)

    def auditor(self):
        client = Modern(self.server)
        for turn in range(ROUNDS // 5):
            for tool, arguments in (("verify_order", {"full": True}), ("replay_at", {"compare": "live"}), ("replay_at", {})):
                result = client.tool(tool, arguments, progress=f"p{turn}")
                if result.get("isError"):  # the leavers' audits wait before this one
                    self.assertEqual(result["structuredContent"]["code"], "busy")
        client.close()

    def leaver(self):
        """Asks for what takes a thread, and does not wait for it."""
        client = Modern(self.server)
        for turn in range(ROUNDS):
            for tool, arguments in (("verify_order", {}), ("replay_at", {"compare": "live"}),
                                    ("put_story", {"story_id": STORIES[turn % 4], "fields": {"note": turn}})):
                message, headers = client.message("tools/call", {"name": tool, "arguments": arguments})
                connection = client.open()
                connection.request("POST", "/mcp", body=json.dumps(message), headers=client.headers | headers)
                connection.close()

    def prober(self):
        for _ in range(ROUNDS):
            self.assertIn("musher_healthy 1", self.server.get("/metrics")[2])
            self.assertEqual(self.server.readiness()[0], 200)

    def test_all_at_once_leaves_memory_as_the_file_is(self):
        together(self.reader, self.reader, self.auditor, self.leaver, self.prober, self.purger, self.shell_writer,
                 lambda: self.writer(Modern(self.server)), lambda: self.writer(Legacy(self.server)))
        client = Modern(self.server)
        same = lambda: client.tool("replay_at", {"compare": "live"})["structuredContent"].get("verdict") == "same"
        wait_until(same, "memory to be what the file says")
        client.close()
        self.assertEqual(self.server.stop(), 0, self.server.text())
        self.assertEqual(self.shell.musher("verify-order", "--state", "none").returncode, 0)

    def test_the_end_in_the_middle_of_it(self):
        begun = threading.Semaphore(0)

        def ask_until_it_ends():
            client = Modern(self.server)
            try:
                for turn in range(100 * ROUNDS):
                    tool = ("put_story", {"story_id": STORIES[0], "fields": {"n": turn}}) if turn % 2 else ("verify_order", {})
                    client.tool(*tool)
                    begun.release()
            except (OSError, http.client.HTTPException, RpcFailure, AssertionError):
                client.close()

        def end():
            for _ in range(6):
                self.assertTrue(begun.acquire(timeout=20))
            self.assertEqual(self.server.stop(), 0, self.server.text())

        together(ask_until_it_ends, ask_until_it_ends, end)
        self.assertEqual(self.shell.musher("verify-order", "--state", "none").returncode, 0)

    def test_on_stdio_the_end_of_input_comes_while_writes_and_audits_run(self):
        process = subprocess.Popen([BIN / "musher-serve", "--stdio"], cwd=self.shell.work, env=self.shell.environment,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        client = Modern(self.server)
        lines = []
        for turn in range(ROUNDS):
            tool, arguments = (("put_story", {"story_id": STORIES[0], "fields": {"n": turn}}), ("verify_order", {}),
                               ("get_story", {"story_id": STORIES[1]}))[turn % 3]
            message, _ = client.message("tools/call", {"name": tool, "arguments": arguments})
            lines.append(json.dumps(message) + "\n")
        _, errors = process.communicate("".join(lines).encode(), timeout=60)
        self.assertEqual(process.returncode, 0, errors.decode())


if __name__ == "__main__":
    unittest.main()
