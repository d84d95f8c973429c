"""Everything that is printed as JSON is what docs/schemas say, and says what the process's exit code says."""

import fcntl
import json
import os
import re
import shutil
import unittest

import jsonschema

from binaries import BIN, SOURCE, Shell
from mcp_client import Server, wait_until

SCHEMAS = SOURCE / "docs" / "schemas"
STORE = {path.name: json.loads(path.read_text()) for path in SCHEMAS.iterdir()}
validated = set()  # names of the schema files that some output was held against


def file_of(schema_name, is_line=False):
    name, version = schema_name.split("/")
    return f"{name}{'-line' if is_line else ''}.{version}.schema.json"


def validate(document, file):
    schema = STORE[file]
    store = {f"file:///schemas/{name}": other for name, other in STORE.items()}
    resolver = jsonschema.RefResolver(f"file:///schemas/{file}", schema, store=store)
    validator = jsonschema.Draft202012Validator(schema, resolver=resolver)
    problems = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]
    assert not problems, f"{file}: {problems}\n{json.dumps(document)}"
    validated.add(file)


class Commands(unittest.TestCase):
    """What the tests below run commands with."""

    def setUp(self):
        self.shell = Shell()
        self.addCleanup(self.shell.close)

    def musher(self, *arguments, code=0, **options):
        done = self.shell.musher(*arguments, **options)
        self.assertEqual(done.returncode, code, (arguments, done.stdout, done.stderr))
        return done

    def document(self, *arguments, code=0, **options):
        """The document that a command prints with --json: one line, valid, and of this exit code."""
        done = self.musher(*arguments, "--json", code=code, **options)
        self.assertEqual(done.stdout.count("\n"), 1, done.stdout)
        document = json.loads(done.stdout)
        self.assertEqual(document["exit_code"], done.returncode)
        validate(document, file_of(document["schema"]))
        return document

    def lines(self, *arguments, code=0):
        done = self.musher(*arguments, "--jsonl", code=code)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        for line in lines:
            validate(line, file_of("musher.inspect-ops/1", is_line=True))
        self.assertEqual([line["type"] for line in lines], ["op"] * (len(lines) - 1) + ["summary"])
        self.assertEqual(lines[-1]["exit_code"], done.returncode)
        return lines

    def new_log(self, *stories):
        self.musher("init", "-q")
        for story in stories:
            self.musher("put", "-q", "--new", story, f"name=Name of {story}", "stage=1_backlog")

    def every_view(self, log, code_of, stories):
        """Runs every view of a log; code_of(view) is the exit code it should have."""
        for view in ("summary", "stories", "ops", "authors", "heads", "peers", "quarantine"):
            self.document("inspect", view, "--log", log, code=code_of(view))
        self.lines("inspect", "ops", "--log", log, code=code_of("ops"))
        for story in stories:
            self.document("inspect", "story", story, "--log", log, code=code_of("story"))


class Schemas(unittest.TestCase):
    def test_each_schema_is_one(self):
        for name, schema in STORE.items():
            with self.subTest(name):
                jsonschema.Draft202012Validator.check_schema(schema)

    def test_every_name_that_the_code_can_print_has_a_schema_and_the_other_way_round(self):
        printed = set()
        for path in (SOURCE / "lib").rglob("*.cpp"):
            printed |= set(re.findall(r'"(musher\.[a-z-]+/[0-9]+)"', path.read_text()))
        files = {file_of(name) for name in printed}
        self.assertEqual(files - set(STORE), set())
        self.assertEqual(set(STORE) - files, {"common.schema.json", file_of("musher.inspect-ops/1", is_line=True)})

    def test_the_page_names_every_member_of_every_schema(self):
        page = (SOURCE / "docs" / "json.md").read_text()

        def names(schema):
            if isinstance(schema, list):
                return set().union(*map(names, schema), set())
            if not isinstance(schema, dict):
                return set()
            found = set(schema.get("properties", {}))
            return found.union(*map(names, schema.values()))

        for file, schema in STORE.items():
            for name in sorted(names(schema)):
                self.assertRegex(page, rf"\b{name}\b", file)


class TwoLogs(Commands):
    def test_sync_says_what_moved_what_waits_and_what_was_refused(self):
        self.new_log("1_story")
        self.musher("init", "-q", "--log", "other.db", "--join", "pipeline.db")
        waiting = self.document("sync", "-n", "pipeline.db", "other.db", code=1)
        self.assertEqual((waiting["verdict"], len(waiting["movements"][0]["waiting"])), ("different", 1))
        self.musher("trust", "add", "-q", "pipeline.db.key.pub", "here", "--log", "other.db")
        self.assertEqual(self.document("sync", "pipeline.db", "other.db")["movements"][0]["moved"], 1)
        self.musher("put", "-q", "1_story", "stage=2_current")
        forged = self.shell.copy_of("pipeline.db", "forged.db", "UPDATE crdt_ops SET signature = zeroblob(64) WHERE rowid = 2;")
        there, back = self.document("sync", forged, "other.db", code=1)["movements"]
        self.assertEqual((there["refused"]["reason"], back["damage"]), ("bad_signature", None))
        moved = self.document("sync", "pipeline.db", "other.db")["movements"][0]
        self.assertEqual((moved["moved"], moved["authors"][0]["name"], moved["stories"]), (1, "here", ["1_story"]))


