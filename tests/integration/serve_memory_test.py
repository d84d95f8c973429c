"""Invariant 5: a live server's memory equals a fresh replay of its file, whatever writers did to it and however they ended."""

import json
import random
import re
import subprocess
import threading
import unittest

from binaries import BIN, Shell
from mcp_client import Modern, Server, wait_until

SEED = 20260409
STORIES = [f"{n}_story" for n in range(6)]
WRITERS = 3
ROUNDS = 20


class Memory(unittest.TestCase):
    def setUp(self):
        self.shell = Shell()
        self.addCleanup(self.shell.close)
        self.must("init", "-q")
        for story in STORIES:
            self.must("put", "-q", "--new", story, "stage=1_backlog")
        self.server = Server(self.shell)
        self.addCleanup(self.server.close)
        self.client = Modern(self.server)
        self.addCleanup(self.client.close)

    def must(self, *arguments):
        done = self.shell.musher(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def new_author(self, name):
        created = json.loads(self.must("identity", "new", "--identity", f"{name}.key", "--json").stdout)
        return created["author"]

    def assert_memory_is_the_file(self):
        rows = int(self.shell.sql("pipeline.db", "SELECT max(rowid) FROM crdt_ops"))
        wait_until(lambda: int(self.client.document("get_node")["applied"]) == rows, f"row {rows} to be in memory")
        compared = self.client.document("replay_at", {"compare": "live"})
        replayed = json.loads(self.must("replay", "--json").stdout)
        self.assertEqual((compared["verdict"], compared["compare"]["differences"]), ("same", []))
        self.assertEqual(compared["compare"]["state_digest"], replayed["state_digest"])
        self.assertEqual(compared["state_digest"], replayed["state_digest"])
        self.assertEqual({story["story_id"]: story for story in replayed["stories"]}, self.client.stories())

    def write(self, chance, author):
        """One command of a writer; some are killed on the way."""
        story = chance.choice(STORIES)
        command = chance.choice([
            ["put", story, f"stage={chance.randrange(9)}_stage", f"retry_count:={chance.randrange(9)}"],
            ["put", story, f"note={'x' * chance.randrange(900)}"],
            ["put", "--new", "--again", story, "stage=1_backlog"],
            ["purge", story, "--yes"],
        ])
        words = [BIN / "musher", *command, "-q", "--identity", f"{author}.key" if author else "pipeline.db.key"]
        process = subprocess.Popen(words, cwd=self.shell.work, env=self.shell.environment, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(chance.random() * 0.2 if chance.random() < 0.4 else 60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def test_several_writers_purges_kills_and_changes_of_trust(self):
        authors = {name: self.new_author(name) for name in ("alice", "bob")}
        for name, author in authors.items():
            self.must("trust", "add", author, name)
        writers = []
        for number, author in enumerate([None, "alice", "bob"][:WRITERS]):
            chance = random.Random(SEED + number)
            work = [self.write] * ROUNDS
            writers.append(threading.Thread(target=lambda c=chance, a=author, w=work: [act(c, a) for act in w]))
        for writer in writers:
            writer.start()
        chance = random.Random(SEED)
        while any(writer.is_alive() for writer in writers):
            name = chance.choice(list(authors))
            self.must("trust", "revoke", name)
            self.client.stories()
            self.must("trust", "add", authors[name], name)
            mine = {"story_id": f"mcp_{chance.random()}", "fields": {"stage": "1_backlog"}, "new": True}
            self.client.document("put_story", mine)
        for writer in writers:
            writer.join()
        self.assert_memory_is_the_file()
        self.must("trust", "revoke", "alice")
        wait_until(lambda: self.client.document("replay_at", {"compare": "live"})["verdict"] == "same",
                   "memory to hear that alice is not trusted")
        self.assert_memory_is_the_file()
        self.assertEqual(self.server.readiness()[0], 200, self.server.text())
        self.assertEqual(self.shell.musher("verify-order", "--state", "none").returncode, 0)

    def test_no_client_sees_half_of_what_one_commit_brought(self):
        applied = lambda client: int(client.document("get_node")["applied"])
        ends = [applied(self.client)]
        seen, done = set(), threading.Event()

        def ask():
            client = Modern(self.server)
            while not done.is_set():
                seen.add(applied(client))
            client.close()

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            for number, story in enumerate(STORIES):
                fields = "".join(f"field_{field}={number}\n" for field in range(2000))
                put = self.shell.musher("put", "-q", story, "-", input=fields)
                self.assertEqual(put.returncode, 0, put.stderr)
                ends.append(ends[-1] + 2000)
        finally:
            done.set()
            asking.join()
        self.assertLessEqual(seen, set(ends))
        self.assertGreater(len(seen), 1)

    def test_a_list_that_was_asked_for_follows_each_kind_of_op(self):
        self.client.stories()
        for number, story in enumerate(STORIES[:3]):
            self.must("put", "-q", story, f"stage={number}_set", f"note={number}")
            self.assert_memory_is_the_file()
        self.must("purge", "-q", STORIES[1], "--yes")
        self.assert_memory_is_the_file()
        self.must("put", "-q", "--new", "--again", STORIES[1], "stage=9_again")
        self.must("put", "-q", STORIES[2], "stage=9_set")
        self.assert_memory_is_the_file()

    def test_a_revoked_authors_fields_go_and_come_back(self):
        alice = self.new_author("alice")
        self.must("trust", "add", alice, "alice")
        self.must("put", "--identity", "alice.key", STORIES[0], "stage=9_alice")
        stage = lambda: self.client.stories()[STORIES[0]]["fields"]["stage"]
        muted = lambda: float(re.search(r"^musher_muted_ops (.*)$", self.server.get("/metrics")[2], re.MULTILINE)[1])
        self.assertEqual((stage(), muted()), ("9_alice", 0))
        self.must("trust", "revoke", "alice")
        wait_until(lambda: stage() == "1_backlog", "the write of a revoked author to be muted")
        self.must("put", STORIES[1], "stage=2_current")
        wait_until(lambda: self.client.stories()[STORIES[1]]["fields"]["stage"] == "2_current", "a write that is heard")
        self.assertEqual(muted(), 1)
        self.assert_memory_is_the_file()
        self.must("trust", "add", alice, "alice")
        wait_until(lambda: stage() == "9_alice", "the write to be heard again")
        self.assertEqual(muted(), 0)
        self.assert_memory_is_the_file()


if __name__ == "__main__":
    unittest.main()
