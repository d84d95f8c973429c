"""A node that is not ours (tests/npm/sync_client.mjs: npm's ws, Node's own crypto, docs/sync.md) syncs with a real musher serve."""

import json
import queue
import subprocess
import threading
import unittest

from binaries import SOURCE, Shell
from mcp_client import Server

NPM = SOURCE / "tests" / "npm"
NODE = NPM / "node_modules" / "node" / "bin" / "node"
SEED = "5e" * 32


class Client:
    """The program, what it tells line by line, and what it is told."""

    def __init__(self, shell, *arguments):
        self.process = subprocess.Popen([NODE, NPM / "sync_client.mjs", *arguments], cwd=shell.work, env=shell.environment, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))
        self.lines.put({"event": "gone", "why": self.process.stderr.read()})

    def wait(self, event, **members):
        """The next event of that name with these members; others before it are let go of."""
        while True:
            found = self.lines.get(timeout=60)
            if found["event"] == event and all(found[name] == value for name, value in members.items()):
                return found
            assert found["event"] != "gone", found["why"]

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def close(self):
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()


class Vectors(unittest.TestCase):
    def test_the_client_reads_writes_and_refuses_what_the_vectors_say(self):
        done = subprocess.run([NODE, NPM / "sync_client.mjs", "vectors", SOURCE / "tests" / "data" / "sync"], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


class AgainstTheServer(unittest.TestCase):
    def setUp(self):
        self.shell = Shell()
        self.addCleanup(self.shell.close)
        self.must("init", "-q")
        self.document = json.loads(self.must("inspect", "--json"))["log"]["document"]

    def must(self, *arguments):
        done = self.shell.musher(*arguments)
        self.assertEqual(done.returncode, 0, (arguments, done.stderr))
        return done.stdout

    def start(self):
        self.server = Server(self.shell)
        self.addCleanup(self.server.close)

    def client(self, document=None):
        client = Client(self.shell, "node", f"ws://127.0.0.1:{self.server.port}/crdt-sync", SEED, document or self.document)
        self.addCleanup(client.close)
        return client

    def test_it_gets_all_ops_pushes_one_and_resumes_where_it_was(self):
        self.start()
        closed = self.client().wait("closed")
        self.assertEqual(closed["code"], 4003)
        key = closed["reason"].split()[3]
        self.assertEqual(closed["reason"], f"musher trust add {key} NAME")
        self.must("trust", "add", "-q", key, "other")
        for n in range(3):
            self.must("put", "-q", "--new", f"{n}_story", *(f"f{i}={n}" for i in range(100)))
            self.must("put", "-q", f"{n}_story", *(f"f{i}=x{n}" for i in range(100)))
        self.must("purge", "-q", "1_story", "--yes", "--reason", "not wanted")

        client = self.client()
        proven = client.wait("proven")
        self.assertEqual(proven["author"], (self.shell.work / "pipeline.db.key.pub").read_text().strip())
        self.assertEqual(client.wait("open"), {"event": "open", "ours": "tips", "theirs": "tips"})
        client.wait("ops", upto=304)
        client.say("put 9_elsewhere")
        acknowledged = client.wait("acknowledged")
        # Acknowledged is durable: another process has it from the file.
        op = json.loads(self.must("inspect", "op", acknowledged["op_id"], "--json"))["op"]
        self.assertEqual((op["story_id"], op["author"], op["author_name"], op["source"], op["effective"]), ("9_elsewhere", key, "other", f"peer:{key}", True))
        # What a shell writes now is there without being asked for.
        self.must("put", "-q", "9_elsewhere", "stage=2_current")
        client.wait("ops", ops=1, fresh=1)

        client.say("reconnect")
        client.wait("closed", code=1001)
        self.assertEqual(client.wait("open"), {"event": "open", "ours": "resume", "theirs": "resume"})
        self.must("put", "-q", "9_elsewhere", "stage=3_qa")
        self.assertEqual(client.wait("ops"), {"event": "ops", "ops": 1, "fresh": 1, "upto": 307})
        self.assertEqual(self.server.events("clock ahead"), [])
        client.say("put 8_elsewhere 3600000")
        op = client.wait("acknowledged")["op_id"]
        ahead = self.server.wait_event("clock ahead")
        self.assertEqual((ahead["level"], ahead["author"], ahead["name"], ahead["op"]), ("warning", key, "other", op[:12]))
        self.assertIn(int(ahead["seconds"]), range(3_500, 3_601))
        self.assertIn("timedatectl", ahead["hint"])
        client.say("end")
        self.assertEqual(client.wait("end"), {"event": "end", "received": 306, "rows": 308})
        self.must("verify-order", "-q", "--state", "none")

    def test_another_document_is_refused_before_anything_is_proven(self):
        self.start()
        closed = self.client("ab" * 16).wait("closed")
        self.assertEqual((closed["code"], closed["reason"]), (4002, f"here {self.document}, there {'ab' * 16}"))


if __name__ == "__main__":
    unittest.main()
