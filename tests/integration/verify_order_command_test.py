"""musher verify-order as a person, a script and cron run it: exit codes, streams, and every fixture through the real binary."""

import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import unittest

from binaries import BIN, SOURCE, Shell

DATA = SOURCE / "tests" / "data"
FIXTURES = json.loads((DATA / "expected.json").read_text())
WARNINGS = {"clock-ahead", "came-back", "duplicate-story", "many-heads", "content-withheld"}


def cron_lines():
    """The variables and the commands of scripts/musher.cron, as cron reads them."""
    variables, commands = {}, []
    for line in (SOURCE / "scripts" / "musher.cron").read_text().splitlines():
        if re.match(r"[A-Z_]+=", line):
            name, _, value = line.partition("=")
            variables[name] = value
        elif line and not line.startswith("#"):
            commands.append(line.split(None, 6)[6])
    return variables, commands


class Command(unittest.TestCase):
    def setUp(self):
        self.shell = Shell()
        self.addCleanup(self.shell.close)

    def good_log(self):
        self.shell.musher("init", "-q")
        self.shell.musher("put", "-q", "--new", "478_story_sync", "stage=1_backlog")
        self.shell.musher("put", "-q", "478_story_sync", "stage=2_current")
        return self.shell.work / "pipeline.db"

    def fixture(self, name):
        """A copy of a fixture's log, and the options that name its state."""
        shutil.copy(DATA / name, self.shell.work / "log.db")
        options = ["--log", "log.db"]
        state = FIXTURES[name].get("state")
        if state:
            for suffix in ("", ".key"):
                shutil.copy((DATA / name).parent / (state + suffix), self.shell.work / ("log.state" + suffix))
                (self.shell.work / ("log.state" + suffix)).chmod(0o600)
            options += ["--state", "log.state"]
        tips = self.shell.folder / "state" / "musher" / "tips"
        shutil.rmtree(tips, ignore_errors=True)
        if notes := FIXTURES[name].get("notes"):
            shutil.copytree((DATA / name).parent / notes / "tips", tips)
        return options

    def verify(self, *arguments, **options):
        return self.shell.run(BIN / "musher-verify-order", *arguments, **options)


class Fixtures(Command):
    def test_libsodium_alone_comes_to_the_same_on_every_fixture(self):
        for name in FIXTURES:
            with self.subTest(name):
                options = self.fixture(name)
                usual, alone = (self.verify(*options, "--full", "--json", *more) for more in ([], ["--crypto", "libsodium"]))
                self.assertEqual(alone.returncode, usual.returncode)
                if usual.stdout:  # the two have not the same now
                    self.assertEqual(*(json.loads(re.sub(r"\d+ s later than it is now", "", run.stdout))["findings"] for run in (usual, alone)))

    def test_libsodium_alone_checks_again_what_an_earlier_run_has_checked(self):
        self.good_log()
        self.verify("-q")
        coverage = lambda *more: json.loads(self.verify("--json", *more).stdout)["coverage"]
        self.assertEqual(coverage()["signatures_from_checkpoint"], 2)
        alone = coverage("--crypto", "libsodium")
        self.assertEqual((alone["signatures_checked"], alone["signatures_from_checkpoint"]), (2, 0))

    def test_each_has_its_finding_its_exit_code_and_a_message_and_is_left_as_it_was(self):
        for name, expected in FIXTURES.items():
            with self.subTest(name):
                options = self.fixture(name)
                before = hashlib.sha256((self.shell.work / "log.db").read_bytes()).digest()
                done = self.verify(*options, "--json")
                document = json.loads(done.stdout)
                codes = [finding["code"] for finding in document["findings"]]
                # The clock of this machine is later than that of a fixture from the future only until 2071.
                self.assertEqual(codes, [finding["code"] for finding in expected["findings"]])
                code = 1 if set(codes) - WARNINGS else 0
                self.assertEqual((done.returncode, document["exit_code"], done.stderr), (code, code, ""))
                self.assertEqual(before, hashlib.sha256((self.shell.work / "log.db").read_bytes()).digest())

                text = self.verify(*options, *([] if "--state" in options else ["--state", "none"]))
                self.assertEqual((text.returncode, text.stderr), (code, ""))
                for finding in document["findings"]:
                    self.assertIn(finding["code"], text.stdout)
                quiet = self.verify(*options, "-q")
                self.assertEqual((quiet.returncode, quiet.stdout), (code, ""))
                self.assertEqual(quiet.stderr.count("\n"), 1 if code else 0, quiet.stderr)
                for hint in {finding["hint"] for finding in document["findings"]}:
                    if hint.startswith(("musher ", "sqlite3 ")):
                        run = self.shell.run("sh", "-c", hint)
                        self.assertIn(run.returncode, (0, 1, 11), (hint, run.stderr))  # 11: SQLITE_CORRUPT
                        self.assertNotRegex(run.stdout, "[\x00-\x09\x0b-\x1f\x7f-\x9f\ufffd\udc80-\udcff]", hint)
                for companion in self.shell.work.glob("log.*"):
                    companion.unlink()

    def test_names_of_stories_are_harmless_on_a_terminal(self):
        log = self.good_log()
        self.shell.sql(log, "DROP TRIGGER crdt_ops_no_update; UPDATE crdt_ops SET name = char(27) || '[2J' || char(8238) WHERE rowid = 1")
        done = self.verify("--state", "none")
        self.assertEqual(done.returncode, 1)
        self.assertNotRegex(done.stdout, "[\x00-\x09\x0b-\x1f\u202e]")