class WhatOnlyMcpGives(Commands):
    def test_the_documents_of_the_tools_that_no_command_prints(self):
        self.new_log("1_story", "2_story")
        self.musher("put", "-q", "1_story", "agent=coder-1", "long=" + "x" * 5000)
        meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
        tools = {"get_pipeline_status": {"limit": 1, "at": "row:3"}, "list_agents": {}, "get_node": {}}
        calls = [
            {"jsonrpc": "2.0", "id": name, "method": "tools/call", "params": {"name": name, "arguments": arguments, "_meta": meta}}
            for name, arguments in tools.items()
        ]
        done = self.musher("serve", "-q", "--stdio", "--read-only", input="".join(json.dumps(call) + "\n" for call in calls))
        answers = {answer["id"]: answer["result"] for answer in map(json.loads, done.stdout.splitlines())}
        self.assertEqual(set(answers), set(tools))
        for answer in answers.values():
            document = answer["structuredContent"]
            validate(document, file_of(document["schema"]))


class FromAServer(Commands):
    """With --server a command prints what its schema says, as with the log's file."""

    def setUp(self):
        super().setUp()
        self.new_log("1_a", "2_b", "3_gone")
        self.musher("put", "-q", "1_a", "long=" + "x" * 5000, "agent=coder-1")
        self.musher("put", "-q", "1_a", *(f"field_{n}={n}" for n in range(120)))
        self.musher("purge", "-q", "3_gone", "--yes")
        self.server = Server(self.shell, "--log", "pipeline.db", "--allow-unconfirmed-purge")
        self.addCleanup(lambda: self.server.close())

    def ask(self, *words, code=0):
        return self.document(*words, "--server", f"http://127.0.0.1:{self.server.port}", code=code)

    def test_every_view(self):
        self.assertEqual(self.ask("inspect", "summary")["schema"], "musher.node/1")
        for at in ([], ["--at", "row:3"]):
            stories = self.ask("inspect", "stories", *at)
            self.assertEqual((len(stories["stories"]), stories["failures"]), (3 if at else 2, []))
        self.assertEqual(self.ask("inspect", "ops")["failures"], [])
        self.assertEqual(self.ask("inspect", "peers")["peers"], [])
        for story in ("1_a", "3_gone"):
            self.ask("inspect", "story", story)
        self.ask("inspect", "story", "3_gone", "--at", "row:3")

    def test_what_is_written(self):
        self.assertTrue(self.ask("put", "--new", "4_new", "stage=1_backlog")["created"])
        self.ask("put", "4_new", "stage=2_current")
        self.ask("purge", "-n", "4_new")
        self.assertEqual(self.ask("purge", "4_new", "--yes")["stories"][0]["status"], "purged")
        self.ask("purge", "4_new", "--yes")
        created = self.musher("init", "--log", "other.db", "--join", f"http://127.0.0.1:{self.server.port}", "--json")
        validate(json.loads(created.stdout), file_of("musher.init/1"))

    def test_rows_that_do_not_hold_are_named(self):
        """The audit is off: nothing else than what is asked for looks at them."""
        self.server.close()
        self.server = Server(self.shell, "--log", "pipeline.db", "--audit-interval", "0")
        wait_until(lambda: self.server.readiness()[1]["last_audit"], "the audit at the start")
        self.shell.sql("pipeline.db", "DROP TRIGGER crdt_ops_no_update; UPDATE crdt_ops SET content = '{}' WHERE rowid = 2")
        (failure,) = self.ask("inspect", "ops", code=1)["failures"]
        self.assertEqual((failure["rowid"], failure["reason"]), ("2", "digest_mismatch"))
        text = self.musher("inspect", "ops", "--server", f"http://127.0.0.1:{self.server.port}", code=1)
        self.assertIn("do not hold", text.stderr)
        past = self.musher("inspect", "stories", "--at", "row:3", "--server", f"http://127.0.0.1:{self.server.port}", "--json", code=1)
        self.assertEqual((past.stdout, json.loads(past.stderr)["code"]), ("", "damaged"))

    def test_a_log_that_has_turned_bad(self):
        os.rename(self.shell.work / "pipeline.db", self.shell.work / "moved.db")
        wait_until(lambda: self.server.readiness()[0] == 503, "the server to see that the log is gone")
        self.assertIn("is not the file", self.ask("inspect", "summary", code=1)["problem"])
        for view in (["stories"], ["story", "1_a"], ["peers"]):
            self.ask("inspect", *view, code=1)


