"""A log that turns bad under a running server: it says so wherever one would look, reads go on, and nothing is written."""

import fcntl
import json
import shutil
import signal
import threading
import time
import unittest

from binaries import Shell
from json_output_test import file_of, validate
from mcp_client import Modern, RpcFailure, Server, stories_of, wait_until

STORY = "478_story_sync"
FORGED = ("INSERT INTO crdt_ops SELECT (SELECT max(rowid) FROM crdt_ops) + 1, randomblob(32), author, idx + 1, op_id, 2, 1, "
          "op_id, parents, 'stage', 'mallory', digest, '\"9_forged\"', salt, time_ms, randomblob(64), depth + 1, source, "
          "received_ms FROM crdt_ops WHERE rowid = 3;")


class BadLog(unittest.TestCase):
    def setUp(self):
        self.shell = Shell()
        self.addCleanup(self.shell.close)
        self.log = self.shell.work / "pipeline.db"
        self.must("init", "-q")
        self.must("put", "-q", "--new", "470_gone", "stage=1_backlog")
        self.must("purge", "-q", "470_gone", "--yes")
        self.must("put", "-q", "--new", STORY, "stage=1_backlog")
        self.must("put", "-q", "--new", "479_other", "stage=1_backlog")
        self.must("put", "-q", STORY, "stage=2_current")
        self.server = Server(self.shell)
        self.addCleanup(self.server.close)
        self.server.wait_event("audited")  # what turns bad later is not for that audit to find
        self.client = Modern(self.server)
        self.addCleanup(self.client.close)
        self.assertEqual(self.stage(), "2_current")
        self.sound = self.client.document("get_node")

    def must(self, *arguments):
        done = self.shell.musher(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def stage(self):
        return self.client.stories()[STORY]["fields"]["stage"]

    def health_in_the_shell(self, log="pipeline.db"):
        summary = json.loads(self.shell.musher("inspect", "summary", "--json", "--log", log).stdout)
        return [server["health"] for server in summary["servers"]]

    def assert_turned_bad(self, problem, applied=None):
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
        self.assertEqual((node["applied"], node["heads"], node["log"]),
                         (self.sound["applied"] if applied is None else applied, self.sound["heads"], self.sound["log"]))
        self.assertEqual(self.stage(), "2_current")
        self.assertEqual(set(self.client.stories()), {STORY, "479_other"})
        self.assertEqual(self.client.document("list_agents")["agents"], [])
        self.assertEqual(set(stories_of(self.client.read("musher://pipeline"))), {STORY, "479_other"})
        self.assertIn(f"musher://story/{STORY}", self.client.resource_uris())

        for name, arguments in (("put_story", {"fields": {"stage": "9"}}), ("purge_story", {})):
            refused = self.client.refusal(name, {"story_id": STORY} | arguments)
            self.assertEqual(refused["code"], "refused", refused)
            self.assertRegex(refused["message"], problem)
        self.assertEqual(self.stage(), "2_current")
        self.assertEqual(self.server.events("wrote"), [])
        self.assert_memory_alone_is_shown(ready["problem"])
        self.assert_commands_say_it(ready["problem"])

    def inspect(self, *arguments, code=1):
        done = self.shell.musher("inspect", "--server", f"http://127.0.0.1:{self.server.port}", *arguments)
        self.assertEqual(done.returncode, code, (arguments, done.stdout, done.stderr))
        return done

    def assert_commands_say_it(self, problem):
        """What musher inspect --server shows of memory is not taken for the log: the problem is told, and it ends with 1."""
        shown = self.inspect("story", STORY).stdout
        self.assertIn(f"\nproblem: {problem}\nwhat is shown is from the server's memory, without history; nothing was checked\n", shown)
        self.assertIn("2_current", shown)
        self.assertNotIn("signatures", shown)
        document = json.loads(self.inspect("story", "--json", STORY).stdout)
        self.assertEqual((document["exit_code"], document["problem"]), (1, problem))
        for view, row in (("stories", STORY), ("peers", "")):
            for done in (self.inspect(view), self.inspect(view, "--json")):
                self.assertIn(f"warning: this is from the server's memory, which does not follow its log any more: {problem}\n", done.stderr)
                self.assertIn(row, done.stdout)
            self.assertEqual(json.loads(done.stdout)["exit_code"], 1)
        self.assertIn(problem, self.inspect("summary").stdout)
        self.assertIn(problem, self.inspect("ops").stderr)

    def assert_memory_alone_is_shown(self, problem):
        """No view has anything of the file: what memory cannot answer is refused, with the reason."""
        for shown in (self.client.document("get_story", {"story_id": STORY}), self.client.read(f"musher://story/{STORY}")):
            self.assertEqual((shown["story"]["fields"], shown["story"]["status"]), ({"stage": "2_current"}, "live"))
            self.assertEqual((shown["history"], shown["history_left_out"], shown["problem"]), ({}, True, problem))
            self.assertEqual(shown["log"], self.sound["log"])
            self.assertEqual(set(shown) - {"notice"}, {"schema", "log", "story", "history", "history_left_out", "problem", "failures"})
        for name in ("get_pipeline_status", "list_agents"):
            listed = self.client.tool(name)
            self.assertEqual(listed["structuredContent"]["problem"], problem)
            validate(listed["structuredContent"], file_of(listed["structuredContent"]["schema"]))
            self.assertIn(f"does not follow its log any more: {problem}. ", listed["content"][0]["text"])
        self.assertEqual(self.client.read("musher://pipeline")["problem"], problem)
        prompt = self.client.request("prompts/get", {"name": "why-does-this-story-keep-coming-back",
                                                     "arguments": {"story_id": STORY}})
        self.assertEqual(json.loads(prompt["messages"][1]["content"]["resource"]["text"])["problem"], problem)
        for name, arguments in (("list_ops", {}), ("list_ops", {"story_id": STORY}), ("get_story", {"story_id": "470_gone"}),
                                ("get_story", {"story_id": STORY, "at": "row:3"}), ("get_pipeline_status", {"at": "row:3"})):
            refused = self.client.refusal(name, arguments)
            self.assertEqual(refused["code"], "damaged", refused)
            self.assertIn(problem, refused["message"])
            self.assertIn("musher verify-order --log", refused["hint"])
        refused = self.client.refusal("get_story", {"story_id": "478_stroy_sync"})
        self.assertEqual((refused["code"], refused["candidates"]), ("not_found", [STORY]))
        with self.assertRaisesRegex(RpcFailure, "does not follow its log"):
            self.client.read("musher://log/tail")
        completed = self.client.request("completion/complete", {
            "ref": {"type": "ref/resource", "uri": "musher://story/{id}"}, "argument": {"name": "id", "value": "47"}})
        self.assertEqual(completed["completion"]["values"], [STORY, "479_other"])

    def audit(self, name, **arguments):
        """What an audit says of the file, and that it is said to be about that."""
        result = self.client.tool(name, arguments)
        self.assertFalse(result.get("isError"), result)
        self.assertTrue(any("about the file" in block["text"] for block in result["content"]), result)
        return result["structuredContent"]

    def assert_well_again(self):
        self.server.signal(signal.SIGHUP)
        wait_until(lambda: self.server.readiness()[0] == 200, "the server to follow its log again")
        self.client.document("put_story", {"story_id": STORY, "fields": {"stage": "3_qa"}})
        self.assertEqual(self.stage(), "3_qa")
        done = json.loads(self.must("put", "--json", STORY, "stage=4_done").stdout)
        self.assertEqual([live["status"] for live in done["live"]], ["applied"])
        self.assertEqual(self.stage(), "4_done")
        self.assertEqual(self.client.document("replay_at", {"compare": "live"})["verdict"], "same")
        for shown in (self.client.document("get_pipeline_status"), self.client.document("list_agents"), self.client.read("musher://pipeline")):
            self.assertNotIn("problem", shown)

    def tearDown(self):
        if self.server.process.poll() is None:
            self.assertEqual(self.server.stop(), 0, self.server.text())


class Rows(BadLog):
    def test_a_forged_row(self):
        self.shell.sql(self.log, FORGED)
        self.assert_turned_bad(r"row 6 of .* cannot be applied", applied="6")
        replayed = self.audit("replay_at")
        self.assertEqual([(one["op"]["rowid"], one["reason"]) for one in replayed["failures"]], [("6", "digest_mismatch")])
        self.assertIn("digest-mismatch", [finding["code"] for finding in self.audit("verify_order")["findings"]])
        self.assertEqual(self.health_in_the_shell(), ["failed"])

    def test_a_forged_row_is_found_before_a_write_goes_on_top_of_it(self):
        self.shell.sql(self.log, FORGED)
        refused = self.client.refusal("put_story", {"story_id": STORY, "fields": {"stage": "9"}})
        self.assertIn("cannot be applied", refused["message"])
        self.assertEqual(self.shell.sql(self.log, "SELECT count(*) FROM crdt_ops"), "6\n")

    def test_rows_that_are_deleted(self):
        self.shell.sql(self.log, "DROP TRIGGER crdt_ops_no_delete; DELETE FROM crdt_ops WHERE rowid = 5;")
        self.assert_turned_bad("was rolled back: row 5, which this server has in memory, is not there any more")
        self.assertEqual(self.health_in_the_shell(), ["failed"])
        self.assertEqual(self.audit("replay_at", at="row:4")["ops"]["read"], 4)
        differing = self.client.document("replay_at", {"compare": "live"})
        self.assertEqual([(one["story_id"], one["field"], one["left"], one["right"]) for one in
                          differing["compare"]["differences"]], [(STORY, "stage", "1_backlog", "2_current")])

    def test_whoever_asks_first_after_a_rollback_is_shown_memory(self):
        """No view waits for the poll to notice, and none shows the file as it is now."""
        self.shell.sql(self.log, "DROP TRIGGER crdt_ops_no_delete; DELETE FROM crdt_ops WHERE rowid = 5;")
        shown = self.client.document("get_story", {"story_id": STORY})
        self.assertEqual((shown["story"]["fields"]["stage"], shown["history"]), ("2_current", {}))
        self.assertIn("was rolled back", shown["problem"])

    def test_a_row_that_is_deleted_below_the_last_one_shows_against_memory(self):
        self.shell.sql(self.log, "DROP TRIGGER crdt_ops_no_delete; DELETE FROM crdt_ops WHERE rowid = 2;")
        compared = self.client.document("replay_at", {"compare": "live"})
        self.assertEqual(compared["missing_rows"], [{"rowid_from": "2", "rowid_to": "2"}])
        self.assertEqual([(one["rowid"], one["reason"]) for one in compared["failures"]],
                         [(row, "dependency_missing") for row in ("3", "4", "5")])
        self.assertEqual((compared["verdict"], compared["compare"]["missing_rows"]), ("different", []))
        replayed = self.client.document("replay_at")
        self.assertEqual((replayed["verdict"], replayed["missing_rows"]), ("failed", compared["missing_rows"]))

    def test_a_row_that_was_replaced(self):
        self.shell.sql(self.log, "DROP TRIGGER crdt_ops_no_update; UPDATE crdt_ops SET op_id = randomblob(32) WHERE rowid = 5;")
        self.assert_turned_bad("was rolled back: row 5, which this server has in memory, is another op now")


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

    def copy_over(self, backup):
        """The same file as before, by its inode; SQLite itself goes on with what it has read."""
        with open(self.log, "r+b") as target:
            target.write(backup)
            target.truncate()

    def test_an_old_backup_that_is_copied_over_it(self):
        self.shell.copy_of(self.log, "copy.db")
        self.must("put", "-q", "479_other", "owner=zoe")
        self.sound = self.client.document("get_node")
        self.copy_over((self.shell.work / "copy.db").read_bytes())
        self.assert_turned_bad(r"pipeline\.db-wal was left by another database")
        self.assertEqual(self.shell.musher("put", STORY, "stage=9").returncode, 5)
        (self.shell.work / "pipeline.db-wal").unlink()
        shutil.rmtree(self.shell.folder / "state")  # the note that this key has written more
        self.assert_well_again()

    def test_its_own_bytes_of_before_that_are_copied_over_it(self):
        before = self.log.read_bytes()
        self.must("put", "-q", "479_other", "owner=zoe")
        self.assertEqual(self.shell.sql(self.log, "PRAGMA wal_checkpoint(TRUNCATE)"), "0|0|0\n")
        self.client.document("list_ops")  # the checkpoint has been noticed: what comes now is not noticed by it
        self.sound = self.client.document("get_node")
        self.copy_over(before)
        self.assert_turned_bad("was rolled back: row 6, which this server has in memory, is not there any more")

    def test_a_backup_of_what_it_has_that_is_copied_over_it(self):
        self.shell.copy_of(self.log, "copy.db")
        self.copy_over((self.shell.work / "copy.db").read_bytes())
        self.assertEqual(self.client.document("get_story", {"story_id": STORY})["story"]["fields"]["stage"], "2_current")
        self.must("put", "-q", STORY, "stage=3_qa")
        self.assertEqual(self.stage(), "3_qa")
        self.client.document("put_story", {"story_id": STORY, "fields": {"stage": "4_done"}})
        self.assertEqual(self.client.document("replay_at", {"compare": "live"})["verdict"], "same")
        self.must("verify-order", "-q")

    def test_replaced_by_a_backup_after_a_forgery(self):
        self.shell.copy_of(self.log, "backup.db")
        self.shell.sql(self.log, FORGED)
        self.assert_turned_bad("cannot be applied", applied="6")
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


class Linked(unittest.TestCase):
    def test_after_sighup_writes_go_to_the_file_that_a_link_names_now(self):
        shell = Shell()
        self.addCleanup(shell.close)
        must = lambda *words: self.assertEqual(shell.musher(*words).returncode, 0, words)
        must("init", "-q", "--log", "v1.db")
        must("put", "-q", "--new", "1_old", "stage=1_backlog", "--log", "v1.db")
        shell.copy_of(shell.work / "v1.db", "before.db")
        must("put", "-q", "--new", STORY, "stage=1_backlog", "--log", "v1.db")
        shell.copy_of(shell.work / "v1.db", "v2.db")
        link = shell.work / "link.db"
        link.symlink_to("v1.db")
        server = Server(shell, "--log", "link.db", "--identity", "v1.db.key")
        self.addCleanup(server.close)
        for suffix in ("-wal", "-shm"):
            (shell.work / f"v1.db{suffix}").unlink(missing_ok=True)
        (shell.work / "before.db").rename(shell.work / "v1.db")
        wait_until(lambda: server.readiness()[0] == 503, "readiness to say that the log is bad")
        link.unlink()
        link.symlink_to("v2.db")
        server.signal(signal.SIGHUP)
        wait_until(lambda: server.readiness()[0] == 200, "the log to be open again")
        done = shell.musher("put", STORY, "stage=2_current", "--server", f"http://127.0.0.1:{server.port}")
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = lambda log: shell.sql(shell.work / log, "SELECT count(*) FROM crdt_ops").strip()
        self.assertEqual((rows("v1.db"), rows("v2.db")), ("1", "3"))


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


    def test_another_server_that_does_not_answer_holds_up_one_write_no_longer_than_five(self):
        silent = Server(self.shell)
        self.addCleanup(silent.close)
        silent.signal(signal.SIGSTOP)
        answers = []

        def write(number):
            client = Modern(self.server)
            self.addCleanup(client.close)
            answers.append(client.document("put_story", {"story_id": STORY, "fields": {f"field_{number}": number}}))

        threads = [threading.Thread(target=write, args=(number,)) for number in range(5)]
        begun = time.monotonic()
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            self.assertEqual(self.server.readiness()[1]["status"], "ok")
        self.assertLess(time.monotonic() - begun, 3)
        self.assertEqual([{live["pid"]: live["status"] for live in answer["live"]} for answer in answers],
                         [{self.server.pid: "applied", silent.pid: "timeout"}] * 5)
        silent.signal(signal.SIGCONT)
        answer = self.client.document("put_story", {"story_id": STORY, "fields": {"stage": "3_qa"}})
        self.assertEqual({live["pid"]: live["status"] for live in answer["live"]},
                         {self.server.pid: "applied", silent.pid: "applied"})


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
        audited = server.wait_event("audited")
        self.assertEqual((audited["verdict"], audited["level"]), ("findings", "error"))
        self.assertRegex(audited["first"], "^[a-z-]+: .")
        self.assertIn("musher verify-order --log", audited["hint"])
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