class Streams(Command):
    def test_a_good_log_says_what_was_looked_at(self):
        self.good_log()
        first = self.verify()
        self.assertEqual(first.returncode, 0)
        self.assertIn("2 of 2 checked", first.stdout)
        self.assertIn("first run: nothing to compare with yet", first.stdout)
        self.assertRegex(first.stdout, r"\nok\n$")
        second = self.verify()
        self.assertIn("2 checked by an earlier run", second.stdout)
        some = self.verify("--checks", "row", "--state", "none")
        self.assertIn("not checked  file, signature,", some.stdout)
        self.assertIn("as far as it was checked", some.stdout)

    def test_time_that_is_up_is_incomplete_and_not_ok(self):
        self.good_log()
        done = self.verify("--max-duration", "0ms")
        self.assertEqual(done.returncode, 4)
        self.assertIn("incomplete: the time was up after 0 of 2 rows", done.stdout)
        self.assertEqual(self.verify("--require-state").returncode, 4)
        self.assertEqual(self.verify("-q").returncode, 0)
        self.assertEqual(self.verify("-q", "--require-state").returncode, 0)

    def test_time_that_is_up_raises_no_alarm_about_the_last_run(self):
        self.good_log()
        self.assertEqual(self.verify().returncode, 0)
        done = self.verify("--max-duration", "0ms")
        self.assertIn("not compared: the time was up", done.stdout)
        self.assertNotIn("row 0", done.stdout)
        coverage = json.loads(self.verify("--max-duration", "0ms", "--json").stdout)["coverage"]
        self.assertEqual((coverage["state"], coverage["state_not_compared"]), ("none", "the time was up"))

    def test_a_change_of_trust_since_the_last_run_is_told(self):
        self.good_log()
        self.verify()
        self.shell.musher("identity", "new", "-q", "--identity", "other.key")
        self.assertEqual(self.shell.musher("trust", "add", "other.key.pub", "mallory\x1b[2J").returncode, 2)
        self.assertEqual(self.shell.musher("trust", "add", "other.key.pub", "mallory", "--eraser").returncode, 0)
        document = json.loads(self.verify("--json", "--checks", "state").stdout)
        self.assertEqual([(each["action"], each["name"], each["eraser"]) for each in document["coverage"]["trust_changes"]],
                         [("add", "mallory", True)])
        done = self.verify("--textfile", "m.prom")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"trust +1 change since the last run:\n  .*: add mallory \([0-9a-f]{12}\), who may erase\n")
        self.assertRegex((self.shell.work / "m.prom").read_text(), r"verify_order_trust_changes\{.*\} 1\n")
        self.assertNotIn("since the last run:", self.verify().stdout)

    def test_checks_that_cannot_run_are_a_mistake_and_not_ok(self):
        self.good_log()
        self.assertEqual(self.verify("--checks", "state", "--state", "none").returncode, 2)
        self.assertEqual(self.verify("--checks", "state").returncode, 4)
        self.assertEqual(self.verify().returncode, 0)
        done = self.verify("--checks", "state")
        self.assertEqual(done.returncode, 0)
        self.assertIn("2 of 2 read, row 1 to 2", done.stdout)

    def test_a_device_a_pipe_or_a_link_is_never_replaced(self):
        self.good_log()
        (self.shell.work / "target").write_text("precious")
        (self.shell.work / "link.prom").symlink_to("target")
        os.mkfifo(self.shell.work / "pipe.prom")
        names = ["link.prom", "pipe.prom"]
        if os.geteuid() == 0:
            os.mknod(self.shell.work / "device.prom", 0o666 | stat.S_IFCHR, os.makedev(1, 7))  # as /dev/full
            names.append("device.prom")
        for name in names:
            kind = (self.shell.work / name).lstat().st_mode
            for option in ("--textfile", "--state"):
                with self.subTest(name, option=option):
                    done = self.verify(option, name)
                    self.assertEqual((done.returncode, done.stdout), (7, ""))
                    self.assertIn("not a regular file", done.stderr)
                    self.assertEqual((self.shell.work / name).lstat().st_mode, kind)
        self.assertEqual((self.shell.work / "target").read_text(), "precious")

    def test_no_folder_is_made_for_a_named_state(self):
        self.good_log()
        done = self.verify("--state", "no/such/a.state")
        self.assertEqual(done.returncode, 7)
        self.assertFalse((self.shell.work / "no").exists())

    def test_a_note_that_was_changed_is_named(self):
        self.good_log()
        self.verify("-q", "--state", "a.state")
        (self.shell.work / "a.state").write_text("musher state 1\n")
        done = self.verify("-q", "--state", "a.state")
        self.assertEqual((done.returncode, done.stdout), (4, ""))
        self.assertIn("a.state", done.stderr)

    def test_a_note_that_is_gone_is_told_with_what_to_do(self):
        self.good_log()
        state = self.shell.work / "my.state"
        verify = ("verify-order", "--state", state)
        self.assertEqual(self.shell.musher(*verify).returncode, 0)
        state.unlink()
        done = self.shell.musher(*verify)
        self.assertEqual(done.returncode, 4)
        self.assertIn("is gone and its key is there", done.stdout)
        self.assertTrue(done.stdout.endswith(f"  hint: find out who changed it; to begin anew: rm -f {state} {state}.key\n"), done.stdout)
        quiet = self.shell.musher(*verify, "-q")
        self.assertEqual((quiet.returncode, quiet.stdout, quiet.stderr.count("\n")), (4, "", 1))
        self.assertTrue(quiet.stderr.endswith(f"rm -f {state} {state}.key)\n"), quiet.stderr)
        (self.shell.work / "my.state.key").unlink()
        self.assertIn("first run", self.shell.musher(*verify).stdout)

    def test_metrics_keep_the_last_success_and_count_every_code(self):
        log = self.good_log()
        metrics = self.shell.work / "musher.prom"
        self.assertEqual(self.verify("-q", "--textfile", metrics).returncode, 0)
        good = metrics.read_text()
        success = re.search(r"^musher_verify_order_last_success_timestamp_seconds\{.*\} (\d+)$", good, re.MULTILINE)[1]
        self.assertIn(f'musher_verify_order_exit_code{{log="{log}"}} 0\n', good)
        self.assertIn(f'findings{{log="{log}",code="rowid-gap",severity="error"}} 0\n', good)
        self.assertEqual(good.count("severity="), 32)
        damaged = self.shell.copy_of(log, "damaged.db", "DELETE FROM crdt_ops WHERE rowid = 1")
        self.assertEqual(self.verify("-q", "--log", damaged, "--state", "none", "--textfile", metrics).returncode, 1)
        self.assertIn(f"_last_success_timestamp_seconds{{log=\"{self.shell.work / damaged}\"}} {success}\n", metrics.read_text())
        self.assertIn('code="rowid-gap",severity="error"} 1\n', metrics.read_text())
        self.assertEqual(self.verify("-q", "--log", "none.db", "--textfile", metrics).returncode, 3)
        self.assertIn("exit_code{log=\"" + str(self.shell.work / "none.db") + "\"} 3\n", metrics.read_text())
        self.assertIn(f" {success}\n", metrics.read_text())
        self.assertEqual(self.verify("-q", "--textfile", "no/such/folder/m.prom").returncode, 7)
        self.assertEqual(self.verify("-q", "--log", damaged, "--state", "none", "--textfile", "no/such/m.prom").returncode, 1)


