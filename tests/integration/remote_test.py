"""put, purge and inspect on the log of a running server: by --server, with the exit codes they have on a file."""

import http.server
import json
import os
import pty
import shutil
import socket
import threading
import unittest

from binaries import BIN, Shell
from mcp_client import Modern, Server

STORY = "478_story_sync"
TOKEN = "0123456789abcdef0123456789abcdef"
READER = "fedcba9876543210fedcba9876543210"


class Remote(unittest.TestCase):
    def setUp(self):
        self.shell = Shell()
        self.addCleanup(self.shell.close)
        self.shell.musher("init", "-q")
        self.shell.musher("put", "-q", "--new", STORY, "name=Sync", "stage=2_current")
        self.shell.musher("put", "-q", "--new", "479_other", "stage=1_backlog")
        self.server = Server(self.shell, *self.arguments())
        self.addCleanup(self.server.close)
        # The commands work from a folder without a log.
        self.elsewhere = self.shell.folder / "elsewhere"
        self.elsewhere.mkdir()
        self.url = f"http://127.0.0.1:{self.server.port}"

    def arguments(self):
        return []

    def remote(self, command, *arguments, **options):
        return self.shell.musher(command, "--server", self.url, *arguments, cwd=self.elsewhere, **options)

    def must(self, *arguments, code=0):
        done = self.remote(*arguments)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def init_from(self, url, *arguments, code=0, **options):
        """What init prints to whom it answers with this exit code."""
        done = self.shell.musher("init", "--join", url, *arguments, cwd=self.elsewhere, **options)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout if code == 0 else done.stderr

    def refused(self, code, *arguments, **options):
        """The error of a command that ends with this exit code and writes nothing."""
        done = self.remote(*arguments, **options)
        self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
        return done.stderr

    def stories_here(self):
        document = json.loads(self.shell.musher("inspect", "stories", "--json").stdout)
        return {story["story_id"]: story["fields"] for story in document["stories"]}


