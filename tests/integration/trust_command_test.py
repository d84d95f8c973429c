"""musher trust: what it says of a change."""

import json
import unittest

from binaries import IN_MEMORY, Shell


class OwnKey(unittest.TestCase):
    def setUp(self):
        self.shell = Shell(IN_MEMORY)
        self.addCleanup(self.shell.close)
        self.musher("init", "-q", "--name", "alice")
        self.musher("put", "-q", "--new", "1_a", "stage=1_backlog")
        self.key = (self.shell.work / "pipeline.db.key.pub").read_text().strip()

    def musher(self, *arguments, code=0):
        done = self.shell.musher(*arguments)
        self.assertEqual(done.returncode, code, (arguments, done.stdout, done.stderr))
        return done

    def trust(self, *arguments):
        done = self.musher("trust", *arguments)
        return done.stdout, done.stderr

    def test_a_new_name_for_it_is_said_to_be_one(self):
        out, said = self.trust("add", self.key, "mallory")
        self.assertEqual(out, f"mallory ({self.key[:12]}) is now trusted\n")
        self.assertEqual(said, f"musher-trust: warning: this is the log's own key, {self.shell.work}/pipeline.db.key, which was called alice until now\n")
        self.assertEqual(self.trust("add", self.key, "mallory")[1], f"musher-trust: this is the log's own key, {self.shell.work}/pipeline.db.key\n")

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


if __name__ == "__main__":
    unittest.main()