class Cron(Command):
    """The command of scripts/musher.cron in cron's own surroundings: hardly any."""

    def cron(self, log, command):
        environment = [f"{name}={value}" for name, value in (cron_lines()[0] | {
            "PATH": f"{BIN}:/usr/bin:/bin", "MUSHER_LOG": str(log), "XDG_STATE_HOME": str(self.shell.folder / "state")}).items()]
        return subprocess.run(["env", "-i", *environment, "/bin/sh", "-c", command], cwd="/", stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60, check=False)

    def test_it_is_silent_on_a_good_log(self):
        log = self.good_log()
        for command in cron_lines()[1] * 2:
            done = self.cron(log, command)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_it_says_one_line_of_a_damaged_log_and_goes_on_saying_it(self):
        log = self.good_log()
        self.shell.sql(log, "DROP TRIGGER crdt_ops_no_delete; DELETE FROM crdt_ops WHERE rowid = 1")
        for command in cron_lines()[1] * 2:
            done = self.cron(log, command)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertRegex(done.stderr, r"\Amusher-verify-order: .*row 1 is not there.*\n\Z")

    def test_it_says_one_line_and_3_where_there_is_no_log(self):
        for log in (self.shell.work / "none.db", self.shell.work):
            done = self.cron(log, cron_lines()[1][0])
            self.assertEqual((done.returncode, done.stdout), (3, ""))
            self.assertRegex(done.stderr, r"\Amusher-verify-order: .*\n\Z")

    def test_there_is_something_to_test(self):
        variables, commands = cron_lines()
        self.assertEqual(commands, ["musher-verify-order -q", "musher-verify-order -q --full"])
        self.assertIn("MUSHER_LOG", variables)


if __name__ == "__main__":
    unittest.main()