class Put(Remote):
    def test_it_writes_what_the_local_command_writes(self):
        done = self.must("put", STORY, "stage=3_qa", "retry_count:=2")
        self.assertRegex(done.stdout, rf'^set {STORY} stage = "3_qa": op [0-9a-f]{{12}}, row 3, seq 1\n'
                                      rf'set {STORY} retry_count = 2: op [0-9a-f]{{12}}, row 4, seq 1\n$')
        self.assertIn(f"the live server PID {self.server.pid} has it in memory", done.stderr)
        self.assertEqual(self.stories_here()[STORY], {"name": "Sync", "stage": "3_qa", "retry_count": 2})

    def test_json_has_the_envelope_of_the_local_command(self):
        document = json.loads(self.must("put", "--json", "--new", "480_new", "name=New").stdout)
        local = json.loads(self.shell.musher("put", "--json", "--new", "481_local", "name=New").stdout)
        self.assertEqual(list(document), list(local))
        self.assertEqual((document["schema"], document["exit_code"], document["tool"]), (local["schema"], 0, local["tool"]))
        self.assertEqual((document["story_id"], document["created"]), ("480_new", True))
        self.assertEqual([(one["pid"], one["status"]) for one in document["live"]], [(self.server.pid, "applied")])

    def test_errors_and_exit_codes_are_those_of_the_local_command(self):
        for arguments in (["478_story_snyc", "stage=3_qa"], ["--new", STORY, "stage=3_qa"], [STORY, "a=1", "a=2"], [STORY, "novalue"],
                          [STORY], ["--unknown", STORY, "a=1"]):
            with self.subTest(arguments):
                here = self.shell.musher("put", "--json", *arguments)
                there = self.remote("put", "--json", *arguments)
                self.assertEqual((there.returncode, there.stdout), (here.returncode, ""), there.stderr)
                self.assertEqual(json.loads(there.stderr)["code"], json.loads(here.stderr)["code"])
                self.assertEqual(json.loads(there.stderr)["candidates"], json.loads(here.stderr)["candidates"])

    def test_a_muted_story_is_told_from_one_that_is_not_there(self):
        self.shell.musher("identity", "new", "-q", "--identity", "bob.key")
        self.shell.musher("trust", "add", "-q", "bob.key.pub", "bob")
        self.shell.musher("put", "-q", "--new", "480_muted", "--identity", "bob.key")
        self.shell.musher("trust", "revoke", "-q", "bob")
        for command in (["put", "480_muted", "stage=3_qa"], ["put", "--new", "480_muted", "stage=3_qa"], ["purge", "480_muted", "--yes"]):
            said = self.refused(1, *command)
            self.assertIn(f"story 480_muted is in {self.shell.work}/pipeline.db, but muted: its author bob (", said)
            self.assertIn("hint: musher trust add ", said)
            self.assertNotIn("did you mean", said)

    def test_what_needs_the_file_is_a_usage_error(self):
        for option in (["-n"], ["--wait", "1s"], ["--identity", "x.key"], ["--log", "pipeline.db"]):
            self.refused(2, "put", STORY, "stage=3_qa", *option)
        self.assertEqual(self.stories_here()[STORY]["stage"], "2_current")

    def test_assignments_come_from_stdin(self):
        done = self.remote("put", STORY, "-", input="stage=3_qa\nagent=coder-1\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.stories_here()[STORY]["agent"], "coder-1")


class Purge(Remote):
    def test_a_confirmed_story_goes_and_no_other(self):
        done = self.must("purge", STORY, "--confirm", STORY, "--reason", "keeps coming back")
        self.assertRegex(done.stdout, rf"^purged {STORY}: op [0-9a-f]+ \(row 3\) by .* at .*: keeps coming back\n$")
        self.assertEqual(list(self.stories_here()), ["479_other"])
        client = Modern(self.server)
        self.addCleanup(client.close)
        self.assertNotIn(STORY, client.stories())
        again = self.must("purge", STORY)
        self.assertRegex(again.stdout, rf"^already purged {STORY}: op [0-9a-f]+ \(row 3\) by .*: keeps coming back\n$")

    def test_without_a_confirmation_nothing_goes(self):
        self.assertIn("not confirmed", self.refused(5, "purge", STORY))
        self.assertIn("not among those", self.refused(5, "purge", STORY, "--confirm", "479_other"))
        self.assertIn("--yes stands for 1 story", self.refused(5, "purge", STORY, "479_other", "--yes"))
        self.assertEqual(len(self.stories_here()), 2)

    def test_one_unknown_story_and_nothing_goes(self):
        self.assertIn("did you mean '479_other'", self.refused(1, "purge", STORY, "479_othre", "--yes", "--max", "2"))
        self.assertEqual(len(self.stories_here()), 2)

    def test_json_of_several_stories_is_one_document(self):
        document = json.loads(self.must("purge", "--json", STORY, "479_other", "--yes", "--max", "2").stdout)
        self.assertEqual([(one["story_id"], one["status"]) for one in document["stories"]], [(STORY, "purged"), ("479_other", "purged")])
        self.assertEqual((document["schema"], document["exit_code"], document["dry_run"], document["confirmed_by"]),
                         ("musher.purge/1", 0, False, "elicitation"))
        self.assertEqual(self.stories_here(), {})

    def test_a_dry_run_shows_and_writes_nothing(self):
        self.assertEqual(self.must("purge", "-n", STORY).stdout, f"would purge {STORY}: 1 item\n")
        document = json.loads(self.must("purge", "-n", "--json", STORY).stdout)
        self.assertEqual((document["dry_run"], document["stories"][0]["status"]), (True, "would_purge"))
        self.assertEqual(document, json.loads(self.shell.musher("purge", "-n", "--json", STORY).stdout))
        self.must("purge", "479_other", "--yes")
        self.assertEqual(json.loads(self.remote("purge", "-n", "--json", STORY, "479_other").stdout),
                         json.loads(self.shell.musher("purge", "-n", "--json", STORY, "479_other").stdout))
        self.assertEqual(list(self.stories_here()), [STORY])

    def test_on_a_terminal_the_story_id_is_typed(self):
        for typed, code, left in (("no", 5, 2), (STORY, 0, 1)):
            pid, fd = pty.fork()
            if pid == 0:
                os.chdir(self.elsewhere)
                os.execve(BIN / "musher-purge", ["musher-purge", "--server", self.url, STORY], self.shell.environment)
            seen = b""
            while b"type its story id:" not in seen:
                seen += os.read(fd, 4096)
            os.write(fd, typed.encode() + b"\n")
            try:
                while os.read(fd, 4096):
                    pass
            except OSError:
                pass  # the terminal has gone with the command
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), code)
            os.close(fd)
            self.assertEqual(len(self.stories_here()), left)

    def test_what_needs_the_file_is_a_usage_error(self):
        for arguments in (["--list"], ["--stage", "2_current"], ["--older-than", "1d"], [STORY, "--wait", "1s"], [STORY, "--identity", "x"], [],
                          [STORY, STORY]):
            self.refused(2, "purge", *arguments, "--yes")