class GoodLogs(Commands):
    def test_a_log_from_its_first_day_on(self):
        made = self.document("init", "--name", "ci")
        self.assertEqual((made["created"], made["key_created"], made["log"]["ops"]), (True, True, 0))
        again = self.document("init")
        self.assertEqual((again["created"], again["key_created"], again["author"]), (False, False, made["author"]))

        put = self.document("put", "--new", "478_story_sync", "name=Sync", "retry_count:=0", "stage=1_backlog")
        self.assertTrue(put["created"])
        (insert,) = put["ops"]
        self.assertEqual((insert["rowid"], insert["kind"], insert["seq"], insert["prev"], insert["verified"]), ("1", "insert", "1", None, "now"))
        self.assertEqual(insert["value"], {"name": "Sync", "retry_count": 0, "stage": "1_backlog"})
        self.assertEqual(insert["item"], insert["op_id"])

        values = {"text": "déjà \u202e \"quoted\" \\ \n", "number": 2.5, "list": [1, None, {"a": True}], "none": None}
        assignments = [f"{name}:={json.dumps(value)}" for name, value in values.items()]
        put = self.document("put", "478_story_sync", *assignments)
        self.assertEqual([(op["field"], op["value"]) for op in put["ops"]], list(values.items()))
        self.assertEqual([op["rowid"] for op in put["ops"]], ["2", "3", "4", "5"])

        planned = self.document("put", "-n", "478_story_sync", "stage=9_nowhere")
        self.assertTrue(planned["dry_run"])
        self.document("put", "478_story_sync", "stage=2_current")
        (story,) = self.document("inspect", "stories")["stories"]
        self.assertEqual(story["fields"], {"name": "Sync", "retry_count": 0, "stage": "2_current"} | values)
        self.assertEqual(story["updated_by"], made["author"])

        report = self.document("inspect", "story", "478_story_sync")
        self.assertEqual((report["story"]["status"], report["story"]["purge"]), ("live", None))
        self.assertEqual([entry["seq"] for entry in report["history"]["stage"]], ["1", "1"])
        for field, entries in report["history"].items():
            self.assertEqual([entry["won"] for entry in entries].count(True), 1, field)
            rows = [int(entry["rowid"]) for entry in entries]
            self.assertEqual(rows, sorted(rows))

        ops = self.document("inspect", "ops", "--verify")["ops"]
        self.assertEqual([op["verified"] for op in ops], ["now"] * 6)
        self.assertEqual([op["index"] for op in ops], [str(n) for n in range(1, 7)])
        self.assertEqual(self.document("inspect", "heads")["heads"], ops[-1:])
        self.assertEqual(self.document("inspect", "op", ops[2]["op_id"][:8])["op"], ops[2])
        *lines, summary = self.lines("inspect", "ops", "--verify")
        self.assertEqual([{k: v for k, v in line.items() if k != "type"} for line in lines], ops)
        self.assertEqual(summary["listed"], 6)

        summary = self.document("inspect")
        self.assertEqual(summary["counts"], {"ops": 6, "stories": 1, "items": 1, "tombstones": 0, "authors": 1, "quarantine": 0, "muted": 0})
        self.assertEqual(summary["identity"], made["author"])
        self.assertEqual(self.document("replay")["state_digest"], summary["state_digest"])

        copy = self.document("inspect", "--copy")
        self.assertIn("copied", copy["log"])
        self.assertNotIn("copied", summary["log"])

    def test_a_log_without_ops_has_empty_lists(self):
        self.document("init")
        self.assertEqual(self.document("inspect", "stories")["stories"], [])
        self.assertEqual(self.document("inspect", "heads")["heads"], [])
        self.assertEqual(self.document("inspect", "ops")["ops"], [])
        self.assertEqual(self.document("inspect", "quarantine")["quarantine"], [])
        self.assertEqual(self.document("inspect")["counts"]["ops"], 0)
        self.assertEqual(len(self.lines("inspect", "ops")), 1)
        self.assertEqual(self.document("purge", "--list")["stories"], [])
        self.assertEqual(self.document("purge", "--stage", "6_archived")["stories"], [])

    def test_points_in_time(self):
        self.new_log("1_a", "2_b")
        early = self.document("inspect", "stories", "--at", "row:1")
        self.assertEqual([story["story_id"] for story in early["stories"]], ["1_a"])
        self.assertEqual(early["at"]["rowid"], "1")
        self.assertEqual(early["at"]["time"], self.document("inspect", "ops")["ops"][0]["received"])
        for view in ("summary", "ops", "authors", "heads", "stories"):
            before = self.document("inspect", view, "--at", "2026-04-09T12:00:00Z")
            self.assertEqual(before["at"], {"rowid": "0"})
        self.assertEqual(self.document("replay", "--at", "row:1")["ops"]["read"], 1)
        self.document("inspect", "story", "1_a", "--at", "now")

    def test_a_purged_story(self):
        self.new_log("478_story_sync", "503_story_retry")
        plan = self.document("purge", "-n", "478_story_sync")
        self.assertEqual((plan["dry_run"], plan["stories"][0]["status"], plan["stories"][0]["ops"]), (True, "would_purge", []))
        purge = self.document("purge", "478_story_sync", "--confirm", "478_story_sync", "--reason", "came \"back\"")
        (story,) = purge["stories"]
        (op,) = story["ops"]
        self.assertEqual((story["status"], story["reason"], story["by"], story["time"]), ("purged", "came \"back\"", op["author"], op["time"]))
        self.assertEqual((op["kind"], op["value"], op["target"]), ("delete", {"reason": "came \"back\""}, story["items"][0]))
        self.assertEqual(purge["live"], [])

        (already,) = self.document("purge", "478_story_sync")["stories"]
        self.assertEqual((already["status"], already["ops"][0]["op_id"]), ("already_purged", op["op_id"]))
        (listed,) = self.document("purge", "--list")["stories"]
        self.assertEqual(listed["ops"][0]["op_id"], op["op_id"])
        report = self.document("inspect", "story", "478_story_sync")
        self.assertEqual((report["story"]["status"], report["story"]["purge"]["op_id"]), ("purged", op["op_id"]))
        self.assertEqual(report["story"]["fields"]["stage"], "1_backlog")
        self.document("put", "--new", "--again", "478_story_sync", "stage=1_backlog")
        self.assertEqual(self.document("purge", "--list")["stories"], [])

        (silent,) = self.document("purge", "503_story_retry", "--yes")["stories"]
        self.assertIsNone(silent["reason"])
        self.assertNotIn("value", silent["ops"][0])

    def test_two_authors(self):
        self.new_log("1_a")
        bob = self.document("identity", "new", "--identity", "bob.key")
        self.assertNotIn("log", bob)
        self.assertEqual(self.document("identity", "show", "--identity", "bob.key")["author"], bob["author"])
        trusted = self.document("trust", "add", "bob.key.pub", "bob", "--eraser")
        self.assertEqual((trusted["changed"], trusted["author"], trusted["trust"], trusted["eraser"]), (True, bob["author"], "allowed", True))
        self.assertFalse(self.document("trust", "add", bob["author"], "bob", "--eraser")["changed"])
        (first,) = self.document("put", "1_a", "stage=2_current", "--identity", "bob.key")["ops"]
        self.assertEqual((first["author"], first["author_name"], first["index"]), (bob["author"], "bob", "1"))
        self.document("put", "1_a", "stage=3_qa")

        listed = {entry["name"]: entry for entry in self.document("trust", "list", "--identity", "bob.key")["authors"]}
        self.assertEqual([listed["bob"][key] for key in ("self", "ops", "last_index")], [True, 1, "1"])
        revoked = self.document("trust", "revoke", "bob")
        self.assertEqual((revoked["trust"], revoked["revoked_from"]), ("revoked", first["op_id"]))
        history = self.document("inspect", "story", "1_a")["history"]["stage"]
        self.assertEqual([entry["effective"] for entry in history], [True, False, True])
        self.assertEqual(self.document("inspect", "authors")["authors"][0]["trust"], "revoked")

    def test_a_muted_story_is_neither_purged_nor_damaged(self):
        self.new_log("1_a")
        self.document("identity", "new", "--identity", "bob.key")
        self.document("trust", "add", "bob.key.pub", "bob")
        self.document("put", "--new", "2_b", "stage=1_backlog", "--identity", "bob.key")
        self.document("put", "--new", "3_last", "--identity", "bob.key")
        # What was written before the op that the revocation begins at stays in view.
        self.document("trust", "revoke", "bob")
        status = {story: self.document("inspect", "story", story)["story"]["status"] for story in ("1_a", "2_b", "3_last")}
        self.assertEqual(status, {"1_a": "live", "2_b": "live", "3_last": "muted"})
        text = self.musher("inspect", "story", "3_last").stdout
        self.assertEqual(text.splitlines()[0], "3_last  muted")

    def test_quarantined_ops(self):
        self.new_log("1_a")
        vectors = (SOURCE / "tests" / "data" / "vectors" / "good.jsonl").read_text().splitlines()
        for number, vector in enumerate(map(json.loads, vectors[:20])):
            self.shell.sql("pipeline.db", f"""INSERT INTO quarantine (op_id, reason, source, received_ms, canonical, signature, bytes)
                VALUES (x'{number:064x}', 'author_unknown', 'peer:{0:064x}', {number}, x'{vector["canonical"]}', x'{0:0128x}', 1)""")
        self.shell.sql("pipeline.db", f"""INSERT INTO quarantine (op_id, reason, source, received_ms, canonical, signature, content, salt, bytes)
            VALUES (x'{255:064x}', 'unknown_version', 'import', 0, x'02ff', x'{0:0128x}', 'not JSON', x'{1:032x}', 1)""")
        quarantine = self.document("inspect", "quarantine")["quarantine"]
        self.assertEqual(len(quarantine), 21)
        self.assertEqual(quarantine[-1]["op"], {"bytes": "02ff", "content": "not JSON"})


