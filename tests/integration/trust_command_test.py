"""musher trust: what it says of a change."""

import json
import unittest

from binaries import IN_MEMORY, Shell

# Of the log's own key, which somebody may have been told to trust by another node that has a copy of the key file.
SHARED = ("; two nodes must not share one: where another node has it too, the key file was copied, and one of the two needs a key of its own: "
          "musher identity new --identity FILE, in the place of the key there, and trusted in both logs")


class Alice(unittest.TestCase):
    """A log of alice's."""

    def setUp(self):
        self.shell = Shell(IN_MEMORY)
        self.addCleanup(self.shell.close)
        self.musher("init", "-q", "--name", "alice")

    def musher(self, *arguments, code=0):
        done = self.shell.musher(*arguments)
        self.assertEqual(done.returncode, code, (arguments, done.stdout, done.stderr))
        return done


class Usage(Alice):
    def refused(self, code, *arguments, **options):
        done = self.shell.musher(*arguments, **options)
        self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
        return done.stderr

    def test_where_no_log_is_one_is_named_before_a_new_one_is_made(self):
        elsewhere = self.shell.folder / "elsewhere"
        elsewhere.mkdir()
        key = (self.shell.work / "pipeline.db.key.pub").read_text().strip()
        for command in (["trust", "add", key, "alice"], ["trust", "list"], ["purge", "1_a", "--yes"], ["put", "1_a", "stage=2"], ["inspect"], ["replay"],
                        ["verify-order"]):
            with self.subTest(command):
                self.assertIn("  hint: name the op log with --log FILE; to make a new one: musher init --log pipeline.db\n", self.refused(3, *command, cwd=elsewhere))
        (elsewhere / "pipeline.db").touch()
        self.assertIn("  hint: name the op log with --log FILE; to make a new one: remove it, then: musher init --log ",
                      self.refused(3, "trust", "add", key, "alice", cwd=elsewhere))

    def test_what_to_run_instead_is_about_the_same_log(self):
        for arguments, hint in ((["inspect", "peers", "foo"], "musher inspect peers"), (["inspect", "story"], "musher inspect story ID"),
                                (["inspect", "peers", "--at", "now"], "musher inspect peers"), (["inspect", "heads", "--verify"], "musher inspect ops --verify"),
                                (["inspect", "heads", "--jsonl"], "musher inspect ops --jsonl"), (["trust", "add", "alice"], "musher trust add KEY NAME"),
                                (["trust", "revoke"], "musher trust revoke KEY"), (["trust", "list", "alice"], "musher trust list"),
                                (["trust", "add", "alice", "alice", "--from", "00"], "musher trust revoke KEY --from OP")):
            with self.subTest(arguments):
                self.assertIn(f"{hint} --log 'a log.db'", self.refused(2, *arguments, "--log", "a log.db"))

    def test_an_op_that_is_not_here_yet_revokes_nobody_and_says_how_it_gets_here(self):
        self.musher("put", "-q", "--new", "1_a", "stage=1_backlog")
        self.musher("init", "-q", "--log", "b.db", "--join", "pipeline.db")
        alice = (self.shell.work / "pipeline.db.key.pub").read_text().strip()
        op = json.loads(self.musher("inspect", "heads", "--json").stdout)["heads"][0]["op_id"]
        revoke = ("trust", "revoke", alice, "--from", op, "--log", "b.db")
        self.musher("sync", "-q", "pipeline.db", "b.db", code=1)  # where it waits, and is not in the log
        add = f"musher trust add {alice} NAME --log {self.shell.work}/b.db"
        self.assertIn(f"no op begins with {op} in {self.shell.work}/b.db\n  hint: revoke it once its ops are here, and until then: {add}\n", self.refused(1, *revoke))
        self.musher(*add.split()[1:])
        self.assertIn(f"revoked from op {op[:12]} on", self.musher(*revoke).stdout)
        self.assertIn("hint: musher inspect ops --log ", self.refused(1, "trust", "revoke", alice, "--from", "00" * 32, "--log", "b.db"))

    def test_a_key_that_is_none_is_a_wrong_argument(self):
        self.assertIn("nosuch.pub", self.refused(2, "trust", "add", "nosuch.pub", "bob"))