class FakeServer(http.server.BaseHTTPRequestHandler):
    """Answers each tools/call with the next of `results`, and keeps what it was asked."""

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(message["params"])
        body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": self.server.results.pop(0)}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class WhatIsConfirmed(unittest.TestCase):
    """The server's question is answered with yes once, and only for what the user was shown and confirmed."""

    QUESTION = {"resultType": "input_required", "requestState": "state",
                "inputRequests": {"ask": {"method": "elicitation/create", "params": {
                    "message": "?", "requestedSchema": {"type": "object", "properties": {"confirm": {"type": "boolean"}}}}}}}

    def purge(self, story, *results):
        shell = Shell()
        self.addCleanup(shell.close)
        server = http.server.HTTPServer(("127.0.0.1", 0), FakeServer)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        server.asked = []
        shown = {"story": {"story_id": STORY, "items": ["0" * 64], "fields": {}} | story, "history": {}}
        server.results = [self.complete(shown), *results]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        done = shell.musher("purge", "--server", f"http://127.0.0.1:{server.server_address[1]}", STORY, "--yes")
        self.assertEqual(server.results, [])
        return done, [asked["inputResponses"]["ask"] for asked in server.asked if "inputResponses" in asked], server.asked[-1]

    @staticmethod
    def complete(document):
        return {"resultType": "complete", "content": [], "structuredContent": document}

    def result(self, dry_run):
        return self.complete({"schema": "musher.purge/1", "dry_run": dry_run, "live": [], "stories": []})

    def test_what_was_confirmed_is_answered_with_yes(self):
        done, answers, last = self.purge({"status": "live", "purge": None}, self.QUESTION, self.result(False))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(answers, [{"action": "accept", "content": {"confirm": True}}])
        self.assertEqual((last["requestState"], last["arguments"]), ("state", {"story_id": STORY}))

    def test_a_second_question_is_about_something_else(self):
        done, answers, _ = self.purge({"status": "live", "purge": None}, self.QUESTION, self.QUESTION, self.result(True))
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertEqual([answer["action"] for answer in answers], ["accept", "decline"])

    def test_a_story_that_was_shown_as_purged_is_not(self):
        purge = {"kind": "delete", "rowid": "3", "op_id": "1" * 64, "author": "2" * 64, "time": "2026-04-09T12:00:00.000Z"}
        done, answers, _ = self.purge({"status": "purged", "purge": purge}, self.QUESTION, self.result(True))
        self.assertEqual((done.returncode, done.stdout), (5, ""), done.stderr)
        self.assertEqual([answer["action"] for answer in answers], ["decline"])
        self.assertIn("has changed since it was shown", done.stderr)


