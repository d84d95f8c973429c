"""musher sync: two real files of one document, brought together without a server."""

import contextlib
import fcntl
import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import time
import unittest

from binaries import BIN, IN_MEMORY, Shell
from mcp_client import Server


class SyncFiles(unittest.TestCase):
    def setUp(self):
        self.shell = Shell(IN_MEMORY)
        self.addCleanup(self.shell.close)
        self.must("init", "-q", "--log", "a.db", "--name", "alice")
        self.must("init", "-q", "--log", "b.db", "--join", "a.db", "--name", "bob")

    def musher(self, *arguments, code=0, **options):
        done = self.shell.musher(*arguments, **options)
        self.assertEqual(done.returncode, code, (arguments, done.stdout, done.stderr))
        return done

    def must(self, *arguments, **options):
        return self.musher(*arguments, **options).stdout

    def put(self, log, story, *fields, new=False, **options):
        self.must("put", "-q", *(["--new"] if new else []), "--log", log, story, *fields, **options)

    def trust_each_other(self):
        self.must("trust", "add", "-q", "a.db.key.pub", "alice", "--log", "b.db")
        self.must("trust", "add", "-q", "b.db.key.pub", "bob", "--log", "a.db")

    def sync(self, *options, code=0, logs=("a.db", "b.db")):
        """The document, and of its two movements what moved."""
        document = json.loads(self.musher("sync", "--json", *options, *logs, code=code).stdout)
        self.assertEqual(document["exit_code"], code)
        there, back = document["movements"]
        return document, there, back

    def digest(self, log):
        return json.loads(self.must("replay", "--json", "--log", log))["state_digest"]

    def bytes_of(self, *names):
        return {name: hashlib.sha256((self.shell.work / name).read_bytes()).hexdigest() for name in names}

    def test_each_gets_what_it_lacks_and_a_second_run_moves_nothing(self):
        self.trust_each_other()
        self.put("a.db", "1_a", "stage=1_backlog", new=True)
        self.put("a.db", "1_a", "stage=2_current")
        self.put("b.db", "2_b", "stage=1_backlog", new=True)
        document, there, back = self.sync()
        self.assertEqual(document["verdict"], "same")
        self.assertEqual((there["moved"], there["stories"], [author["name"] for author in there["authors"]]), (2, ["1_a"], ["alice"]))
        self.assertEqual((back["moved"], back["stories"], [author["name"] for author in back["authors"]]), (1, ["2_b"], ["bob"]))
        self.assertTrue(there["to"]["path"].endswith("/b.db") and back["to"]["path"].endswith("/a.db"))
        self.assertEqual(self.digest("a.db"), self.digest("b.db"))
        for log in ("a.db", "b.db"):
            sources = {op["source"] for op in json.loads(self.must("inspect", "ops", "--json", "--log", log))["ops"]}
            self.assertEqual(sources, {"local", "import"})
            self.must("verify-order", "-q", "--state", "none", "--log", log)
        before = self.bytes_of("a.db", "b.db")
        _, there, back = self.sync()
        self.assertEqual((there["moved"], back["moved"]), (0, 0))
        self.assertEqual(self.bytes_of("a.db", "b.db"), before)
        text = self.must("sync", "b.db", "a.db")
        self.assertRegex(text, r"b\.db to \S*a\.db: nothing to bring over\n\S*a\.db to \S*b\.db: nothing to bring over\nboth hold the same ops\n$")
        done = self.musher("sync", "-q", "a.db", "b.db")
        self.assertEqual((done.stdout, done.stderr), ("", ""))

    def test_what_another_node_of_this_user_has_written_since_is_no_finding(self):
        self.trust_each_other()
        self.put("a.db", "1_a", "stage=1_backlog", new=True)
        self.sync()
        self.must("verify-order", "-q", "--log", "a.db")
        self.shell.copy_of("b.db", "old.db")
        self.put("b.db", "2_b", "stage=1_backlog", new=True)
        self.assertEqual(json.loads(self.must("verify-order", "--json", "--log", "a.db"))["findings"], [])
        # Of an old copy of the log that it was written in, it is one.
        found = json.loads(self.musher("verify-order", "--json", "--log", "old.db", "--state", "none", code=1).stdout)
        self.assertEqual([finding["code"] for finding in found["findings"]], ["own-ops-elsewhere"])

    def test_what_nobody_else_got_is_missed_beside_rows_that_came_in_anew(self):
        self.trust_each_other()
        self.put("a.db", "1_a", "stage=1_backlog", new=True)
        self.shell.copy_of("a.db", "backup.db")
        self.put("b.db", "2_b", "stage=1_backlog", new=True)
        self.put("a.db", "1_a", "stage=2_current")
        self.sync()
        self.must("verify-order", "-q", "--log", "a.db")
        self.put("a.db", "1_a", "stage=3_qa")  # and sent to nobody
        for file in self.shell.work.glob("a.db-*"):
            file.unlink()
        (self.shell.work / "backup.db").rename(self.shell.work / "a.db")
        self.put("b.db", "3_b", "stage=1_backlog", new=True)
        self.musher("sync", "b.db", "a.db")
        found = json.loads(self.musher("verify-order", "--json", "--log", "a.db", code=1).stdout)["findings"]
        self.assertEqual({finding["code"] for finding in found}, {"row-replaced", "own-ops-elsewhere"})

    def test_a_log_that_was_restored_and_caught_up_is_told_how_to_begin_anew(self):
        self.trust_each_other()
        self.put("a.db", "1_a", "stage=1_backlog", new=True)
        self.shell.copy_of("a.db", "backup.db")
        self.put("b.db", "2_b", "stage=1_backlog", new=True)
        self.sync()
        self.put("a.db", "1_a", "stage=2_current")
        self.sync()
        self.must("verify-order", "-q", "--log", "a.db")
        for file in self.shell.work.glob("a.db-*"):
            file.unlink()
        (self.shell.work / "backup.db").rename(self.shell.work / "a.db")

        def finding():
            (found,) = json.loads(self.musher("verify-order", "--json", "--log", "a.db", code=1).stdout)["findings"]
            return found["code"], found["hint"]

        code, hint = finding()
        self.assertEqual((code, "rm " in hint), ("log-rolled-back", False))
        refused = self.musher("put", "--log", "a.db", "1_a", "stage=3_qa", code=5)
        self.assertIn(f"hint: ask those who may have the op first: musher sync OTHER {self.shell.work}/a.db, or", refused.stderr)
        self.put("b.db", "3_b", "stage=1_backlog", new=True)
        self.musher("sync", "b.db", "a.db")
        self.put("a.db", "1_a", "stage=3_qa")
        code, hint = finding()
        self.assertEqual(code, "row-replaced")
        self.assertIn("if the log was restored from a backup since, has caught up from its peers and has no other finding", hint)
        command = hint.partition("begin anew: ")[2]
        self.assertTrue(command.startswith("rm -f "), hint)
        self.assertEqual(self.shell.run("sh", "-c", command).returncode, 0)
        self.assertIn("first run", self.must("verify-order", "--log", "a.db"))

    def test_without_its_note_a_restored_log_is_written_to_and_the_key_has_two_histories(self):
        # What docs/operations.md warns of: no note, and no node that has shown the ops.
        self.trust_each_other()
        self.put("a.db", "1_a", "stage=1_backlog", new=True)
        self.shell.copy_of("a.db", "backup.db")
        self.put("a.db", "1_a", "stage=2_current")
        self.sync()
        write = ("put", "-q", "--log", "backup.db", "--identity", "a.db.key", "1_a", "stage=3_qa")
        self.musher(*write, code=5)
        self.must(*write, environment={"XDG_STATE_HOME": str(self.shell.folder / "new-machine")})
        self.must("sync", "-q", "backup.db", "b.db")
        found = json.loads(self.musher("verify-order", "--json", "--log", "b.db", "--state", "none", code=1).stdout)["findings"]
        self.assertIn("equivocation", {finding["code"] for finding in found})

    def test_only_what_is_new_is_brought_over(self):
        self.trust_each_other()
        self.put("a.db", "1_a", *(f"f{n}=1" for n in range(300)), new=True)
        self.sync()
        self.put("b.db", "1_a", "f7=2")
        text = self.must("sync", "a.db", "b.db")
        self.assertRegex(text, r"a\.db to \S*b\.db: nothing to bring over\n\S*b\.db to \S*a\.db: 1 op brought over\n  by       bob \(1\)\n  stories  1_a\n")

    def test_more_than_one_transaction_of_ops(self):
        self.trust_each_other()
        self.put("a.db", "1_a", "f=0", new=True)
        for start in range(0, 2400, 600):
            self.put("a.db", "1_a", *(f"f{n}=1" for n in range(start, start + 600)))
        _, there, _ = self.sync()
        self.assertEqual(there["moved"], 2401)
        self.assertEqual(self.digest("a.db"), self.digest("b.db"))

    def test_an_unknown_author_waits_until_it_is_trusted(self):
        self.put("a.db", "1_a", "stage=1_backlog", new=True)
        self.put("a.db", "1_a", "stage=2_current")
        document, there, _ = self.sync(code=1)
        self.assertEqual((document["verdict"], there["moved"]), ("different", 0))
        self.assertEqual({(waiting["reason"], waiting["ops"]) for waiting in there["waiting"]}, {("author_unknown", 1), ("dependency_missing", 1)})
        key = (self.shell.work / "a.db.key.pub").read_text().strip()
        done = self.musher("sync", "a.db", "b.db", code=1)
        self.assertIn(f"musher trust add {key} NAME --log {self.shell.work}/b.db", done.stdout)
        self.assertTrue(done.stdout.endswith("not all could be brought over\n"))
        self.assertIn("2 ops came in", self.must("trust", "add", key, "alice", "--log", "b.db"))
        _, there, _ = self.sync()
        self.assertEqual(there["moved"], 0)

    def test_an_unknown_authors_op_that_a_trusted_one_builds_on_comes_in_muted(self):
        self.must("identity", "new", "-q", "--identity", "carol.key")
        self.must("trust", "add", "-q", "carol.key.pub", "carol", "--log", "a.db")
        self.must("put", "-q", "--log", "a.db", "--identity", "carol.key", "--new", "1_c", "stage=1_backlog")
        self.put("a.db", "2_a", "stage=1_backlog", new=True)
        self.trust_each_other()
        _, there, _ = self.sync()
        self.assertEqual((there["moved"], there["waiting"]), (2, []))
        ops = json.loads(self.must("inspect", "ops", "--json", "--log", "b.db"))["ops"]
        self.assertEqual([(op["story_id"], op["effective"]) for op in ops], [("1_c", False), ("2_a", True)])

    def test_of_what_waits_it_is_said_what_it_waits_for_now(self):
        self.must("identity", "new", "-q", "--identity", "carol.key")
        self.must("trust", "add", "-q", "carol.key.pub", "carol", "--log", "a.db")
        self.put("a.db", "1_a", "stage=1_backlog", new=True)
        self.must("put", "-q", "--log", "a.db", "--identity", "carol.key", "1_a", "stage=2_current")
        look = f"    musher inspect quarantine --log {self.shell.work}/b.db\n"
        self.assertNotIn(look, self.musher("sync", "-n", "a.db", "b.db", code=1).stdout)  # where nothing is yet
        self.assertIn(look, self.musher("sync", "a.db", "b.db", code=1).stdout)
        _, there, _ = self.sync(code=1)
        self.assertEqual({waiting["reason"] for waiting in there["waiting"]}, {"author_unknown", "dependency_missing"})
        self.must("trust", "add", "-q", "a.db.key.pub", "alice", "--log", "b.db")
        # What carol's op depends on is in the log since.
        carol = (self.shell.work / "carol.key.pub").read_text().strip()
        for _ in range(2):
            _, there, _ = self.sync(code=1)
            self.assertEqual([(waiting["reason"], waiting["ops"]) for waiting in there["waiting"]], [("author_unknown", 1)])
            kept = json.loads(self.must("inspect", "quarantine", "--json", "--log", "b.db"))["quarantine"]
            self.assertEqual([op["reason"] for op in kept], ["author_unknown"])
        text = self.must("inspect", "quarantine", "--log", "b.db")
        self.assertIn(f"1 op by a key that is not trusted here: musher trust add {carol} NAME --log {self.shell.work}/b.db\n", text)

    def test_what_was_waiting_comes_in_with_what_it_waited_for(self):
        self.trust_each_other()
        self.put("a.db", "1_a", "stage=1_backlog", new=True)
        self.shell.copy_of("a.db", "first.db")
        self.put("a.db", "1_a", "stage=2_current")
        # first.db with the first op forgotten: b.db gets the second one alone.
        self.shell.copy_of("a.db", "second.db", "DELETE FROM crdt_ops WHERE rowid = 1;")
        _, there, _ = self.sync(logs=("second.db", "b.db"), code=1)
        self.assertEqual([waiting["reason"] for waiting in there["waiting"]], ["dependency_missing"])
        _, there, _ = self.sync(logs=("first.db", "b.db"))
        self.assertEqual((there["moved"], there["released"]), (1, 1))
        _, there, _ = self.sync()
        self.assertEqual(there["moved"], 0)

    def test_a_purge_takes_the_story_out_of_both_whatever_was_written_there(self):
        self.trust_each_other()
        self.put("a.db", "1_a", "stage=1_backlog", new=True)
        self.sync()
        self.must("purge", "-q", "--log", "b.db", "1_a", "--confirm", "1_a", "--reason", "done with")
        self.put("a.db", "1_a", "stage=2_current")
        self.sync()
        for log in ("a.db", "b.db"):
            self.assertEqual(json.loads(self.must("inspect", "stories", "--json", "--log", log))["stories"], [], log)

    def test_one_key_on_two_branches_both_come_over(self):
        # A copied disk image: the key wrote 40 ops, then 9 here and 70 there.
        self.trust_each_other()
        self.put("a.db", "1_a", *(f"f{n}=1" for n in range(39)), new=True)
        self.put("a.db", "1_a", *(f"f{n}=2" for n in range(39)))
        self.sync()
        self.shell.copy_of("a.db", "image.db")
        self.must("init", "-q", "--log", "c.db", "--join", "a.db", "--name", "carol")
        self.must("trust", "add", "-q", "a.db.key.pub", "alice", "--log", "c.db")
        self.put("a.db", "1_a", *(f"g{n}=1" for n in range(9)))
        elsewhere = {"XDG_STATE_HOME": str(self.shell.folder / "elsewhere")}
        self.put("image.db", "1_a", *(f"h{n}=1" for n in range(70)), "--identity", "a.db.key", environment=elsewhere)
        self.sync(logs=("image.db", "c.db"))
        _, there, back = self.sync(logs=("a.db", "c.db"), code=0)
        self.assertEqual((there["moved"], back["moved"]), (9, 70))
        self.assertEqual(self.digest("a.db"), self.digest("c.db"))
        self.musher("verify-order", "-q", "--state", "none", "--log", "c.db", code=1)  # equivocation, on both
        _, there, back = self.sync(logs=("c.db", "b.db"))
        self.assertEqual((there["moved"], back["moved"]), (79, 0))

    def test_a_dry_run_says_what_the_run_would_do_and_writes_nothing(self):
        self.put("a.db", "1_a", "stage=1_backlog", new=True)
        self.put("b.db", "2_b", "stage=1_backlog", new=True)
        self.must("trust", "add", "-q", "a.db.key.pub", "alice", "--log", "b.db")
        names = [path.name for path in self.shell.work.iterdir() if path.name.startswith(("a.db", "b.db"))]
        before = self.bytes_of(*names)
        document, there, back = self.sync("-n", code=1)
        self.assertTrue(document["dry_run"])
        self.assertEqual((there["moved"], there["waiting"], back["moved"], back["waiting"][0]["reason"]), (1, [], 0, "author_unknown"))
        text = self.musher("sync", "-n", "a.db", "b.db", code=1).stdout
        self.assertIn("1 op would be brought over", text)
        self.assertIn("1 op by", text)
        self.assertIn("would wait in its quarantine: author_unknown", text)
        self.assertEqual(self.bytes_of(*names), before)
        self.assertEqual({path.name for path in self.shell.work.iterdir()}, set(names))
        document["dry_run"] = False
        self.assertEqual(self.sync(code=1)[0], document)
        self.assertEqual(list(self.shell.folder.glob("musher-copy-*")), [])

    def test_a_dry_run_names_the_damaged_log_and_not_its_copy(self):
        self.trust_each_other()
        self.put("a.db", "1_a", "stage=1_backlog", new=True)
        self.put("b.db", "2_b", "stage=1_backlog", new=True)
        for damage in ("DELETE FROM meta WHERE key = 'log';", "UPDATE meta SET value = x'00' WHERE key = 'document';",
                       "UPDATE crdt_ops SET actor = 'mallory';", None):
            for logs in (("bad.db", "b.db"), ("b.db", "bad.db")):
                with self.subTest(damage=damage, logs=logs):
                    self.shell.copy_of("a.db", "bad.db", damage or "")
                    if damage is None:
                        with open(self.shell.work / "bad.db", "rb+") as file:
                            file.seek(100)
                            file.write(b"\xa5" * 300)
                    done = self.musher("sync", "-n", *logs, code=1)
                    said = done.stdout + done.stderr
                    self.assertRegex(said, rf"(?m)^.*{self.shell.work}/bad\.db.*\n *(hint: )?musher verify-order --log {self.shell.work}/bad\.db$")
                    self.assertNotIn("musher-copy", said)

    def test_a_dry_run_needs_only_to_read(self):
        if os.geteuid() != 0:
            self.skipTest("needs another user")
        self.put("a.db", "1_a", "stage=1_backlog", new=True)
        for path in self.shell.work.iterdir():
            path.chmod(0o444)
        self.shell.folder.chmod(0o755)
        self.shell.work.chmod(0o555)
        stranger = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        tmp = {"TMPDIR": "/tmp", "HOME": "/tmp", "XDG_STATE_HOME": "/tmp/none"}
        done = self.shell.run(*stranger, BIN / "musher", "sync", "-n", "a.db", "b.db", environment=tmp)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("author_unknown", done.stdout)
        done = self.shell.run(*stranger, BIN / "musher", "sync", "a.db", "b.db", environment=tmp)
        self.assertEqual((done.returncode, done.stdout), (7, ""), done.stderr)
        for path in self.shell.work.glob("a.db*"):
            path.chmod(0o400)  # not even to read: neither a dry run nor a copy of it is of use
        for words in (("-n", "a.db", "b.db"), ("a.db", "b.db")):
            unreadable = self.shell.run(*stranger, BIN / "musher", "sync", *words, environment=tmp)
            self.assertEqual((unreadable.returncode, "to look only" in unreadable.stderr), (7, False), unreadable.stderr)
        for hint in (": to look only, musher sync -n a.db b.db; ", """sync a copy of it: sqlite3 a.db "VACUUM INTO 'copy.db'"\n"""):
            self.assertIn(hint, done.stderr)

    def test_an_op_with_a_forged_signature_is_refused_and_kept_as_evidence(self):
        self.trust_each_other()
        self.put("a.db", "1_a", "stage=1_backlog", new=True)
        self.put("a.db", "1_a", "stage=2_current")
        self.put("a.db", "1_a", "stage=3_qa")
        self.put("b.db", "2_b", "stage=1_backlog", new=True)
        self.shell.copy_of("a.db", "forged.db", "UPDATE crdt_ops SET signature = zeroblob(64) WHERE rowid = 2;")
        document, there, back = self.sync(logs=("forged.db", "b.db"), code=1)
        self.assertEqual((document["verdict"], there["moved"], there["damage"], back["moved"]), ("different", 1, None, 0))
        self.assertIn("trigger", back["damage"])  # nobody writes to a log whose schema was altered
        self.assertEqual((there["refused"]["rowid"], there["refused"]["reason"]), ("2", "bad_signature"))
        kept = json.loads(self.must("inspect", "quarantine", "--json", "--log", "b.db"))["quarantine"]
        self.assertEqual([(op["reason"], op["source"]) for op in kept], [("bad_signature", "import")])
        text = self.musher("sync", "forged.db", "b.db", code=1).stdout
        self.assertRegex(text, r"op [0-9a-f]{12} \(row 2 there\) was refused: bad_signature; nothing behind it was looked at")
        _, there, _ = self.sync()  # the sound log brings it
        self.assertEqual(there["moved"], 2)

    def test_a_row_that_is_not_what_it_is_stored_as_is_damage(self):
        self.trust_each_other()
        self.put("a.db", "1_a", "stage=1_backlog", new=True)
        self.shell.copy_of("a.db", "odd.db", "UPDATE crdt_ops SET actor = 'mallory';")
        done = self.musher("sync", "odd.db", "b.db", code=1)
        self.assertRegex(done.stdout, r"stopped: row 1 is not what its author signed: it is not sent to peers \(\S*odd\.db\)")
        self.assertIn(f"musher verify-order --log {self.shell.work}/odd.db", done.stdout)
        self.assertEqual(json.loads(self.must("inspect", "--json", "--log", "b.db"))["counts"]["ops"], 0)

    def test_quiet_says_why_it_ends_with_1_in_a_line_for_each_reason(self):
        self.put("a.db", "1_a", "stage=1_backlog", new=True)
        key = (self.shell.work / "a.db.key.pub").read_text().strip()
        there = rf"musher-sync: \S*a\.db to {self.shell.work}/b\.db: "
        done = self.musher("sync", "-q", "a.db", "b.db", code=1)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, rf"^{there}1 op by {key[:12]} waits in its quarantine: author_unknown "
                                      rf"\(musher trust add {key} NAME --log {self.shell.work}/b\.db\)\n$")
        self.trust_each_other()
        self.sync()
        self.put("a.db", "1_a", "stage=2_current")
        self.put("b.db", "2_b", "stage=1_backlog", new=True)
        self.shell.copy_of("a.db", "forged.db", "UPDATE crdt_ops SET signature = zeroblob(64) WHERE rowid = 2;")
        done = self.musher("sync", "-q", "forged.db", "b.db", code=1)
        forward, back = done.stderr.splitlines()
        self.assertRegex(forward, r"forged\.db to \S*b\.db: op [0-9a-f]{12} \(row 2 there\) was refused: bad_signature; .* \(musher verify-order --log \S*forged\.db\)$")
        self.assertRegex(back, r"b\.db to \S*forged\.db: stopped: .*trigger")
        self.assertEqual(done.stdout, "")

    def test_other_files_are_refused_by_name(self):
        document = lambda log: json.loads(self.must("inspect", "--json", "--log", log))["log"]["document"]
        self.must("init", "-q", "--log", "other.db")
        done = self.musher("sync", "a.db", "other.db", code=2)
        for said in (document("a.db"), document("other.db"), "different documents", "musher init --join"):
            self.assertIn(said, done.stderr)
        (self.shell.work / "text").write_text("no log\n")
        (self.shell.work / "link.db").symlink_to("a.db")
        for logs, code in ((("a.db", "nowhere.db"), 3), (("nowhere.db", "a.db"), 3), (("a.db", "text"), 3), (("a.db", "."), 3), (("a.db", "a.db"), 2),
                           (("a.db", "link.db"), 2), (("a.db",), 2), ((), 2), (("a.db", "b.db", "other.db"), 2), (("a.db", ""), 3),
                           (("a.db", "b.db", "--log", "a.db"), 2), (("a.db", "b.db", "--wait", "soon"), 2), (("a.db", "b.db", "--identity", "a.db.key"), 2)):
            with self.subTest(logs):
                for extra in ((), ("-n",)):
                    done = self.musher("sync", *extra, *logs, code=code)
                    self.assertEqual(done.stdout, "")
                    self.assertIn("musher-sync: ", done.stderr)

    def test_the_hint_of_a_wrong_argument_is_one_for_sync(self):
        work = self.shell.work
        (work / "text").write_text("no log\n")
        (work / "empty.db").touch()
        (work / "dangling.db").symlink_to("target.db")
        self.shell.sql("foreign.db", "CREATE TABLE t (x);")
        another = "hint: musher sync takes two op logs: name another file\n"
        for name, hint in (("typo.db", "hint: musher init --join a.db --log typo.db\n"),
                           ("dangling.db", f"hint: musher init --join a.db --log {work}/target.db\n"),
                           ("empty.db", f"hint: remove it, then: musher init --join a.db --log {work}/empty.db\n"),
                           (".", another), ("text", another), ("foreign.db", another), ("/dev/null", another), ("", another)):
            for logs in (("a.db", name), (name, "a.db")):
                for extra in ((), ("-n",)):
                    with self.subTest(logs=logs, extra=extra):
                        done = self.musher("sync", *extra, *logs, code=3)
                        self.assertTrue(done.stderr.endswith(hint), done.stderr)
        # Neither is there: nothing says which document the new log should hold.
        self.assertIn("hint: neither of the two is there: look at their names, or in which folder you are\n", self.musher("sync", "typo.db", "elsewhere.db", code=3).stderr)
        for arguments in (("--log", "one.db", "two.db"), ("-l", "one.db", "two.db"), ("one.db", "--log=two.db")):
            self.assertIn("  hint: its logs are arguments: musher sync FILE-A FILE-B\n", self.musher("sync", *arguments, code=2).stderr)
        self.must("init", "-q", "--join", "a.db", "--log", "typo.db")
        self.sync(logs=("a.db", "typo.db"))

    def test_a_url_is_no_file(self):
        for url in ("http://127.0.0.1:7777", "HTTPS://node.example.org", "ws://node.example.org:7777/crdt-sync", "wss://[::1]:7777"):
            for logs in ((url, "a.db"), ("a.db", url)):
                done = self.musher("sync", *logs, code=2)
                self.assertIn("musher sync takes files, and one of these is a URL\n  hint: servers sync with each other: musher serve --rendezvous URL\n", done.stderr)

    def test_a_lock_that_is_held_is_6_and_names_the_log(self):
        self.trust_each_other()
        self.put("a.db", "1_a", "stage=1_backlog", new=True)
        with open(self.shell.work / "b.db.lock", "rb+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = self.musher("sync", "a.db", "b.db", code=6, environment={"MUSHER_LOCK_TIMEOUT": "100ms"})
            self.assertIn("b.db", done.stderr)
        self.sync()

    def test_what_stops_one_direction_is_told_and_the_other_is_gone_all_the_same(self):
        self.trust_each_other()
        self.put("a.db", "1_a", "stage=1_backlog", new=True)
        self.put("b.db", "2_b", "stage=1_backlog", new=True)
        server = Server(self.shell, "--log", "b.db")
        self.addCleanup(server.close)
        soon = {"MUSHER_LOCK_TIMEOUT": "100ms"}
        stopped = rf"from {self.shell.work}/b\.db to {self.shell.work}/a\.db: .*a\.db"
        with contextlib.closing(sqlite3.connect(self.shell.work / "a.db", isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            for logs in (("a.db", "b.db"), ("b.db", "a.db")):
                with self.subTest(logs):
                    done = self.musher("sync", *logs, code=6, environment=soon)
                    self.assertRegex(done.stderr, rf"(?m)^musher-sync: {stopped}.*\n  hint: ")
                    self.assertIn("a.db: nothing brought over\n", done.stdout)
                    self.assertIn("not all could be brought over\n", done.stdout)
                    if logs[0] == "a.db":
                        self.assertIn("b.db: 1 op brought over\n", done.stdout)
                        self.assertRegex(done.stderr, r"the live server PID [0-9]+ has it in memory")
            done = self.musher("sync", "-q", "a.db", "b.db", code=6, environment=soon)
            self.assertEqual((done.stdout, len(done.stderr.splitlines())), ("", 1))
            self.assertRegex(done.stderr, rf"^musher-sync: {stopped}")
            done = self.musher("sync", "--json", "a.db", "b.db", code=6, environment=soon)
            self.assertEqual(done.stdout, "")
            self.assertEqual((json.loads(done.stderr)["code"], json.loads(done.stderr)["exit_code"]), ("busy", 6))
        _, there, back = self.sync()
        self.assertEqual((there["moved"], back["moved"]), (0, 1))

    def test_a_log_whose_authors_cannot_be_read_gives_what_it_has(self):
        self.trust_each_other()
        self.put("a.db", "1_a", "stage=1_backlog", new=True)
        self.put("b.db", "2_b", "stage=1_backlog", new=True)
        for logs in (("odd.db", "b.db"), ("b.db", "odd.db")):
            with self.subTest(logs):
                self.shell.copy_of("a.db", "odd.db", "")
                with contextlib.closing(sqlite3.connect(self.shell.work / "odd.db")) as database:
                    page, = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'authors'").fetchone()
                    size, = database.execute("PRAGMA page_size").fetchone()
                with open(self.shell.work / "odd.db", "rb+") as file:
                    file.seek((page - 1) * size)
                    file.write(b"\xa5" * size)
                self.shell.copy_of("b.db", "fresh.db", "")
                document, *movements = self.sync(logs=["fresh.db" if name == "b.db" else name for name in logs], code=1)
                out = movements[logs.index("odd.db")]
                back = movements[1 - logs.index("odd.db")]
                self.assertEqual((document["verdict"], out["moved"], out["damage"], back["moved"]), ("different", 1, None, 0))
                self.assertIn("odd.db", back["damage"])

    def test_a_live_server_has_what_came_in_memory(self):
        self.trust_each_other()
        self.put("a.db", "1_a", "stage=1_backlog", new=True)
        server = Server(self.shell, "--log", "b.db")
        self.addCleanup(server.close)
        done = self.musher("sync", "a.db", "b.db")
        self.assertRegex(done.stderr, r"the live server PID [0-9]+ has it in memory, after [0-9]+ ms")
        self.put("a.db", "1_a", "stage=2_current")
        _, there, back = self.sync()
        self.assertEqual(([answer["status"] for answer in there["live"]], back["live"]), (["applied"], []))


class Interrupted(unittest.TestCase):
    """Who is interrupted while a private copy is there leaves nothing in the temporary folder."""

    def setUp(self):
        self.shell = Shell(IN_MEMORY)
        self.addCleanup(self.shell.close)
        self.temporary = self.shell.folder / "temporary"
        self.temporary.mkdir()
        for log, others in (("a.db", []), ("b.db", ["--join", "a.db"])):
            done = self.shell.musher("init", "-q", "--log", log, *others)
            self.assertEqual(done.returncode, 0, done.stderr)

    def start(self, *arguments, **options):
        """A command that has begun to make its copy."""
        process = subprocess.Popen([BIN / "musher", *arguments], cwd=self.shell.work, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, env=self.shell.environment | {"TMPDIR": str(self.temporary)}, **options)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        end = time.monotonic() + 30
        while not list(self.temporary.glob("musher-copy-*/log.db")):
            self.assertIsNone(process.poll(), arguments)
            self.assertLess(time.monotonic(), end, arguments)
        return process

    def ends_without_a_trace(self, process, number):
        process.send_signal(number)
        self.assertEqual(process.wait(30), -number)
        self.assertEqual(list(self.temporary.iterdir()), [], number)

    def test_sync_n_while_it_waits_for_the_second_log(self):
        with open(self.shell.work / "b.db.lock", "r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                self.ends_without_a_trace(self.start("sync", "-n", "a.db", "b.db"), number)

    def test_inspect_while_it_copies(self):
        with open(self.shell.work / "a.db", "r+b") as log:
            log.truncate(2**29)  # takes a while, and is copied no further than the interrupt
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self.ends_without_a_trace(self.start("inspect", "--copy", "--log", "a.db"), number)

    def test_a_signal_that_is_ignored_stays_so(self):
        with open(self.shell.work / "b.db.lock", "r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            process = self.start("sync", "-n", "a.db", "b.db", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
            process.send_signal(signal.SIGHUP)
            with self.assertRaises(subprocess.TimeoutExpired):
                process.wait(0.5)
            self.assertNotEqual(list(self.temporary.iterdir()), [])
            self.ends_without_a_trace(process, signal.SIGTERM)


if __name__ == "__main__":
    unittest.main()