class Replays(Commands):
    def setUp(self):
        super().setUp()
        self.new_log(*(f"{number}_story" for number in range(1, 7)))
        self.musher("put", "6_story", "stage=2_current")

    def test_the_incident(self):
        right = self.document("replay")
        self.assertEqual((right["verdict"], right["ops"]), ("ok", {"read": 7, "applied": 7, "failed": 0, "signatures_checked": 7}))
        naive = self.document("replay", "--order", "seq", code=1)
        self.assertEqual((naive["verdict"], naive["ops"]["failed"]), ("failed", 1))
        drift = [{"story_id": "6_story", "field": "stage", "naive": "1", "true": "2"}]
        self.assertEqual(naive["next_seq"], drift)
        compared = self.document("replay", "--compare", "seq", code=1)
        self.assertEqual((compared["verdict"], compared["compare"]["with"]), ("different", "seq"))
        (difference,) = compared["compare"]["differences"]
        lost = compared["compare"]["failures"][0]["op"]
        self.assertEqual(difference, {"story_id": "6_story", "field": "stage", "left": "2_current", "right": "1_backlog", "left_present": True,
                                      "right_present": True, "op_id": lost["op_id"]})
        self.assertEqual(compared["compare"]["next_seq"], drift)
        self.assertEqual(self.document("replay", "--compare", "seq", "--story", "1_story", code=1)["compare"]["differences"], [])

    def test_another_log(self):
        self.shell.copy_of("pipeline.db", "backup.db")
        same = self.document("replay", "--compare", "backup.db")
        self.assertEqual((same["verdict"], same["compare"]["differences"]), ("same", []))
        self.musher("put", "--new", "7_story", "a=1")
        different = self.document("replay", "--compare", "backup.db", code=1)
        (whole,) = different["compare"]["differences"]
        self.assertEqual((whole["story_id"], whole["field"], whole["left_present"], whole["right_present"]), ("7_story", None, True, False))
        back = self.document("replay", "--log", "backup.db", "--compare", "pipeline.db", code=1)
        self.assertEqual(back["compare"]["differences"][0]["right_present"], True)