class Inspect(Remote):
    def test_json_is_that_of_the_local_command(self):
        for view in (["stories"], ["story", STORY], ["ops"]):
            with self.subTest(view):
                here = json.loads(self.shell.musher("inspect", *view, "--json").stdout)
                there = json.loads(self.must("inspect", *view, "--json").stdout)
                self.assertEqual([there[key] for key in ("schema", "tool", "exit_code", "log")],
                                 [here[key] for key in ("schema", "tool", "exit_code", "log")])
                key = "story" if view[0] == "story" else view[0]
                if key == "ops":
                    self.assertEqual([op["op_id"] for op in there[key]], [op["op_id"] for op in here[key]])
                elif key == "stories":
                    self.assertEqual(sorted(there[key], key=str), sorted(here[key], key=str))
                else:
                    self.assertEqual(there[key], here[key])

    def test_text_is_that_of_the_local_command(self):
        self.assertEqual(self.must("inspect", "ops").stdout, self.shell.musher("inspect", "ops").stdout)
        here = self.shell.musher("inspect", "story", STORY).stdout.splitlines()
        there = self.must("inspect", "story", STORY).stdout.splitlines()
        self.assertEqual(there[:-1], here[:-1])
        self.assertRegex(self.must("inspect", "stories").stdout, rf"(?m)^{STORY} +2_current +Sync ")

    def test_every_page_is_asked_for(self):
        for number in range(130):
            self.shell.musher("put", "-q", "--new", f"story-{number}", "stage=1_backlog")
        self.assertEqual(len(json.loads(self.must("inspect", "stories", "--json").stdout)["stories"]), 132)
        rows = [int(op["rowid"]) for op in json.loads(self.must("inspect", "ops", "--json").stdout)["ops"]]
        self.assertEqual(rows, list(range(1, 133)))

    def test_a_long_history_is_shown_whole(self):
        for part in range(3):
            self.shell.musher("put", "-q", STORY, *(f"field_{n}={part}" for n in range(50)))
        shown = [json.loads(inspect("inspect", "story", STORY, "--json").stdout) for inspect in (self.shell.musher, self.must)]
        here, there = ({field: [(op["op_id"], op["won"]) for op in ops] for field, ops in document["history"].items()}
                       for document in shown)
        self.assertEqual(there, here)
        self.assertEqual(sum(len(ops) for ops in there.values()), 152)
        self.assertNotIn("next_cursor", shown[1])
        self.assertEqual(self.must("inspect", "story", STORY).stdout.count("field_49"), self.shell.musher("inspect", "story", STORY).stdout.count("field_49"))

    def test_a_purged_story_says_by_whom_and_when(self):
        self.shell.musher("purge", STORY, "--yes", "--reason", "twice")
        self.assertRegex(self.must("inspect", "story", STORY).stdout, r"(?m)^purged by .*, row 3: twice$")

    def test_summary_says_how_the_server_is(self):
        self.assertRegex(self.must("inspect").stdout, r"(?m)^health +ok$")
        document = json.loads(self.must("inspect", "--json").stdout)
        self.assertEqual((document["exit_code"], document["health"], document["log"]["ops"]), (0, "ok", 2))

    def test_a_point_in_time_is_resolved_there(self):
        self.shell.musher("put", "-q", STORY, "stage=3_qa")
        document = json.loads(self.must("inspect", "story", STORY, "--at", "row:2", "--json").stdout)
        self.assertEqual((document["story"]["fields"]["stage"], document["at"]["rowid"]), ("2_current", "2"))

    def test_views_that_need_the_file_are_usage_errors(self):
        for view in (["op", "0a1b2c"], ["authors"], ["heads"], ["quarantine"], ["ops", "--jsonl"], ["ops", "--verify"], ["stories", "--copy"],
                     ["ops", "--at", "row:1"], ["story"], ["stories", "x"]):
            self.refused(2, "inspect", *view)
        self.assertIn("did you mean '478_story_sync'", self.refused(1, "inspect", "story", "478_story_snyc"))