class OwnKey(Alice):
    def setUp(self):
        super().setUp()
        self.musher("put", "-q", "--new", "1_a", "stage=1_backlog")
        self.key = (self.shell.work / "pipeline.db.key.pub").read_text().strip()

    def trust(self, *arguments):
        done = self.musher("trust", *arguments)
        return done.stdout, done.stderr

    def test_a_new_name_for_it_is_said_to_be_one(self):
        out, said = self.trust("add", self.key, "mallory")
        self.assertEqual(out, f"mallory ({self.key[:12]}) is trusted, renamed from alice\n")
        own = f"this is the log's own key, {self.shell.work}/pipeline.db.key"
        self.assertEqual(said, f"musher-trust: warning: {own}, which was called alice until now{SHARED}\n")
        self.assertEqual(self.trust("add", self.key, "mallory")[1], f"musher-trust: {own}{SHARED}\n")

    def test_json_says_that_it_has_a_new_name(self):
        renamed = lambda *arguments: json.loads(self.trust(*arguments, "--json")[0])["renamed_from"]
        self.assertEqual(renamed("add", self.key, "mallory"), "alice")
        self.assertIsNone(renamed("add", self.key, "mallory"))
        self.assertIsNone(renamed("revoke", "mallory"))
        self.musher("identity", "new", "-q", "--identity", "bob.key")
        self.assertIsNone(renamed("add", "bob.key.pub", "bob"))

    def test_it_is_revoked_with_a_warning_that_says_how_to_go_back(self):
        out, said = self.trust("revoke", "alice")
        self.assertIn(f"alice ({self.key[:12]}) is now revoked", out)
        self.assertIn(f"this is the log's own key, {self.shell.work}/pipeline.db.key: nothing can be written with it until it is trusted again", said)
        self.musher("put", "-q", "1_a", "stage=2_current", code=5)
        back = f"musher trust --log {self.shell.work}/pipeline.db add {self.key} alice"
        self.assertIn(f": {back}\n", said)
        self.musher(*back.split()[1:])
        self.musher("put", "-q", "1_a", "stage=2_current")

    def test_json_says_it_on_standard_error_too(self):
        out, said = self.trust("revoke", "--json", "alice")
        self.assertEqual(json.loads(out)["trust"], "revoked")
        self.assertIn("this is the log's own key", said)

    def test_its_public_half_is_enough_to_know_it(self):
        (self.shell.work / "pipeline.db.key").unlink()
        self.assertIn("this is the log's own key", self.trust("revoke", "alice")[1])

    def test_of_another_key_nothing_is_said(self):
        self.musher("identity", "new", "-q", "--identity", "bob.key")
        for arguments in (("add", "bob.key.pub", "bob"), ("revoke", "bob")):
            self.assertEqual(self.trust(*arguments)[1], "")
        (self.shell.work / "pipeline.db.key").unlink()
        (self.shell.work / "pipeline.db.key.pub").unlink()
        self.assertEqual(self.trust("add", self.key, "mallory")[1], "")


class SaidAgain(Alice):
    """trust add of an author who is on the list already."""

    def setUp(self):
        super().setUp()
        self.musher("identity", "new", "-q", "--identity", "bob.key")
        self.bob = f"({(self.shell.work / 'bob.key.pub').read_text()[:12]})"

    def add(self, *arguments):
        return self.musher("trust", "add", "bob.key.pub", *arguments).stdout

    def listed(self):
        return [line.split()[:-2] for line in self.musher("trust", "list").stdout.splitlines() if line.startswith("b")]

    def test_the_right_to_erase_stays_until_it_is_taken_back(self):
        self.assertEqual(self.add("bob"), f"bob {self.bob} is now trusted\n")
        self.assertEqual(self.add("bob", "--eraser"), f"bob {self.bob} is trusted, and may now erase what others wrote\n")
        self.assertEqual(self.add("bob"), f"bob {self.bob} is already trusted, and may erase what others wrote\n")
        self.assertEqual(self.listed(), [["bob", "allowed,", "eraser"]])
        self.assertEqual(self.add("bob", "--no-eraser"), f"bob {self.bob} is trusted, and may no longer erase what others wrote\n")
        self.assertEqual(self.listed(), [["bob", "allowed"]])
        self.assertEqual(self.add("bob", "--no-eraser"), f"bob {self.bob} is already trusted\n")

    def test_another_name_takes_nothing_away(self):
        self.add("bob", "--eraser")
        self.assertEqual(self.add("bert"), f"bert {self.bob} is trusted, renamed from bob, and may erase what others wrote\n")
        self.assertEqual(self.listed(), [["bert", "allowed,", "eraser"]])

    def test_who_was_revoked_comes_back_as_before(self):
        self.add("bob", "--eraser")
        self.musher("trust", "revoke", "bob")
        self.assertEqual(self.add("bob"), f"bob {self.bob} is now trusted, and may erase what others wrote\n")
        self.musher("trust", "revoke", "bob")
        self.assertEqual(self.add("bert", "--no-eraser"), f"bert {self.bob} is now trusted, renamed from bob, and may no longer erase what others wrote\n")

    def test_the_flags_go_with_add_and_not_together(self):
        for arguments, error in ((("add", "bob.key.pub", "bob", "--eraser", "--no-eraser"), "--eraser and --no-eraser do not go together"),
                                 (("revoke", "alice", "--no-eraser"), "--no-eraser goes with add"), (("list", "--no-eraser"), "trust list takes nothing else")):
            done = self.shell.musher("trust", *arguments)
            self.assertEqual((done.returncode, done.stderr.splitlines()[0]), (2, f"musher-trust: {error}"))

    def test_what_is_heard_first_now_is_seen_now_and_one_op_is_one(self):
        self.musher("put", "-q", "--new", "1_a", "stage=1")
        self.musher("identity", "new", "-q", "--identity", "other.key")
        self.musher("trust", "add", "-q", "other.key.pub", "carol")
        self.musher("init", "-q", "--name", "bob", "--join", "pipeline.db", "--log", "b.db")
        self.musher("trust", "add", "-q", "pipeline.db.key.pub", "alice", "--log", "b.db")
        self.musher("put", "-q", "--new", "9_b", "stage=1", "--log", "b.db")
        self.assertEqual(self.shell.musher("sync", "-q", "pipeline.db", "b.db").returncode, 1)
        done = self.shell.musher("trust", "add", "b.db.key.pub", "bob")
        self.assertRegex(done.stdout, r"^bob \(.{12}\) is now trusted; 1 op came in from quarantine\n$")
        self.assertEqual(done.stderr, "musher-trust: 1 story is seen now: 9_b\n")


if __name__ == "__main__":
    unittest.main()