class DamagedLogs(Commands):
    def setUp(self):
        super().setUp()
        self.new_log("1_a", "2_b")
        self.musher("put", "1_a", "stage=2_current")
        self.musher("purge", "2_b", "--yes", "--reason", "why")

    def failures_of(self, damage):
        log = self.shell.copy_of("pipeline.db", "damaged.db", damage)
        replayed = self.document("replay", "--log", log, code=1)
        self.assertEqual(replayed["verdict"], "failed")
        return replayed["failures"]

    def test_changed_content(self):
        first = self.failures_of("UPDATE crdt_ops SET content = '\"9_evil\"' WHERE rowid = 3")[0]
        self.assertEqual((first["rowid"], first["reason"]), ("3", "digest_mismatch"))
        self.every_view("damaged.db", lambda view: 1 if view in ("summary", "stories", "ops", "story") else 0, ["1_a"])
        op = self.document("inspect", "op", first["op"]["op_id"], "--log", "damaged.db", code=1)
        self.assertEqual([failure["reason"] for failure in op["failures"]], ["digest_mismatch"])
        self.assertEqual(op["op"]["verified"], "no")

    def test_a_row_that_cannot_be_read(self):
        first = self.failures_of("UPDATE crdt_ops SET author = x'00' WHERE rowid = 3")[0]
        self.assertEqual((first["rowid"], first["reason"], "op" in first), ("3", "row_malformed", False))
        self.assertNotEqual(first["detail"], "")
        self.every_view("damaged.db", lambda view: 1 if view in ("summary", "stories", "ops", "story") else 0, ["1_a"])

    def test_a_row_that_nobody_misses(self):
        head = os.path.join(SOURCE, "tests/data/bad/rowid-gap-head.db")  # no op depends on what row 2 held
        cut = self.shell.copy_of("pipeline.db", "cut.db", "DELETE FROM crdt_ops WHERE rowid >= 3")
        whole = self.shell.copy_of("pipeline.db", "whole.db", "")
        for log, missing in ((head, ("2", "2")), (cut, ("3", "4"))):
            expected = [{"rowid_from": missing[0], "rowid_to": missing[1]}]
            for options in ([], ["--order", "seq"], ["--compare", "seq"]):
                with self.subTest(log=log, options=options):
                    replayed = self.document("replay", "--log", log, *options, code=1)
                    self.assertEqual(replayed["failures"], [])
                    self.assertEqual(replayed["missing_rows"], expected)
                    self.assertEqual(replayed["verdict"], "different" if "--compare" in options else "failed")
                    if "compare" in replayed:
                        self.assertEqual(replayed["compare"]["missing_rows"], [])
            text = self.musher("replay", "--log", log, code=1).stdout
            self.assertIn("rows that are missing: deleted, moved or cut off (1)\n  row" + ("s 3 to 4\n" if log == cut else " 2\n"), text)
        self.assertEqual(self.document("replay", "--log", cut, "--at", "row:2")["missing_rows"], [])
        with_itself = self.document("replay", "--log", cut, "--compare", cut, code=1)
        self.assertEqual(with_itself["compare"]["missing_rows"], with_itself["missing_rows"])
        self.assertEqual((with_itself["verdict"], with_itself["compare"]["differences"]), ("different", []))
        self.assertIn("both give one document, of what is there", self.musher("replay", "--log", cut, "--compare", cut, code=1).stdout)
        right = self.document("replay", "--log", whole, "--compare", cut, code=1)
        self.assertEqual((right["missing_rows"], len(right["compare"]["missing_rows"])), ([], 1))
        nothing = self.shell.copy_of("pipeline.db", "nothing.db", "DELETE FROM crdt_ops")
        replayed = self.document("replay", "--log", nothing, code=1)
        self.assertEqual((replayed["ops"]["read"], replayed["missing_rows"]), (0, [{"rowid_from": "1", "rowid_to": "4"}]))

    def test_a_forged_signature(self):
        (first,) = self.failures_of("UPDATE crdt_ops SET signature = zeroblob(64) WHERE rowid = 4")
        self.assertEqual(first["reason"], "bad_signature")
        self.document("inspect", "op", first["op"]["op_id"], "--log", "damaged.db", code=1)
        self.document("inspect", "ops", "--verify", "--log", "damaged.db", code=1)

    def test_every_column_with_another_value(self):
        changes = ["op_id = zeroblob(32)", "idx = 9", "prev = zeroblob(32)", "kind = 9", "kind = 3", "seq = 9223372036854775807", "seq = -1",
                   "target = zeroblob(32)", "parents = zeroblob(32)", "parents = x'00'", "name = 'other'", "name = ''", "actor = char(7)",
                   "digest = NULL", "content = NULL", "content = '{'", "salt = NULL", "time_ms = -9223372036854775808",
                   "time_ms = 9223372036854775807", "signature = x''", "depth = 99", "depth = -1"]
        for change in changes:
            with self.subTest(change):
                log = self.shell.copy_of("pipeline.db", "damaged.db", f"UPDATE crdt_ops SET {change} WHERE rowid = 3")
                for command in (["replay"], ["inspect", "stories"], ["inspect", "ops"], ["inspect", "summary"], ["inspect", "story", "1_a"],
                                ["inspect", "authors"], ["inspect", "heads"], ["purge", "--list"], ["replay", "--order", "seq"]):
                    done = self.shell.musher(*command, "--log", log, "--json")
                    if done.stdout:
                        document = json.loads(done.stdout)
                        self.assertEqual(document["exit_code"], done.returncode)
                        validate(document, file_of(document["schema"]))
                    else:
                        error = json.loads(done.stderr.splitlines()[-1])
                        validate(error, file_of("musher.error/1"))
                        self.assertEqual(error["exit_code"], done.returncode)


