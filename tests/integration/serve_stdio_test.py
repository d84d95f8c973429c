"""musher serve --stdio, as a client that starts its server meets it: lines in, lines out, and a good end."""

import contextlib
import fcntl
import json
import signal
import subprocess
import unittest

from binaries import BIN, IN_MEMORY, SOURCE, Shell
from mcp_client import CANCELLED, DECLINED, LEGACY, META, MODERN, YES, RpcFailure, Stdio, wait_until

STORY = "478_story_sync"


class OverStdio(unittest.TestCase):
    def setUp(self):
        self.shell = Shell(IN_MEMORY)
        self.addCleanup(self.shell.close)
        self.must("init", "-q")
        self.must("put", "-q", "--new", STORY, "stage=1_backlog")

    def must(self, *arguments):
        done = self.shell.musher(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def client(self, *arguments, **options):
        client = Stdio(self.shell, *arguments, **options)
        self.addCleanup(client.close)
        return client

    def status(self):
        return json.loads(self.must("inspect", "story", STORY, "--json").stdout)["story"]["status"]


class Lines(OverStdio):
    def test_each_message_is_a_line_of_json_and_nothing_else_is_on_stdout(self):
        client = self.client()
        client.document("put_story", {"story_id": STORY, "fields": {"text": "a\nb\r\n\u2028\u0000"}})
        self.assertEqual(client.stories()[STORY]["fields"]["text"], "a\nb\r\n\u2028\u0000")
        # Cut anywhere, several in one write, a line feed after a carriage return, empty lines.
        first, second = client.message("tools/list"), client.message("prompts/list")
        text = json.dumps(first) + "\r\n\n  \n" + json.dumps(second) + "\n"
        for part in (text[:1], text[1:100], text[100:-1], text[-1:]):
            client.write(part)
        client.answer_to(first["id"])
        client.answer_to(second["id"])
        for bad, code in (("this is no JSON", -32700), ("[]", -32600), ('"text"', -32600), ("{", -32700),
                          ('{"jsonrpc":"1.0","id":5,"method":"ping"}', -32600), ("\ufeff{}", -32700)):
            client.write(bad + "\n")
            self.assertEqual(client.next_message()["error"]["code"], code, bad)
        client.write('{"jsonrpc":"2.0","method":"notifications/unheard","params":{}}\n')
        self.assertIn(STORY, client.stories())
        self.assertEqual(client.end_input(), 0)
        wait_until(lambda: client.lines[-1] == b"", "the end of stdout")
        for line in client.lines[:-1]:
            self.assertTrue(line.endswith(b"\n") and line.count(b"\r") == 0, line)
            self.assertEqual(json.loads(line)["jsonrpc"], "2.0")
        self.assertTrue(any(b"ready" in line for line in client.errors))

    def test_a_line_that_is_too_long_costs_nothing_but_itself(self):
        client = self.client()
        client.write("x" * 5_000_000 + "\n")
        self.assertEqual(client.next_message()["error"]["code"], -32600)
        self.assertIn(STORY, client.stories())

    def test_requests_are_answered_when_they_are_done_and_not_in_turn(self):
        self.must("put", STORY, *(f"field_{n}:={n}" for n in range(2000)))
        client = self.client()
        slow = client.message("tools/call", {"name": "verify_order", "arguments": {"full": True}})
        quick = client.message("tools/list")
        client.write(json.dumps(slow) + "\n" + json.dumps(quick) + "\n")
        self.assertEqual(client.next_message()["id"], quick["id"])
        self.assertEqual(client.answer_to(slow["id"])["result"]["structuredContent"]["verdict"], "ok")

    def test_what_is_cancelled_has_no_answer(self):
        self.must("put", STORY, *(f"field_{n}:={n}" for n in range(2000)))
        client = self.client()
        slow = client.message("tools/call", {"name": "verify_order", "arguments": {"full": True}})
        cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": slow["id"]}}
        client.write(json.dumps(slow) + "\n" + json.dumps(cancel) + "\n")
        self.assertEqual(client.document("verify_order", {"full": True})["verdict"], "ok")
        self.assertEqual(client.kept, [])

    def test_who_asks_for_progress_hears_of_it_until_the_answer_in_both_eras(self):
        self.must("put", STORY, *(f"field_{n}:={n}" for n in range(3000)))
        for era in ("modern", "legacy"):
            client = self.client()
            if era == "legacy":
                client.initialize()
            for name, arguments, token in (("verify_order", {}, "t"), ("replay_at", {}, 7), ("replay_at", {"compare": "seq"}, 8),
                                           ("replay_at", {"compare": "live"}, 9)):
                call = client.message("tools/call", {"name": name, "arguments": arguments})
                call["params"].setdefault("_meta", {})["progressToken"] = token
                client.send(call)
                client.answer_to(call["id"])
                told = [message["params"] for message in client.kept]
                client.kept.clear()
                self.assertEqual({(message["progressToken"], message["total"]) for message in told}, {(token, 3001)})
                steps = [message["progress"] for message in told]
                self.assertGreater(len(steps), 1, (era, name, arguments))
                self.assertEqual(steps, sorted(set(steps)))
            self.assertEqual(client.document("get_node")["health"], "ok")
            self.assertEqual(client.kept, [])  # nothing about a call that is answered


class Eras(OverStdio):
    def test_one_process_answers_discover_and_then_initialize(self):
        client = self.client()
        self.assertEqual(client.request("server/discover")["supportedVersions"], [MODERN])
        probe = client.message("server/discover")
        probe["params"]["_meta"][META + "protocolVersion"] = "2099-01-01"
        client.send(probe)
        error = client.answer_to(probe["id"])["error"]
        self.assertEqual((error["code"], error["data"]["supported"], error["data"]["requested"]),
                         (-32022, [MODERN], "2099-01-01"))
        self.assertEqual(client.initialize()["protocolVersion"], LEGACY)
        self.assertIn(STORY, client.stories())
        client.modern = True
        self.assertIn(STORY, client.stories())

    def test_a_request_before_initialize_names_the_versions_served(self):
        client = self.client(modern=False)
        with self.assertRaisesRegex(RpcFailure, LEGACY):
            client.request("tools/list")
        self.assertEqual(client.request("ping"), {})

    def test_subscribers_are_told_in_both(self):
        modern, legacy = self.client(), self.client()
        legacy.initialize()
        uri = f"musher://story/{STORY}"
        legacy.request("resources/subscribe", {"uri": uri})
        listen = modern.message("subscriptions/listen", {"notifications": {"resourceSubscriptions": [uri]}})
        modern.send(listen)
        self.assertEqual(modern.next_message()["method"], "notifications/subscriptions/acknowledged")
        self.must("put", STORY, "stage=2_current")
        told = modern.next_message()
        self.assertEqual((told["method"], told["params"]["uri"]), ("notifications/resources/updated", uri))
        self.assertEqual(told["params"]["_meta"][META + "subscriptionId"], listen["id"])
        told = legacy.next_message()
        self.assertEqual((told["method"], told["params"]), ("notifications/resources/updated", {"uri": uri}))


class Purging(OverStdio):
    def test_the_modern_era_asks_in_its_result(self):
        client = self.client()
        call = {"name": "purge_story", "arguments": {"story_id": STORY}}
        for answer, status in ((DECLINED, "live"), (YES, "purged")):
            question = client.request("tools/call", call)
            self.assertEqual(question["resultType"], "input_required")
            answered = call | {"requestState": question["requestState"], "inputResponses": {"confirm": answer}}
            document = client.request("tools/call", answered)["structuredContent"]
            self.assertEqual(self.status(), status)
        self.assertEqual((document["confirmed_by"], document["stories"][0]["ops"][0]["actor"]),
                         ("elicitation", document["principal"]))
        self.assertNotIn(STORY, client.stories())

    def test_the_legacy_era_asks_on_stdout(self):
        client = self.client()
        client.initialize()
        for answer, status in ((DECLINED, "live"), (CANCELLED, "live"), (YES, "purged")):
            call = client.message("tools/call", {"name": "purge_story", "arguments": {"story_id": STORY}})
            client.send(call)
            asked = client.next_message()
            self.assertEqual(asked["method"], "elicitation/create")
            # It reads on while the user thinks.
            self.assertIn(STORY, client.stories())
            client.send({"jsonrpc": "2.0", "id": asked["id"], "result": answer})
            self.assertFalse(client.answer_to(call["id"])["result"].get("isError"))
            self.assertEqual(self.status(), status)
        self.assertNotIn(STORY, client.stories())


class Ends(OverStdio):
    def test_the_end_of_stdin_is_the_end(self):
        client = self.client()
        self.assertIn(STORY, client.stories())
        self.assertEqual(client.end_input(), 0)
        self.assertEqual(self.client().end_input(), 0)

    def test_requests_from_a_pipe_that_ends_are_answered(self):
        client = self.client()
        messages = [client.message("tools/call", {"name": name, "arguments": arguments}) for name, arguments in (
            ("get_pipeline_status", {}), ("get_story", {"story_id": STORY}), ("get_node", {}))]
        text = "".join(json.dumps(message) + "\n" for message in messages).removesuffix("\n")
        done = self.shell.run(BIN / "musher", "serve", "--stdio", input=text)
        self.assertEqual(done.returncode, 0, done.stderr)
        answers = {answer["id"] for answer in map(json.loads, done.stdout.splitlines()) if "result" in answer}
        self.assertEqual(answers, {message["id"] for message in messages})
        (self.shell.work / "requests").write_text(text)
        with open(self.shell.work / "requests", "rb") as file, open(self.shell.work / "answers", "wb") as out:
            self.shell.run(BIN / "musher", "serve", "--stdio", stdin=file, stdout=out, capture_output=False)
        self.assertEqual(len((self.shell.work / "answers").read_text().splitlines()), 3)

    def test_a_thousand_requests_at_once_are_all_answered(self):
        """More than may be in flight: the others wait in the pipe, and so does its end."""
        client = self.client()
        for arguments, tool, more in ((["--read-only"], "get_story", lambda n: {}),
                                      ([], "put_story", lambda n: {"fields": {"n": n}})):
            messages = [client.message("tools/call", {"name": tool, "arguments": {"story_id": STORY} | more(n)}) for n in range(1000)]
            done = self.shell.run(BIN / "musher", "serve", "--stdio", *arguments, input="".join(json.dumps(message) + "\n" for message in messages))
            self.assertEqual(done.returncode, 0, done.stderr)
            answers = {answer["id"]: answer for answer in map(json.loads, done.stdout.splitlines())}
            self.assertEqual(set(answers), {message["id"] for message in messages})
            self.assertEqual([answer for answer in answers.values() if answer.get("result", {"isError": True}).get("isError")], [])

    def test_the_readme_says_how_a_client_starts_one(self):
        lines = [json.loads(line)["mcpServers"]["musher"] for line in (SOURCE / "README.md").read_text().splitlines()
                 if line.startswith('{"mcpServers"')]
        self.assertEqual([line.get("url") for line in lines], ["http://127.0.0.1:7777/mcp", None])
        words = [lines[1]["command"], *lines[1]["args"]]
        words[words.index("/srv/pipeline/pipeline.db")] = self.shell.work / "pipeline.db"
        done = self.shell.run(*words, input=json.dumps(self.client().message("tools/list")))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(json.loads(done.stdout).get("result", {}).get("tools", [])), 9, done.stdout)

    def lock_held(self):
        """Nobody can write until the block ends, or release() is called."""
        held = contextlib.ExitStack()
        lock = held.enter_context(open(self.shell.work / "pipeline.db.lock", "r+b"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        self.addCleanup(held.close)
        return held

    def test_what_was_begun_is_answered_after_the_end_of_stdin(self):
        self.must("put", STORY, *(f"field_{n}:={n}" for n in range(3000)))
        for era in ("modern", "legacy"):
            client = self.client()
            if era == "legacy":
                client.initialize()
            calls = [client.message("tools/call", {"name": name, "arguments": arguments}) for name, arguments in (
                ("verify_order", {"full": True}), ("replay_at", {"compare": "live"}), ("replay_at", {"compare": "seq"}),
                ("put_story", {"story_id": STORY, "fields": {"stage": era}}), ("get_story", {"story_id": STORY}))]
            client.write("".join(json.dumps(call) + "\n" for call in calls))
            self.assertEqual(client.end_input(), 0)
            wait_until(lambda: client.lines[-1:] == [b""], "the end of stdout")
            answers = {message["id"]: message["result"] for message in map(json.loads, client.lines[:-1]) if "result" in message}
            verdicts = [answers[call["id"]]["structuredContent"].get("verdict") for call in calls]
            self.assertEqual(verdicts, ["ok", "same", "same", None, None], era)
            self.assertEqual(answers[calls[3]["id"]]["structuredContent"]["ops"][0]["value"], era)
            shown = json.loads(self.must("inspect", "story", STORY, "--json").stdout)["story"]
            self.assertEqual(shown["fields"]["stage"], era)

    def test_a_question_that_the_end_of_stdin_leaves_open_is_no_consent(self):
        for arguments in ([], ["--allow-unconfirmed-purge"]):
            client = self.client(*arguments)
            client.initialize()
            call = client.message("tools/call", {"name": "purge_story", "arguments": {"story_id": STORY}})
            client.send(call)
            self.assertEqual(client.next_message()["method"], "elicitation/create")
            client.process.stdin.close()
            answer = client.answer_to(call["id"])["result"]["structuredContent"]
            self.assertEqual((answer["dry_run"], answer["stories"][0]["status"]), (True, "would_purge"))
            self.assertEqual(client.process.wait(20), 0)
        self.assertEqual(self.status(), "live")

    def test_a_write_that_waits_longer_than_there_is_time_is_told(self):
        client = self.client()
        self.assertIn(STORY, client.stories())
        held = self.lock_held()
        call = client.message("tools/call", {"name": "put_story", "arguments": {"story_id": STORY, "fields": {"stage": "2"}}})
        client.send(call)
        client.process.stdin.close()
        self.assertIn("may still be done", client.answer_to(call["id"])["error"]["message"])
        held.close()
        self.assertEqual(client.process.wait(20), 0)
        self.assertEqual(self.must("verify-order", "-q").stdout, "")

    def test_a_term_lets_a_write_that_was_begun_be_answered(self):
        client = self.client()
        self.assertIn(STORY, client.stories())
        held = self.lock_held()
        call = client.message("tools/call", {"name": "put_story", "arguments": {"story_id": STORY, "fields": {"stage": "2"}}})
        client.send(call)
        self.assertIn(STORY, client.stories())  # it has read the call before this
        client.process.send_signal(signal.SIGTERM)
        wait_until(lambda: any(b"stopping" in line for line in client.errors), "the server to stop")
        self.assertIsNone(client.process.poll())
        held.close()
        self.assertEqual(client.answer_to(call["id"])["result"]["structuredContent"]["ops"][0]["value"], "2")
        self.assertEqual(client.process.wait(20), 0)

    def test_a_reader_that_goes_ends_what_is_under_way(self):
        self.must("put", STORY, *(f"field_{n}:={n}" for n in range(20000)))
        quiet = subprocess.Popen([BIN / "musher-serve", "--stdio"], cwd=self.shell.work, env=self.shell.environment,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(quiet.wait)
        self.addCleanup(quiet.kill)
        self.addCleanup(quiet.stdin.close)
        self.addCleanup(quiet.stderr.close)
        call = Stdio.message(self.client(), "tools/call", {"name": "verify_order", "arguments": {"full": True}})
        call["params"]["_meta"]["progressToken"] = 1
        quiet.stdin.write(json.dumps(call).encode() + b"\n")
        quiet.stdin.flush()
        self.assertIn(b"notifications/progress", quiet.stdout.readline())
        quiet.stdout.close()
        self.assertEqual(quiet.wait(20), 0)
        self.assertIn(b'why="the reader of stdout is gone"', quiet.stderr.read())

    def test_a_reader_that_goes_ends_it(self):
        quiet = subprocess.Popen([BIN / "musher-serve", "--stdio"], cwd=self.shell.work, env=self.shell.environment,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(quiet.wait)
        self.addCleanup(quiet.kill)
        self.addCleanup(quiet.stdin.close)
        quiet.stdout.close()
        quiet.stdin.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
        quiet.stdin.flush()
        self.assertEqual(quiet.wait(20), 0)

    def test_a_term_ends_it(self):
        client = self.client()
        self.assertIn(STORY, client.stories())
        client.process.send_signal(signal.SIGTERM)
        self.assertEqual(client.process.wait(20), 0)

    def test_two_of_them_and_a_shell_share_one_log(self):
        one, other = self.client(), self.client()
        self.assertIn(STORY, one.stories())
        self.assertIn(STORY, other.stories())
        live = one.document("put_story", {"story_id": STORY, "fields": {"stage": "2_current"}})["live"]
        self.assertEqual({(each["pid"], each["status"]) for each in live},
                         {(one.process.pid, "applied"), (other.process.pid, "applied")})
        self.assertEqual(other.stories()[STORY]["fields"]["stage"], "2_current")
        self.must("purge", STORY, "--yes")
        self.assertNotIn(STORY, one.stories())
        self.assertNotIn(STORY, other.stories())

    def test_a_server_that_cannot_start_says_why_on_stderr_alone(self):
        done = self.shell.run(BIN / "musher", "serve", "--stdio", "--log", "none.db")
        self.assertEqual((done.returncode, done.stdout), (3, ""))
        self.assertIn("none.db", done.stderr)


if __name__ == "__main__":
    unittest.main()