class Which(Remote):
    def test_the_variable_names_the_server_and_log_wins_over_it(self):
        variable = {"MUSHER_SERVER": self.url}
        done = self.shell.musher("put", STORY, "stage=3_qa", cwd=self.elsewhere, environment=variable)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.stories_here()[STORY]["stage"], "3_qa")
        self.shell.musher("init", "-q", "--log", "other.db")
        local = self.shell.musher("inspect", "stories", "--log", "other.db", "--json", environment=variable)
        self.assertEqual(json.loads(local.stdout)["stories"], [])
        # What does not speak to servers does not look at it.
        self.assertEqual(self.shell.musher("replay", environment=variable).returncode, 0)

    def test_help_and_usage_errors_need_no_server(self):
        self.assertEqual(self.shell.musher("put", "--server", "http://127.0.0.1:1", "--help").returncode, 0)
        for url in ("127.0.0.1:7777", "ftp://127.0.0.1", "http://", "http://a/other", "http://me@a", "http://a:0", "http://a:99999", "http://[::1", ""):
            done = self.shell.musher("inspect", "--server", url)
            self.assertEqual((done.returncode, done.stdout), (2, ""), (url, done.stderr))
        done = self.shell.musher("inspect", "--token-file", "x")
        self.assertEqual(done.returncode, 2)

    def test_nobody_there_is_7_with_a_hint(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # it does not listen
            self.url = f"http://127.0.0.1:{taken.getsockname()[1]}"
            self.assertIn("is musher serve running there?", self.refused(7, "inspect"))

    def test_a_token_in_the_url_is_not_said_again(self):
        for url in (f"http://{TOKEN}@127.0.0.1:1", f"http://me:{TOKEN}@127.0.0.1:1", f"ftp://{TOKEN}@127.0.0.1:1", f"http://a/{TOKEN}@127.0.0.1:1"):
            self.url = url
            self.assertNotIn(TOKEN, self.refused(2, "inspect"))
            self.assertNotIn(TOKEN, self.refused(2, "inspect", "--json"))
        self.assertNotIn(TOKEN, self.init_from(f"http://{TOKEN}@127.0.0.1:1", code=2))

    def test_the_wrong_scheme_is_told_with_the_right_one(self):
        port = self.server.port
        self.url = f"https://127.0.0.1:{port}"
        problem = self.refused(7, "inspect")
        self.assertIn("that port speaks none: it is http://", problem)
        self.assertIn(f"hint: if it is meant to have no TLS: http://127.0.0.1:{port}; else somebody is in between\n", problem)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            def alert():
                with listener.accept()[0] as connection:
                    connection.recv(65536)
                    connection.sendall(b"\x15\x03\x01\x00\x02\x02\x0a")

            threading.Thread(target=alert, daemon=True).start()
            port = listener.getsockname()[1]
            self.url = f"http://127.0.0.1:{port}"
            problem = self.refused(7, "put", STORY, "stage=3_qa")
        self.assertIn(f"the port of http://127.0.0.1:{port} speaks TLS\n", problem)
        self.assertIn(f"hint: with TLS: https://127.0.0.1:{port}\n", problem)

    def test_a_server_that_is_none_of_ours_is_7(self):
        for answer in (b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", b""):
            listener = socket.create_server(("127.0.0.1", 0))

            def serve(listener=listener, answer=answer):
                connection = listener.accept()[0]
                connection.recv(65536)
                connection.sendall(answer)
                connection.close()

            thread = threading.Thread(target=serve)
            thread.start()
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            self.refused(7, "put", STORY, "stage=3_qa")
            thread.join()
            listener.close()

    def test_the_program_that_speaks_to_servers_is_beside_the_others(self):
        folder = self.shell.folder / "bin"
        folder.mkdir()
        shutil.copy(BIN / "musher-put", folder)
        done = self.shell.run(folder / "musher-put", "--server", self.url, STORY, "stage=3_qa")
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertIn("musher-remote", done.stderr)
        self.assertEqual(self.shell.run(BIN / "musher-remote", "replay").returncode, 2)


class Init(Remote):
    def document(self, log):
        return json.loads(self.shell.musher("inspect", "--json", "--log", log).stdout)["log"]["document"]

    def test_the_new_log_holds_the_document_of_the_server(self):
        output = self.init_from(self.url, "--name", "there")
        here, there = self.shell.work / "pipeline.db", self.elsewhere / "pipeline.db"
        self.assertEqual(self.document(there), self.document(here))
        self.assertIn(f"made the op log {there}\n  document  {self.document(here)}\n", output)
        # Again it is there already; where a log of another document is, nothing changes.
        self.assertIn("already there", self.init_from(self.url + "/mcp"))
        self.shell.musher("init", "-q", "--log", "other.db", cwd=self.elsewhere)
        self.init_from(self.url, "--log", "other.db", code=5)
        # A server that is meant for other commands does not matter.
        self.init_from(self.url, "--log", "third.db", environment={"MUSHER_SERVER": "http://127.0.0.1:9"})
        local = json.loads(self.shell.musher("init", "--json", "--log", "local.db", "--join", here, cwd=self.elsewhere).stdout)
        remote = json.loads(self.init_from(self.url, "--json", "--log", "fourth.db"))
        self.assertEqual((list(local), local["log"]["document"]), (list(remote), remote["log"]["document"]))

    def test_without_tls_it_says_what_can_be_read(self):
        (self.elsewhere / "token").write_text(TOKEN + "\n")
        (self.elsewhere / "token").chmod(0o600)
        readable = "what the server says of itself, no story, and can name another document\n"
        for options, said in (([], readable), (["--token-file", "token"], "the token and " + readable)):
            self.assertIn("http://nosuch.invalid:80 without TLS: whoever is on the way reads " + said,
                          self.init_from("http://nosuch.invalid", *options, code=7))

    def test_an_address_without_a_scheme_is_told_with_one(self):
        address = self.url.removeprefix("http://")
        for text in (address, address + "/mcp"):
            self.assertIn(f"  hint: of a server: musher init --join http://{text}\n", self.init_from(text, code=3))
        for slip in ("http:", "http:/"):
            self.assertIn(f"  hint: of a server: musher init --join http://{address}\n", self.init_from(slip + address, code=3))
        self.assertIn(f"its path is not /mcp\n  hint: {self.url}\n", self.init_from(self.url + "/crdt-sync", code=2))
        self.assertNotIn("http", self.init_from("nothing.db", code=3))
        self.assertEqual(list(self.elsewhere.iterdir()), [])

    def test_the_scheme_of_a_web_socket_is_told_with_that_of_a_server(self):
        self.assertIn("  hint: http://127.0.0.1:1\n", self.init_from("ws://127.0.0.1:1", code=2))
        self.assertIn("  hint: https://one.example.org\n", self.init_from("wss://one.example.org/crdt-sync", code=2))
        done = self.shell.musher("serve", "--rendezvous", self.url)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(f"  hint: {self.url.replace('http', 'ws')}\n", done.stderr)

    def test_what_is_no_server_makes_no_log(self):
        nobody = socket.socket()
        nobody.bind(("127.0.0.1", 0))
        self.addCleanup(nobody.close)
        for url, code in ((f"http://127.0.0.1:{nobody.getsockname()[1]}", 7), ("http://", 2), ("gopher://127.0.0.1", 2), (self.url + "/else", 2),
                          (self.url.replace("http", "https"), 7), (self.url.replace("http", "ws"), 2)):
            with self.subTest(url):
                self.init_from(url, code=code)
        self.init_from(self.url, "--document", "00" * 16, code=2)
        self.init_from(str(self.shell.work / "pipeline.db"), "--token-file", "token", code=2)
        self.assertEqual(list(self.elsewhere.iterdir()), [])


class Tokens(Remote):
    def arguments(self):
        self.secret("tokens", f"alice {TOKEN}\nreader {READER} read-only\n")
        return ["--token-file", "tokens"]

    def secret(self, name, text, mode=0o600):
        path = self.shell.work / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def test_the_token_says_who_writes(self):
        for text in (f"{TOKEN}\n", f"# mine\nalice {TOKEN}\n"):
            token = self.secret("token", text)
            document = json.loads(self.must("put", "--token-file", token, "--json", STORY, "stage=3_qa").stdout)
            self.assertEqual(document["ops"][0]["actor"], "alice")
        self.assertIn("on behalf of alice", self.must("purge", "--token-file", token, STORY, "--yes").stdout)

    def test_no_token_a_wrong_one_and_a_read_only_one_are_refused(self):
        self.assertIn("--token-file", self.refused(5, "put", STORY, "stage=3_qa"))
        self.refused(5, "put", "--token-file", self.secret("wrong", "0" * 32), STORY, "stage=3_qa")
        reader = self.secret("reader", f"reader {READER} read-only\n")
        self.refused(5, "put", "--token-file", reader, STORY, "stage=3_qa")
        self.refused(5, "purge", "--token-file", reader, STORY, "--yes")
        self.must("inspect", "stories", "--token-file", reader)
        self.assertEqual(self.stories_here()[STORY]["stage"], "2_current")

    def test_a_token_file_that_is_no_secret_is_not_used(self):
        for text, mode in ((f"{TOKEN}\n", 0o644), ("", 0o600), (f"a {TOKEN}\nb {READER}\n", 0o600), ("a b c d\n", 0o600), ("tökèn\n", 0o600)):
            error = self.refused(2, "inspect", "--token-file", self.secret("bad", text, mode))
            self.assertNotIn(TOKEN, error)
        self.refused(2, "inspect", "--token-file", "nowhere")


    def test_a_log_joins_only_with_a_token(self):
        self.assertIn("--token-file", self.init_from(self.url, code=5))
        self.assertEqual(list(self.elsewhere.iterdir()), [])
        self.init_from(self.url, "--token-file", self.secret("wrong", "0" * 32), code=5)
        self.init_from(self.url, "--token-file", self.secret("reader", f"reader {READER} read-only\n"))
        self.assertTrue((self.elsewhere / "pipeline.db").exists())


class Tls(Remote):
    def arguments(self):
        made = self.shell.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key.pem",
                              "-out", "cert.pem", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
        self.assertEqual(made.returncode, 0, made.stderr)
        return ["--tls-cert", "cert.pem", "--tls-key", "key.pem"]

    def test_the_certificate_and_its_name_are_verified(self):
        trusted = {"SSL_CERT_FILE": str(self.shell.work / "cert.pem")}
        self.url = f"https://localhost:{self.server.port}"
        self.assertIn("certificate", self.refused(7, "inspect"))
        done = self.remote("put", STORY, "stage=3_qa", environment=trusted)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.url = f"https://127.0.0.1:{self.server.port}"
        problem = self.refused(7, "inspect", environment=trusted)
        self.assertIn("its certificate is of another name: localhost\n", problem)
        self.assertIn("hint: if one of these names is that node's: that one in the URL; else somebody is in between\n", problem)

    def test_authorities_that_cannot_be_read_are_a_usage_error(self):
        trusted = {"SSL_CERT_FILE": str(self.shell.work / "cert.pem")}
        key = str(self.shell.work / "key.pem")
        self.url = f"https://localhost:{self.server.port}"
        for variable, value in (("SSL_CERT_FILE", "/nowhere/ca.pem"), ("SSL_CERT_FILE", key), ("SSL_CERT_DIR", "/nowhere/certs")):
            problem = self.refused(2, "inspect", environment=trusted | {variable: value})
            self.assertIn(f"{variable}: cannot use '{value}': ", problem)
        self.assertIn("SSL_CERT_FILE", self.init_from(self.url, code=2, environment={"SSL_CERT_FILE": key}))
        self.must_not_matter_without_tls({"SSL_CERT_FILE": key})
        self.url = f"https://localhost:{self.server.port}"
        for folders in ("", f"/nowhere/certs:{self.shell.work}"):  # one that is not there is passed over, as OpenSSL does
            self.assertEqual(self.remote("inspect", environment=trusted | {"SSL_CERT_DIR": folders}).returncode, 0)

    def must_not_matter_without_tls(self, environment):
        plain = Server(self.shell)
        self.addCleanup(plain.close)
        self.url = f"http://127.0.0.1:{plain.port}"
        self.assertEqual(self.remote("inspect", environment=environment).returncode, 0)

    def test_a_url_without_tls_is_told_to_have_it(self):
        self.url = f"http://localhost:{self.server.port}"
        with_tls = f"https://localhost:{self.server.port}"
        read = self.refused(7, "inspect")
        self.assertIn(f"if that port speaks TLS: {with_tls}", read)
        self.assertNotIn("not known", read)
        written = self.refused(7, "put", STORY, "stage=3_qa")
        self.assertIn(f"if that port speaks TLS: {with_tls}", written)
        self.assertIn("whether it has done what it was asked is not known", written)


if __name__ == "__main__":
    unittest.main()