class Audits(Commands):
    def setUp(self):
        super().setUp()
        self.new_log("1_a", "2_b")
        self.musher("put", "1_a", "stage=2_current")

    def test_a_good_log(self):
        first = self.document("verify-order")
        self.assertEqual((first["verdict"], first["findings"], first["coverage"]["state"]), ("ok", [], "first_run"))
        self.assertEqual([first["coverage"][name] for name in ("rows", "rows_checked", "signatures_checked")], [3, 3, 3])
        self.assertEqual([first["coverage"][name] for name in ("rowid_from", "rowid_to", "checks_skipped")], ["1", "3", []])
        second = self.document("verify-order", "--require-state")
        self.assertEqual((second["coverage"]["state"], second["coverage"]["signatures_from_checkpoint"]), ("matched", 3))
        self.assertEqual(self.document("verify-order", "--full")["coverage"]["signatures_checked"], 3)
        some = self.document("verify-order", "--state", "none", "--checks", "row,seq")
        self.assertEqual((some["coverage"]["checks_run"], some["coverage"]["state"]), (["row", "seq"], "none"))

    def test_an_incomplete_run(self):
        run = self.document("verify-order", "--require-state", code=4)
        self.assertEqual((run["verdict"], run["findings"]), ("incomplete", []))
        self.assertNotEqual(run["coverage"]["state_problem"], "")

    def test_findings(self):
        log = self.shell.copy_of("pipeline.db", "damaged.db", "UPDATE crdt_ops SET content = '\"9_evil\"' WHERE rowid = 3")
        found = self.document("verify-order", "--log", log, "--state", "none", code=1)
        self.assertEqual(found["verdict"], "findings")
        codes = [finding["code"] for finding in found["findings"]]
        self.assertIn("trigger-missing", codes)
        (digest,) = (finding for finding in found["findings"] if finding["code"] == "digest-mismatch")
        self.assertEqual([digest[name] for name in ("severity", "rowid", "story_id", "acknowledged")], ["error", "3", "1_a", False])

    def test_a_restored_copy(self):
        self.shell.copy_of("pipeline.db", "old.db")
        self.musher("put", "1_a", "stage=3_qa")
        self.document("verify-order")
        found = self.document("verify-order", "--log", "old.db", code=1)
        self.assertEqual(found["coverage"]["state"], "failed")

    def test_every_log_of_a_fixture(self):
        """Logs with one finding each: tests/data/bad."""
        for log in sorted((SOURCE / "tests" / "data" / "bad").glob("**/*.db")):
            with self.subTest(log.name):
                shutil.copy(log, self.shell.work / "bad.db")
                done = self.shell.musher("verify-order", "--log", "bad.db", "--state", "none", "--json")
                document = json.loads(done.stdout or done.stderr)
                self.assertEqual(document["exit_code"], done.returncode)
                validate(document, file_of(document["schema"]))


