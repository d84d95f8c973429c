"""A log that turns bad under a running server: it says so wherever one would look, reads go on, and nothing is written."""

import fcntl
import json
import shutil
import signal
import threading
import unittest

from binaries import Shell
from mcp_client import Modern, Server, wait_until

STORY = "478_story_sync"
FORGED = ("INSERT INTO crdt_ops SELECT (SELECT max(rowid) FROM crdt_ops) + 1, randomblob(32), author, idx + 1, op_id, 2, 1, "
          "op_id, parents, 'stage', 'mallory', digest, '\"9_forged\"', salt, time_ms, randomblob(64), depth + 1, source, "
          "received_ms FROM crdt_ops WHERE rowid = 1;")


class BadLog(unittest.TestCase):
    def setUp(self):
        self.shell = Shell()
        self.addCleanup(self.shell.close)
        self.log = self.shell.work / "pipeline.db"
        self.must("init", "-q")
        self.must("put", "-q", "--new", STORY, "stage=1_backlog")
        self.must("put", "-q", "--new", "479_other", "stage=1_backlog")
        self.must("put", "-q", STORY, "stage=2_current")
        self.server = Server(self.shell)
        self.addCleanup(self.server.close)
        self.server.wait_event("audited")  # what turns bad later is not for that audit to find
        self.client = Modern(self.server)
        self.addCleanup(self.client.close)
        self.assertEqual(self.stage(), "2_current")

    def must(self, *arguments):
        done = self.shell.musher(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def stage(self):
        return self.client.stories()[STORY]["fields"]["stage"]

    def health_in_the_shell(self, log="pipeline.db"):
        summary = json.loads(self.shell.musher("inspect", "summary", "--json", "--log", log).stdout)
        return [server["health"] for server in summary["servers"]]

    def assert_turned_bad(self, problem):
        """What holds whatever is wrong: readiness, log, metrics, tools; reads; no writes."""
        wait_until(lambda: self.server.readiness()[0] == 503, "readiness to say that the log is bad")
        ready = self.server.readiness()[1]
        self.assertEqual((ready["status"], ready["health"]), ("failed", "failed"))
        self.assertRegex(ready["problem"], problem)
        event = self.server.wait_event("the log has turned bad: reads go on from memory, writes are refused")
        self.assertEqual((event["level"], event["problem"]), ("error", ready["problem"]))
        self.assertIn("musher_healthy 0\n", self.server.get("/metrics")[2])
        self.assertEqual(self.server.get("/livez")[0], 200)

        node = self.client.document("get_node")
        self.assertEqual((node["health"], node["problem"]), ("failed", ready["problem"]))
        self.assertEqual(self.stage(), "2_current")
        self.assertEqual(set(self.client.stories()), {STORY, "479_other"})
        self.assertEqual(self.client.document("list_agents")["agents"], [])
        self.assertEqual(len(self.client.read("musher://pipeline")["stories"]), 2)
        self.assertIn(f"musher://story/{STORY}", self.client.resource_uris())

        for name, arguments in (("put_story", {"fields": {"stage": "9"}}), ("purge_story", {})):
            refused = self.client.refusal(name, {"story_id": STORY} | arguments)
            self.assertEqual(refused["code"], "refused", refused)
            self.assertRegex(refused["message"], problem)
        self.assertEqual(self.stage(), "2_current")
        self.assertEqual(self.server.events("wrote"), [])
        return self.client.document("list_ops")

    def assert_well_again(self):
        self.server.signal(signal.SIGHUP)
        wait_until(lambda: self.server.readiness()[0] == 200, "the server to follow its log again")
        self.client.document("put_story", {"story_id": STORY, "fields": {"stage": "3_qa"}})
        self.assertEqual(self.stage(), "3_qa")
        done = json.loads(self.must("put", "--json", STORY, "stage=4_done").stdout)
        self.assertEqual([live["status"] for live in done["live"]], ["applied"])
        self.assertEqual(self.stage(), "4_done")
        self.assertEqual(self.client.document("replay_at", {"compare": "live"})["verdict"], "same")

    def tearDown(self):
        if self.server.process.poll() is None:
            self.assertEqual(self.server.stop(), 0, self.server.text())


class Rows(BadLog):
    def test_a_forged_row(self):
        self.shell.sql(self.log, FORGED)
        ops = self.assert_turned_bad(r"row 4 of .* cannot be applied")
        self.assertEqual([(one["rowid"], one["reason"]) for one in ops["failures"]], [("4", "digest_mismatch")])
        self.assertEqual((ops["ops"][3]["rowid"], "value" in ops["ops"][3]), ("4", False))
        self.assertEqual(self.health_in_the_shell(), ["failed"])

    def test_a_forged_row_is_found_before_a_write_goes_on_top_of_it(self):
        self.shell.sql(self.log, FORGED)
        refused = self.client.refusal("put_story", {"story_id": STORY, "fields": {"stage": "9"}})
        self.assertIn("cannot be applied", refused["message"])
        self.assertEqual(self.shell.sql(self.log, "SELECT count(*) FROM crdt_ops"), "4\n")

    def test_rows_that_are_deleted(self):
        self.shell.sql(self.log, "DROP TRIGGER crdt_ops_no_delete; DELETE FROM crdt_ops WHERE rowid = 3;")
        self.assert_turned_bad("was rolled back: row 3, which this server has in memory, is not there any more")
        self.assertEqual(self.health_in_the_shell(), ["failed"])

    def test_a_row_that_is_deleted_below_the_last_one_shows_against_memory(self):
        self.shell.sql(self.log, "DROP TRIGGER crdt_ops_no_delete; DELETE FROM crdt_ops WHERE rowid = 2;")
        compared = self.client.document("replay_at", {"compare": "live"})
        self.assertEqual(compared["missing_rows"], [{"rowid_from": "2", "rowid_to": "2"}])
        self.assertEqual([(one["rowid"], one["reason"]) for one in compared["failures"]], [("3", "dependency_missing")])
        self.assertEqual((compared["verdict"], compared["compare"]["missing_rows"]), ("different", []))
        replayed = self.client.document("replay_at")
        self.assertEqual((replayed["verdict"], replayed["missing_rows"]), ("failed", compared["missing_rows"]))

    def test_a_row_that_was_replaced(self):
        self.shell.sql(self.log, "DROP TRIGGER crdt_ops_no_update; UPDATE crdt_ops SET op_id = randomblob(32) WHERE rowid = 3;")
        self.assert_turned_bad("was rolled back: row 3, which this server has in memory, is another op now")


class File(BadLog):
    def test_renamed_and_put_back(self):
        self.log.rename(self.shell.work / "away.db")
        self.assert_turned_bad(r"pipeline\.db")
        self.server.signal(signal.SIGHUP)
        self.server.wait_event("the log stays as it was")
        self.assertEqual(self.server.readiness()[0], 503)
        (self.shell.work / "away.db").rename(self.log)
        self.assert_well_again()

    def test_replaced_by_a_copy_that_is_as_good(self):
        copy = self.shell.copy_of(self.log, "copy.db")
        (self.shell.work / copy).rename(self.log)
        self.assert_turned_bad(r"pipeline\.db")
        for suffix in ("-wal", "-shm"):
            (self.shell.work / f"pipeline.db{suffix}").unlink(missing_ok=True)
        self.assert_well_again()

    def test_replaced_by_a_backup_after_a_forgery(self):
        self.shell.copy_of(self.log, "backup.db")
        self.shell.sql(self.log, FORGED)
        self.assert_turned_bad("cannot be applied")
        shutil.move(self.shell.work / "backup.db", self.log)
        for suffix in ("-wal", "-shm"):
            (self.shell.work / f"pipeline.db{suffix}").unlink(missing_ok=True)
        self.assert_well_again()

    def test_deleted(self):
        self.log.unlink()
        self.assert_turned_bad(r"pipeline\.db")
        self.server.signal(signal.SIGHUP)
        self.server.wait_event("the log stays as it was")
        self.assertEqual(self.stage(), "2_current")


class Lock(BadLog):
    def test_a_lock_that_others_hold_degrades_readiness_and_reads_go_on(self):
        with open(f"{self.log}.lock", "r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            writer = Modern(self.server)
            self.addCleanup(writer.close)
            answers = []
            write = {"story_id": STORY, "fields": {"stage": "3_qa"}}
            thread = threading.Thread(target=lambda: answers.append(writer.tool("put_story", write)))
            thread.start()
            ready = wait_until(lambda: self.server.readiness()[1]["status"] == "degraded" and self.server.readiness(),
                               "readiness to be degraded")
            self.assertEqual((ready[0], ready[1]["health"]), (200, "ok"))
            self.assertIn("lock", ready[1]["problem"])
            self.assertEqual(self.stage(), "2_current")
            self.assertEqual(self.client.document("get_story", {"story_id": STORY})["story"]["status"], "live")
            self.assertEqual(answers, [])
            fcntl.flock(lock, fcntl.LOCK_UN)
        thread.join(20)
        self.assertFalse(answers[0].get("isError"), answers)
        self.assertEqual(self.stage(), "3_qa")
        self.assertEqual(self.server.readiness()[1]["status"], "ok")


class FromTheStart(unittest.TestCase):
    def test_what_the_first_audit_finds_stops_writes(self):
        shell = Shell()
        self.addCleanup(shell.close)
        shell.musher("init", "-q")
        shell.musher("put", "-q", "--new", STORY, "stage=1_backlog")
        shell.musher("put", "-q", STORY, "stage=2_current")
        # Applies as well as any other; only the signature says that nobody wrote it.
        shell.sql("pipeline.db", "DROP TRIGGER crdt_ops_no_update; UPDATE crdt_ops SET signature = randomblob(64) "
                                 "WHERE rowid = 2")
        server = Server(shell)
        self.addCleanup(server.close)
        self.assertEqual(server.wait_event("audited")["verdict"], "findings")
        wait_until(lambda: server.readiness()[0] == 503, "readiness to say that the log is bad")
        self.assertIn("signature-invalid", server.readiness()[1]["problem"])
        client = Modern(server)
        self.addCleanup(client.close)
        refused = client.refusal("put_story", {"story_id": STORY, "fields": {"stage": "9"}})
        self.assertEqual(refused["code"], "refused")
        codes = [finding["code"] for finding in client.read("musher://findings")["findings"]]
        self.assertIn("signature-invalid", codes)


if __name__ == "__main__":
    unittest.main()