class Errors(Commands):
    """A command that stops with an error leaves standard output empty and says why in one line."""

    def setUp(self):
        super().setUp()
        self.new_log("478_story_sync", "503_story_retry")
        self.shell.run("mkdir", "folder")
        self.shell.run("touch", "empty.db")
        (self.shell.work / "text.db").write_text("This is not a database.\n" * 100)
        self.shell.sql("other.db", "CREATE TABLE t (a)")
        self.musher("init", "-q", "--log", "fresh.db")
        self.musher("identity", "new", "-q", "--identity", "stranger.key")
        shutil.copy(self.shell.work / "pipeline.db.key", self.shell.work / "open.key")
        os.chmod(self.shell.work / "open.key", 0o644)

    def check(self, code, name, *arguments, **options):
        with self.subTest(arguments):
            done = self.musher(*arguments, "--json", code=code, **options)
            self.assertEqual(done.stdout, "")
            (line,) = done.stderr.splitlines()
            error = json.loads(line)
            validate(error, file_of("musher.error/1"))
            self.assertEqual((error["exit_code"], error["code"]), (code, name))

            plain = self.musher(*arguments, code=code, **options)
            self.assertEqual(plain.stdout, "")
            first, *rest = plain.stderr.splitlines()
            self.assertRegex(first, r"^musher(-[a-z-]+)?: ")
            self.assertLessEqual(len(rest), 1)
            self.assertEqual("hint" in error, bool(rest), plain.stderr)
            for word in error["candidates"]:
                self.assertIn(word, first)
            return error

    def test_a_muted_story_is_there_and_says_whom_to_trust(self):
        self.document("identity", "new", "--identity", "bob.key")
        self.document("trust", "add", "bob.key.pub", "bob")
        self.document("put", "--new", "3_last", "--identity", "bob.key")
        self.document("trust", "revoke", "bob")
        key = (self.shell.work / "bob.key.pub").read_text().strip()
        log = self.shell.work / "pipeline.db"
        trust = f"musher trust add {key} bob --log {log}"
        beside = f"; to make another beside it: musher put --new --again --log {log} 3_last FIELD=TEXT"
        for code, hint, arguments in (("not_found", trust, ("put", "3_last", "stage=2_current")),
                                      ("not_found", trust, ("purge", "3_last", "--yes")), ("not_found", trust, ("purge", "-n", "3_last")),
                                      ("already_exists", trust + beside, ("put", "--new", "3_last", "stage=2_current"))):
            error = self.check(1, code, *arguments)
            self.assertEqual((error["message"], error["hint"], error["candidates"]),
                             (f"story 3_last is in {log}, but muted: its author bob ({key}) is revoked here", hint, []), arguments)
        self.assertTrue(self.document("put", "--new", "--again", "-n", "3_last")["created"])
        self.musher(*trust.split()[1:])
        self.assertFalse(self.document("put", "3_last", "stage=2_current")["created"])

    def test_a_typo_of_a_story_is_told_what_would_make_it_in_this_log(self):
        error = self.check(1, "not_found", "put", "--log", "pipeline.db", "478_stroy_sync", "stage=2_current")
        self.assertEqual((error["candidates"], error["hint"]), (["478_story_sync"], "to make it: musher put --new --log "
                                                                f"{self.shell.work}/pipeline.db 478_stroy_sync FIELD=TEXT"))

    def test_a_lost_key_leads_back_to_writing_by_what_is_printed(self):
        key = self.shell.work / "pipeline.db.key"
        put = ("put", "478_story_sync", "stage=3_qa")
        type_it = lambda command: self.assertEqual(self.shell.run("bash", "-c", command).returncode, 0, command)
        for commands in ((put, ("identity", "new"), ("identity", "show"), ("identity", "show", "--identity", f"{key}.pub")), (("init",),)):
            key.unlink()
            said = {self.check(5, "refused" if "new" in command or "init" in command else "no_identity", *command)["hint"].split(": ", 1)[1]
                    for command in commands}
            (command,) = said  # the same whoever is asked
            type_it(command.replace("NAME", "anew"))
            if commands[0] is put:
                trust = self.check(5, "refused", *put)["hint"]
                type_it(trust.replace("NAME", "again"))
            self.musher(*put)
        self.assertEqual(len(list(self.shell.work.glob("pipeline.db.key.pub.lost*"))), 2)

    def test_a_public_key_file_is_no_secret_one(self):
        public = f"{self.shell.work}/pipeline.db.key.pub"
        for arguments in (("identity", "show"), ("put", "478_story_sync", "stage=3_qa"), ("init",)):
            error = self.check(5, "no_identity", *arguments, "--identity", public)
            self.assertEqual((error["message"], error["hint"]), (
                f"cannot use the identity {public}: it is the public half of a key, to be given to others",
                f"name the secret file: --identity {self.shell.work}/pipeline.db.key"))

    def test_init_where_a_log_with_a_damaged_page_is_ends_with_5_or_sees_nothing_of_it(self):
        log = self.shell.work / "pipeline.db"
        whole = log.read_bytes()
        codes = set()
        for at in range(0, len(whole), 4096):
            with open(log, "r+b") as file:
                file.seek(at)
                file.write(b"\xee" * 4096)
            plain, as_json = (self.shell.musher("init", *options) for options in ([], ["--json"]))
            self.assertEqual(plain.returncode, as_json.returncode, (at, plain.stderr, as_json.stderr))
            codes.add(plain.returncode)
            log.write_bytes(whole)
        self.assertEqual(codes, {0, 5})

    def test_usage(self):
        for arguments in (["put", "478_story_sync"], ["put", "478_story_sync", "a:={"], ["put", "478_story_sync", "story_id=x"],
                          ["put", "478_story_sync", "a"], ["put"], ["inspect", "--nonsense"], ["inspect", "nonsense"],
                          ["inspect", "op", "12"], ["inspect", "stories", "--at", "soon"], ["inspect", "stories", "--at", "row:99"],
                          ["replay", "--order", "time"], ["replay", "--order", "seq", "--compare", "seq"],
                          ["replay", "--compare", "fresh.db"], ["purge"], ["purge", "a", "--stage", "b"], ["purge", "--list", "a"],
                          ["trust", "add", "nonsense", "name"], ["trust", "list", "more"], ["identity", "forget"],
                          ["init", "--document", "12", "--log", "new.db"], ["nonsense"], ["verify-order", "--checks", "row,nonsense"],
                          ["verify-order", "--max-duration", "soon"], ["verify-order", "--state", "none", "--require-state"], ["inspect", "--config", "nowhere.toml"]):
            self.check(2, "usage", *arguments)
        self.check(2, "usage", "inspect", environment={"MUSHER_LOCK_TIMEOUT": "soon"})
        (self.shell.work / "c.toml").write_text('lgo = "x"\n')
        error = self.check(2, "usage", "inspect", "--config", "c.toml")
        self.assertEqual(error["candidates"], ["log"])
        self.assertIn("c.toml:1:1", error["message"])

    def test_ambiguous(self):
        self.shell.copy_of("pipeline.db", "twins.db", """UPDATE crdt_ops SET op_id = CAST(
            (SELECT substr(o.op_id, 1, 31) || iif(substr(o.op_id, 32) = x'00', x'01', x'00') FROM crdt_ops o WHERE rowid = 1)
            AS BLOB) WHERE rowid = 2""")
        one = self.document("inspect", "ops")["ops"][0]["op_id"]
        error = self.check(2, "ambiguous", "inspect", "op", one[:10], "--log", "twins.db")
        self.assertIn(one, error["candidates"])

    def test_not_found(self):
        self.assertEqual(self.check(1, "not_found", "inspect", "story", "478_stroy_sync")["candidates"], ["478_story_sync"])
        self.check(1, "not_found", "inspect", "op", "ffffffffff")
        self.check(1, "not_found", "put", "478_stroy_sync", "a=1")
        self.check(1, "not_found", "purge", "478_stroy_sync", "--yes")
        self.check(1, "not_found", "purge", "478_story_sync", "nowhere", "--yes")
        self.check(1, "not_found", "trust", "revoke", "nobody")
        self.check(1, "not_found", "replay", "--story", "nowhere")

    def test_already_exists(self):
        self.check(1, "already_exists", "put", "--new", "478_story_sync")

    def test_damaged(self):
        whole = (self.shell.work / self.shell.copy_of("pipeline.db", "cut.db")).read_bytes()
        (self.shell.work / "cut.db").write_bytes(whole[: len(whole) // 2])
        self.check(1, "damaged", "inspect", "--log", "cut.db")
        self.check(1, "damaged", "replay", "--log", "cut.db")
        self.shell.copy_of("pipeline.db", "damaged.db", "UPDATE crdt_ops SET content = '{}' WHERE rowid = 1")
        self.check(1, "damaged", "put", "--log", "damaged.db", "--identity", "pipeline.db.key", "478_story_sync", "a=1")

    def test_nothing_to_check(self):
        for log in ("nowhere.db", "folder", "empty.db", "text.db", "other.db"):
            for command in (["inspect"], ["replay"], ["put", "a", "b=1"], ["purge", "a"], ["trust", "list"], ["verify-order"]):
                self.check(3, "not_a_log", *command, "--log", log)
        self.shell.copy_of("pipeline.db", "newer.db")
        self.shell.sql("newer.db", "PRAGMA user_version = 2")
        self.check(3, "newer_format", "inspect", "--log", "newer.db")
        self.check(3, "newer_format", "put", "--log", "newer.db", "a", "b=1")
        self.check(3, "empty", "replay", "--log", "fresh.db")
        self.check(3, "empty", "verify-order", "--log", "fresh.db")
        self.check(3, "empty", "replay", "-q", "--at", "2026-04-09")

    def test_refused(self):
        self.check(5, "refused", "purge", "478_story_sync")
        self.check(5, "refused", "purge", "478_story_sync", "503_story_retry", "--yes")
        self.check(5, "refused", "init", "--log", "text.db")
        self.check(5, "refused", "identity", "new", "--identity", "stranger.key")
        error = self.check(5, "refused", "put", "478_story_sync", "a=1", "--identity", "stranger.key")
        self.assertIn("musher trust", error["hint"])
        self.check(5, "no_identity", "put", "478_story_sync", "a=1", "--identity", "nowhere.key")
        self.check(5, "no_identity", "put", "478_story_sync", "a=1", "--identity", "open.key")
        self.musher("purge", "478_story_sync", "--yes")
        self.check(5, "refused", "put", "478_story_sync", "a=1")
        self.check(5, "refused", "put", "--new", "478_story_sync", "a=1")

    def test_busy(self):
        with open(self.shell.work / "pipeline.db.lock", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            error = self.check(6, "busy", "put", "478_story_sync", "a=1", environment={"MUSHER_LOCK_TIMEOUT": "50ms"})
            self.assertIn(str(os.getpid()), error["message"])

    def test_io(self):
        self.check(7, "io", "init", "--log", "no/such/folder.db")
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = self.shell.run(BIN / "musher", "inspect", "--json", capture_output=False, stdout=full, stderr=-1)
        self.assertEqual(done.returncode, 7)
        validate(json.loads(done.stderr), file_of("musher.error/1"))


class ZEverySchema(unittest.TestCase):
    """Runs last."""

    def test_was_held_against_real_output(self):
        self.assertEqual(set(STORE) - validated, {"common.schema.json"})


if __name__ == "__main__":
    unittest.main()
