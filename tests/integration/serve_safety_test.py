"""Who may ask a server what, and how it starts, is watched, reloaded and stopped."""

import fcntl
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import threading
import unittest

from binaries import BIN, IN_MEMORY, Shell
from mcp_client import Legacy, Modern, RpcFailure, Server, exchange, status_of, wait_until

STORY = "478_story_sync"
WRITER, READER = "writer-0123456789abcdef", "reader-0123456789abcdef"
WRITING_TOOLS = {"put_story", "purge_story"}


class Serving(unittest.TestCase):
    def setUp(self):
        self.shell = Shell(IN_MEMORY)
        self.addCleanup(self.shell.close)
        self.must("init", "-q")
        self.must("put", "-q", "--new", STORY, "stage=1_backlog")

    def must(self, *arguments):
        done = self.shell.musher(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def server(self, *arguments, **options):
        server = Server(self.shell, *arguments, **options)
        self.addCleanup(server.close)
        return server

    def client(self, server, era=Modern, **options):
        client = era(server, **options)
        self.addCleanup(client.close)
        return client

    def tokens(self, text=f"# who\n\nalice {WRITER}\nbob {READER} read-only\n"):
        path = self.shell.work / "tokens"
        path.write_text(text)
        path.chmod(0o600)
        return path

    def fails(self, code, *arguments, **options):
        """stderr of a server that must not start."""
        done = self.shell.musher("serve", *arguments, **options)
        self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
        return done.stderr


class Tokens(Serving):
    def test_only_who_shows_a_token_is_answered(self):
        server = self.server("--token-file", self.tokens())
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}})
        for shown in (None, "", "Bearer", "Bearer wrong-0123456789abcdef", f"Bearer {WRITER}x", f"Bearer {WRITER[:-1]}",
                      f"Basic {WRITER}", WRITER):
            for method, path in (("POST", "/mcp"), ("GET", "/mcp"), ("DELETE", "/mcp"), ("GET", "/metrics"),
                                 ("POST", f"/mcp?token={WRITER}")):
                with self.subTest(shown=shown, method=method, path=path):
                    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
                    headers |= {"Authorization": shown} if shown is not None else {}
                    status, answered, _ = server.get(path, headers, method, body if method == "POST" else None)
                    self.assertEqual(status, 401)
                    self.assertTrue(answered["WWW-Authenticate"].startswith("Bearer"))
        for path in ("/livez", "/readyz"):
            self.assertEqual(server.get(path)[0], 200)
        self.assertEqual(server.get("/metrics", {"Authorization": f"Bearer {READER}"})[0], 200)
        self.assertNotIn("0123456789abcdef", server.text())

    def test_a_read_only_token_sees_and_calls_no_tool_that_writes(self):
        server = self.server("--token-file", self.tokens(), "--allow-unconfirmed-purge")
        for era in (Modern, Legacy):
            writer, reader = self.client(server, era, token=WRITER), self.client(server, era, token=READER)
            self.assertTrue(WRITING_TOOLS <= set(writer.tool_list()))
            self.assertFalse(WRITING_TOOLS & set(reader.tool_list()))
            self.assertIn(STORY, reader.stories())
            for name, arguments in (("put_story", {"fields": {"stage": "9"}}), ("purge_story", {})):
                refused = reader.refusal(name, {"story_id": STORY} | arguments)
                self.assertEqual(refused["code"], "refused")
                self.assertIn("bob", refused["message"])
                self.assertIn("read-only", refused["hint"])
                logged = server.events("request refused")[-1]
                self.assertEqual((logged["level"], logged["why"], logged["principal"]),
                                 ("warning", refused["message"], "bob"))
                self.assertTrue(logged["peer"].startswith("127.0.0.1:"))
        self.assertEqual(len(server.events("request refused")), 4)
        self.assertEqual(self.client(server, token=WRITER).stories()[STORY]["fields"]["stage"], "1_backlog")

    def test_a_read_only_token_does_not_sync(self):
        server = self.server("--token-file", self.tokens())
        for token, status in ((READER, 403), (WRITER, 101)):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
            self.addCleanup(connection.close)
            connection.request("GET", "/crdt-sync", headers={
                "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "musher-sync.1",
                "Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            self.assertEqual(answer.status, status)
            if status == 403:
                self.assertIn("may only read", answer.read().decode())

    def test_a_session_is_of_use_to_nobody_else(self):
        server = self.server("--token-file", self.tokens())
        alice = self.client(server, Legacy, token=WRITER)
        thief = self.client(server, Legacy, token=READER)
        thief.session = alice.session
        with self.assertRaises(RpcFailure) as raised:
            thief.request("tools/list")
        self.assertEqual(raised.exception.status, 404)

    def test_a_hangup_reads_the_tokens_again_and_keeps_them_if_they_are_bad(self):
        path = self.tokens()
        server = self.server("--token-file", path)
        status = lambda token: server.get("/metrics", {"Authorization": f"Bearer {token}"})[0]
        self.assertEqual((status(WRITER), status(READER)), (200, 200))
        new = "renewed-0123456789abcdef"
        self.tokens(f"alice {new}\n")
        server.signal(signal.SIGHUP)
        wait_until(lambda: status(new) == 200, "the new token to count")
        self.assertEqual((status(WRITER), status(READER)), (401, 401))
        self.tokens("alice short\n")
        server.signal(signal.SIGHUP)
        problem = server.wait_event("the configuration stays as it was")["problem"]
        self.assertIn("tokens:1", problem)
        self.assertNotIn("short\"", problem)
        self.assertEqual(status(new), 200)

    def test_a_hangup_says_what_is_wrong_with_the_configuration_and_what_it_may_mean(self):
        path = self.shell.work / "conf.toml"
        path.write_text("[serve]\n")
        server = self.server("--config", str(path))
        path.write_text('[serve]\nrendezvou = []\n')
        server.signal(signal.SIGHUP)
        self.assertRegex(server.wait_event("the configuration stays as it was")["problem"], r"unknown key 'rendezvou'.*; did you mean 'rendezvous' or 'rendezvous_token_file'\?$")
        path.write_text('[serve]\nrendezvous = ["http://127.0.0.1:7777"]\n')
        server.signal(signal.SIGHUP)
        self.assertEqual(server.wait_event("the configuration stays as it was", 2)["hint"], "ws://127.0.0.1:7777")

    def test_a_token_file_that_others_may_read_is_refused(self):
        path = self.tokens()
        path.chmod(0o644)
        self.assertIn("tokens", self.fails(2, "--token-file", path, "--listen", "127.0.0.1:0"))


class Refusals(Serving):
    def assert_refused(self, answer, status):
        """By its status, and a JSON-RPC error without an id, since none was read."""
        self.assertEqual(answer[0], status, answer)
        self.assertEqual(answer[1]["Content-Type"], "application/json")
        body = json.loads(answer[2])
        self.assertEqual((set(body), body["jsonrpc"], set(body["error"])), ({"jsonrpc", "error"}, "2.0", {"code", "message"}))
        self.assertEqual(body["error"]["code"], -32600 if answer[2].find("not JSON") < 0 else -32700)
        self.assertTrue(body["error"]["message"])

    def test_what_is_refused_before_it_is_read_has_a_body_that_clients_understand(self):
        server = self.server("--token-file", self.tokens())
        json_headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        headers = json_headers | {"Authorization": f"Bearer {WRITER}"}
        too_long = b"[" + b" " * (4 << 20) + b"]"
        for status, path, method, sent, body in (
            (401, "/mcp", "POST", json_headers, b"{}"),
            (401, "/mcp", "POST", json_headers | {"Authorization": "Bearer wrong-0123456789abcdef"}, b"{}"),
            (403, "/mcp", "POST", headers | {"Origin": "https://evil.example"}, b"{}"),
            (403, "/mcp", "GET", headers | {"Host": "evil.example"}, None),
            (404, "/.well-known/oauth-protected-resource/mcp", "GET", {}, None),
            (405, "/mcp", "PUT", headers, b"{}"),
            (406, "/mcp", "POST", headers | {"Accept": "text/html"}, b"{}"),
            (413, "/mcp", "POST", headers, too_long),
            (413, "/mcp", "POST", headers, iter([too_long])),  # in chunks, without a length
            (415, "/mcp", "POST", headers | {"Content-Type": "text/plain"}, b"{}"),
            (431, "/mcp", "POST", headers | {"X-Long": "x" * 20000}, b"{}"),
            (400, "/mcp", "POST", headers, b"{"),
        ):
            with self.subTest(status=status, method=method, path=path):
                before = len(server.events("request refused"))
                self.assert_refused(server.get(path, sent, method, body), status)
                logged = server.events("request refused")[before:]
                self.assertEqual([(event["level"], event["status"]) for event in logged], [("warning", str(status))])
                self.assertTrue(logged[0]["why"] and logged[0]["peer"].startswith("127.0.0.1:"), logged)
                if status in (400, 405, 406, 415):  # by MCP, once it was known who asks
                    self.assertEqual(logged[0]["principal"], "alice")
        self.assertEqual(server.get("/mcp", json_headers, "POST", b"{}")[1]["WWW-Authenticate"], "Bearer")

    def test_a_flood_of_refused_requests_does_not_flood_the_log(self):
        server = self.server("--token-file", self.tokens())
        for _ in range(300):
            self.assertEqual(server.get("/mcp")[0], 401)
        self.assertIn("\nmusher_http_refused_total 300\n", server.get("/metrics", {"Authorization": f"Bearer {READER}"})[2])
        server.stop()
        logged = len(server.events("request refused"))
        self.assertGreaterEqual(logged, 100)
        self.assertLess(logged, 300)
        left_out = server.events("lines left out")
        self.assertEqual({line["of"] for line in left_out}, {"request refused"})
        self.assertEqual(logged + sum(int(line["count"]) for line in left_out), 300)


class ReadOnly(Serving):
    def test_a_read_only_server_needs_no_key_and_has_no_tool_that_writes(self):
        (self.shell.work / "pipeline.db.key").rename(self.shell.work / "away.key")
        server = self.server("--read-only")
        for era in (Modern, Legacy):
            client = self.client(server, era)
            self.assertFalse(WRITING_TOOLS & set(client.tool_list()))
            with self.assertRaises(RpcFailure) as raised:
                client.tool("put_story", {"story_id": STORY, "fields": {"stage": "9"}})
            self.assertEqual(raised.exception.code, -32602)
        node = client.document("get_node")
        self.assertEqual((node["author"], node["health"]), (None, "read_only"))
        self.assertIn("musher_read_only 1\n", server.get("/metrics")[2])
        summary = json.loads(self.must("inspect", "summary", "--json").stdout)
        self.assertEqual(summary["servers"], [{"pid": server.pid, "health": "read_only"}])
        # It follows all the same.
        done = json.loads(self.must("put", "--json", "--identity", "away.key", STORY, "stage=2_current").stdout)
        self.assertEqual(done["live"][0]["status"], "applied")
        self.assertEqual(client.stories()[STORY]["fields"]["stage"], "2_current")


class TextLog(Serving):
    def test_a_foreign_servers_words_stay_within_their_field(self):
        said = 'no "entry" at C:\\" level=forged detail="all is well'
        body = said.encode()
        listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listening.close)

        def refuse():
            connection, _ = listening.accept()
            with connection, connection.makefile("rb") as request:
                while request.readline() != b"\r\n":
                    pass
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

        threading.Thread(target=refuse, daemon=True).start()
        log_path = self.shell.folder / "text.log"
        with open(log_path, "wb") as log:
            words = [BIN / "musher-serve", "--listen", "127.0.0.1:0", "--rendezvous", f"ws://127.0.0.1:{listening.getsockname()[1]}"]
            process = subprocess.Popen(words, cwd=self.shell.work, env=self.shell.environment, stderr=log, stdin=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        told = lambda: re.search(r"musher-serve warning: cannot reach peer( .*)\n", log_path.read_text())
        wait_until(told, "a line about the peer")
        line = told()[1]
        field = r' (\w+)=("(?:[^"\\]|\\.)*"|[^ "=\\]+)'
        self.assertRegex(line, rf"^({field})+$")
        fields = {name: re.sub(r"\\(.)", r"\1", value.removeprefix('"').removesuffix('"')) for name, value in re.findall(field, line)}
        self.assertNotIn("level", fields)
        self.assertIn(said, fields["detail"])


class Exposure(Serving):
    def test_without_tokens_it_listens_on_loopback_only(self):
        for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:7777"):
            problem = self.fails(2, "--listen", address)
            self.assertIn("no token is asked for", problem)
            self.assertIn("--token-file", problem)
        server = self.server("--listen", "0.0.0.0:0", "--token-file", self.tokens(), listen=False)
        self.assertEqual(server.wait_event("tokens cross the network in the clear: no TLS")["level"], "warning")

    def test_a_file_of_tokens_that_is_not_there_is_told_with_what_names_it(self):
        for key in ("token_file", "rendezvous_token_file"):
            flag = "--" + key.replace("_", "-")
            self.assertIn(f"musher-serve: {flag}: cannot use the token file nowhere: there is no such file\n", self.fails(2, flag, "nowhere"))
            config = self.shell.work / "tokens.toml"
            config.write_text(f'[serve]\n{key} = "nowhere"\n')
            problem = self.fails(2, "--config", config)
            self.assertIn(f"musher-serve: {key}: cannot use the token file ", problem)
            self.assertRegex(problem, r"/nowhere: there is no such file\n  hint: .*\(umask 077; echo .* > .*/nowhere\)\n$")

    def test_localhost_is_loopback(self):
        for address, listened in (("localhost:0", "127.0.0.1:"), ("127.1.2.3:0", "127.1.2.3:"), ("LOCALHOST:0", "127.0.0.1:")):
            server = self.server("--listen", address, listen=False)
            self.assertTrue(server.events("listening")[0]["address"].startswith(listened), address)
            self.assertEqual(server.stop(), 0)
        for name in ("127.0.0.1.example:0", "localhost.example:0"):
            self.assertNotIn("listening", self.fails(2, "--listen", name))

    def test_what_is_no_address_in_digits_is_told_as_that(self):
        for text in ("http://127.0.0.1:17772", "example.org:17772", "127.1:7777", "127.0.0.1", "127.0.0.1:x", ":7777", "[::1:7777", "[fe80::x]:1"):
            for tokens in ((), ("--token-file", self.tokens())):
                problem = self.fails(2, "--listen", text, *tokens)
                self.assertIn(f"--listen: '{text}' is no address in digits with a port\n", problem)
                self.assertNotIn("can be reached", problem)
        self.assertIn("fe80::1%", self.fails(7, "--listen", "[fe80::1%lo]:0", "--token-file", self.tokens()))

    def test_nor_does_it_take_over_a_socket_that_others_can_reach(self):
        with socket.create_server(("0.0.0.0", 0)) as listening:
            server = self.inheriting(listening, wait=False)
            self.assertEqual(server.wait(), 2, server.text())
            self.assertIn("no token is asked for", server.text())
            server = self.inheriting(listening, "--token-file", self.tokens())
            self.assertEqual(server.stop(), 0)

    def inheriting(self, listening, *arguments, **options):
        """A server started as systemd starts it by socket activation."""
        def hand_over():
            os.dup2(listening.fileno(), 3)
            os.set_inheritable(3, True)

        command = ["/bin/sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"', "sh"]
        return self.server(*arguments, listen=False, command=command, preexec_fn=hand_over, close_fds=False, **options)

    def test_a_socket_of_the_service_manager(self):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            server = self.inheriting(listening)
            self.assertEqual(server.port, listening.getsockname()[1])
            self.assertIn(STORY, self.client(server).stories())
            self.assertEqual(server.stop(), 0)
            # It is the manager's: who connects now is the next server's.
            waiting = socket.create_connection(listening.getsockname())
            waiting.close()

    def test_a_page_in_the_browser_can_do_nothing(self):
        server = self.server("--allow-host", "musher.example.org")
        port = server.port
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"})
        good_hosts = ["localhost", "127.0.0.1", "[::1]", "musher.example.org", "LOCALHOST"]
        bad_hosts = ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.2", "", "localhost@evil",
                     "musher.example.org.evil.example", "0.0.0.0", "[::]"]
        good_origins = [None, f"http://localhost:{port}", "http://127.0.0.1", "http://[::1]:1", "https://musher.example.org"]
        bad_origins = ["null", "http://evil.example", "https://localhost.evil.example", "file://", "http://", "localhost",
                       "http://localhost@evil.example", "", "chrome-extension://abc", "http://127.0.0.1.evil.example"]
        cases = [(host, origin) for host in good_hosts + bad_hosts for origin in good_origins + bad_origins]
        some = [(host, origin) for host, origin in cases if origin is None or host == "localhost"]
        for path, method, cases in (("/mcp", "POST", cases), ("/metrics", "GET", some), ("/readyz", "GET", some)):
            for host, origin in cases:
                head = f"{method} {path} HTTP/1.1\r\nHost: {host}{':' + str(port) if host else ''}\r\n"
                head += f"Origin: {origin}\r\n" if origin is not None else ""
                head += "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
                head += f"Connection: close\r\nContent-Length: {len(body) if method == 'POST' else 0}\r\n\r\n"
                status = status_of(exchange(port, (head + (body if method == "POST" else "")).encode()))
                good = host in good_hosts and origin in good_origins
                with self.subTest(host=host, origin=origin, path=path):
                    # A ping without a session is a 400 of MCP's own, behind the guard.
                    self.assertEqual(status in (403, 421) or (status == 400 and not host), not good, status)


class Authorities(Serving):
    def test_ones_that_cannot_be_read_end_a_server_that_is_to_dial_with_tls(self):
        variable = {"SSL_CERT_FILE": "/nowhere/ca.pem"}
        problem = self.fails(2, "--listen", "127.0.0.1:0", "--rendezvous", "wss://127.0.0.1:1", environment=variable)
        self.assertIn("SSL_CERT_FILE: cannot use '/nowhere/ca.pem': No such file", problem)
        server = self.server("--rendezvous", "ws://127.0.0.1:1", environment=variable)
        self.assertEqual(server.stop(), 0)


class Configuration(Serving):
    def config(self, text):
        path = self.shell.work / "config.toml"
        path.write_text(text)
        return path

    def test_the_table_serve_says_what_the_options_say(self):
        self.tokens()
        config = self.config('[serve]\nlisten = ["127.0.0.1:0", "127.0.0.1:0"]\ntoken_file = "tokens"\nread_only = true\n'
                             'log_format = "json"\nallowed_hosts = ["musher.example.org"]\n')
        server = self.server("--config", config, listen=False)
        self.assertEqual(len(server.events("listening")), 2)
        self.assertEqual(server.get("/metrics")[0], 401)
        self.assertFalse(WRITING_TOOLS & set(self.client(server, token=WRITER).tool_list()))
        self.assertEqual(server.get("/livez", {"Host": "musher.example.org"})[0], 200)

    def test_a_hangup_reads_it_again(self):
        text = "[serve]\nallow_unconfirmed_purge = {}\n"
        server = self.server("--config", self.config(text.format("false")))
        client = self.client(server, capabilities={})
        self.assertEqual(client.refusal("purge_story", {"story_id": STORY})["code"], "refused")
        self.config("[serve]\nunknown = 1\n")
        server.signal(signal.SIGHUP)
        self.assertIn("config.toml:2:1", server.wait_event("the configuration stays as it was")["problem"])
        self.assertEqual(client.refusal("purge_story", {"story_id": STORY})["code"], "refused")
        self.config(text.format("true"))
        server.signal(signal.SIGHUP)
        server.wait_event("reloaded")  # which the bad one was not
        self.assertEqual(client.document("purge_story", {"story_id": STORY})["confirmed_by"], "flag")
        self.assertEqual(len(server.events("reloaded")), 1)

    def test_a_hangup_applies_the_names_of_this_server_and_the_time_between_audits(self):
        server = self.server("--config", self.config('[serve]\nallowed_hosts = "a.example"\naudit_interval = "0"\n'))
        status = lambda host: server.get("/livez", {"Host": host})[0]
        self.assertEqual((status("a.example"), status("b.example")), (200, 403))
        server.wait_event("audited")
        self.config('[serve]\nallowed_hosts = "b.example"\naudit_interval = "10ms"\n')
        server.signal(signal.SIGHUP)
        server.wait_event("reloaded")
        self.assertEqual((status("a.example"), status("b.example")), (403, 200))
        server.wait_event("audited", count=2)

    def test_a_setting_that_cannot_be_used_is_told_with_its_line(self):
        for key, bad in (("listen", "example.org:1"), ("allowed_hosts", "http://x"), ("rendezvous", "http://x:1")):
            file = self.config(f'[serve]\n{key} = [\n  "{bad}",\n]\n')
            self.assertIn(f"{file}:3:3: {key}: ", self.fails(2, "--config", file))
            file = self.config(f'[serve]\n{key} = "{bad}"\n')
            self.assertIn(f"{file}:2:{len(key) + 4}: {key}: ", self.fails(2, "--config", file))
        self.assertIn('--rendezvous: "http://x:1" is no URL', self.fails(2, "--rendezvous", "http://x:1"))

    def test_what_no_host_header_can_be_is_refused(self):
        for text in ("http://x", "a b", "*.example.org", "2001:db8::1"):
            problem = self.fails(2, "--listen", "127.0.0.1:0", "--config", self.config(f'[serve]\nallowed_hosts = ["ok.example", "{text}"]\n'))
            self.assertIn(f"allowed_hosts: '{text}' can be in no Host header\n", problem)
        for text in ("", "http://x"):
            problem = self.fails(2, "--listen", "127.0.0.1:0", "--allow-host", text)
            self.assertIn(f"--allow-host: '{text}' can be in no Host header\n", problem)
        server = self.server("--config", self.config('[serve]\nallowed_hosts = "a.example:7777"\n'))
        self.assertEqual(server.get("/livez", {"Host": "a.example:7777"})[0], 200)
        self.config('[serve]\nallowed_hosts = "http://b.example"\n')
        server.signal(signal.SIGHUP)
        self.assertIn("allowed_hosts", server.wait_event("the configuration stays as it was")["problem"])
        self.assertEqual(server.get("/livez", {"Host": "a.example:7777"})[0], 200)

    def test_a_hangup_says_which_settings_need_a_restart(self):
        self.tokens()
        (self.shell.work / "peer.token").write_text(WRITER)
        (self.shell.work / "peer.token").chmod(0o600)
        config = self.config('[serve]\nread_only = false\nlisten = "127.0.0.1:1"\n')
        server = self.server("--config", config)
        needs_restart = lambda: [event["key"] for event in server.events("a changed setting needs a restart")]
        server.signal(signal.SIGHUP)
        server.wait_event("reloaded")
        self.assertEqual(needs_restart(), [])
        made = self.shell.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "k.pem",
                              "-out", "c.pem", "-days", "2", "-subj", "/CN=localhost")
        self.assertEqual(made.returncode, 0, made.stderr)
        self.config('log = "other.db"\nidentity = "other.key"\nutc = true\nlock_timeout = "1s"\n[serve]\n'
                    'listen = "127.0.0.1:2"\ntoken_file = "tokens"\ntls_cert = "c.pem"\ntls_key = "k.pem"\n'
                    'rendezvous_token_file = "peer.token"\nread_only = true\nlog_format = "text"\n')
        server.signal(signal.SIGHUP)
        server.wait_event("reloaded", count=2)
        # Where it listens and how it logs is said on this command line, which goes before.
        self.assertEqual(set(needs_restart()), {"log", "identity", "utc", "lock_timeout", "token_file", "tls_cert", "tls_key",
                                                "read_only"})
        self.assertEqual({event["level"] for event in server.events("a changed setting needs a restart")}, {"warning"})
        self.assertEqual(server.get("/metrics")[0], 200)
        self.assertIn("put_story", self.client(server).tool_list())

    def test_tokens_are_asked_for_until_a_restart(self):
        self.tokens()
        server = self.server("--config", self.config('[serve]\ntoken_file = "tokens"\n'))
        self.assertEqual(server.get("/metrics")[0], 401)
        self.config("")
        server.signal(signal.SIGHUP)
        server.wait_event("reloaded")
        self.assertEqual([event["key"] for event in server.events("a changed setting needs a restart")], ["token_file"])
        self.assertEqual(server.get("/metrics")[0], 401)
        self.assertEqual(server.get("/metrics", {"Authorization": f"Bearer {READER}"})[0], 200)

    def test_a_read_only_server_that_is_to_sync_after_a_hangup_stays_as_it_was(self):
        server = self.server("--config", self.config("[serve]\nread_only = true\n"))
        self.config('[serve]\nread_only = true\nrendezvous = "ws://127.0.0.1:1"\n')
        server.signal(signal.SIGHUP)
        self.assertIn("cannot sync", server.wait_event("the configuration stays as it was")["problem"])
        self.assertEqual(server.events("reloaded"), [])

    def test_a_hangup_with_a_configuration_that_no_server_could_start_with_changes_nothing(self):
        good = '[serve]\nlisten = "127.0.0.1:0"\nallowed_hosts = "a.example"\n'
        server = self.server("--config", self.config(good), listen=False)
        for count, (bad, word) in enumerate((('listen = "garbage"', "listen: 'garbage'"), ('listen = "0.0.0.0:0"', "no token is asked for"),
                                             ('tls_cert = "c.pem"', "--tls-cert and --tls-key go together"),
                                             ('tls_cert = "c.pem"\ntls_key = "k.pem"', "c.pem"),
                                             ('rendezvous_token_file = "nowhere"', "rendezvous_token_file: cannot use"),
                                             ('read_only = true\nrendezvous = "ws://127.0.0.1:1"', "cannot sync")), 1):
            with self.subTest(bad):
                listens = "" if bad.startswith("listen") else 'listen = "127.0.0.1:0"\n'
                file = self.config(f'[serve]\n{listens}{bad}\nallowed_hosts = "b.example"\n')
                server.signal(signal.SIGHUP)
                self.assertIn(word, server.wait_event("the configuration stays as it was", count)["problem"])
                self.assertIn(word, self.fails(2, "--config", file))
        self.assertEqual(server.get("/livez", {"Host": "a.example"})[0], 200)
        self.assertEqual((server.events("reloaded"), server.events("a changed setting needs a restart")), ([], []))

    def test_a_wrong_key_or_value_is_found_with_its_place(self):
        for text, place in (("[serve]\nlissten = \"127.0.0.1:0\"\n", "config.toml:2:1"),
                            ("[serve]\nread_only = \"yes\"\n", "config.toml:2:13"),
                            ("[serve]\nlisten = 7777\n", "config.toml:2:10"),
                            ("serve = true\n", "config.toml:1:9"),
                            ("[serve]\nlog_format = \"xml\"\n", "config.toml:2:14")):
            self.assertIn(place, self.fails(2, "--config", self.config(text)), text)


class Starting(Serving):
    def test_each_thing_that_is_wrong_has_its_exit_code_and_its_hint(self):
        self.assertIn("musher init", self.fails(3, "--log", "none.db", "--listen", "127.0.0.1:0"))
        (self.shell.work / "text.db").write_text("this is no database, and long enough to be sure of it" * 10)
        self.fails(3, "--log", "text.db", "--listen", "127.0.0.1:0")
        for address in ("7777", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:99999", ":7777"):
            self.fails(2, "--listen", address)
        self.fails(2, "--listen", "127.0.0.1:0", "--tls-cert", "cert.pem")

    def test_a_port_that_is_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            problem = self.fails(7, "--listen", address)
        self.assertIn(address, problem)
        self.assertIn("hint:", problem)

    def test_a_key_that_is_missing_or_not_trusted(self):
        problem = self.fails(5, "--listen", "127.0.0.1:0", "--identity", "none.key")
        self.assertIn("none.key", problem)
        self.must("identity", "new", "-q", "--identity", "bob.key")
        author = json.loads(self.must("identity", "show", "--identity", "bob.key", "--json").stdout)["author"]
        problem = self.fails(5, "--listen", "127.0.0.1:0", "--identity", "bob.key")
        self.assertIn(f"add {author} NAME", problem)
        self.must("trust", "add", author, "bob")
        self.assertEqual(self.server("--identity", "bob.key").stop(), 0)

    def test_an_empty_log_is_served(self):
        self.must("init", "-q", "--log", "empty.db")
        server = self.server("--log", "empty.db")
        client = self.client(server)
        self.assertEqual(client.stories(), {})
        self.assertEqual(server.readiness()[0], 200)
        client.document("put_story", {"story_id": "first", "fields": {}, "new": True})
        self.assertEqual(set(client.stories()), {"first"})


class Watched(Serving):
    def test_the_service_manager_is_told(self):
        path = str(self.shell.work / "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(path)
            manager.settimeout(20)
            server = self.server(environment={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "400000"})
            said = []

            def hear(wanted):
                while not any(wanted in message for message in said):
                    said.append(manager.recv(4096).decode())
                return next(message for message in said if wanted in message)

            self.assertRegex(hear("READY=1"), r"STATUS=following .*pipeline\.db, row 1")
            hear("WATCHDOG=1")
            said.clear()
            server.signal(signal.SIGHUP)
            self.assertIn("MONOTONIC_USEC=", hear("RELOADING=1"))
            hear("READY=1")
            said.clear()
            (self.shell.work / "pipeline.db").rename(self.shell.work / "away.db")
            self.assertIn("STATUS=not following: ", hear("STATUS="))
            server.signal(signal.SIGTERM)
            hear("STOPPING=1")
            self.assertEqual(server.wait(), 0)

    def test_a_term_ends_open_streams_and_exits_with_0(self):
        server = self.server()
        modern, legacy = self.client(server), self.client(server, Legacy)
        messages, connection = modern.listen({"resourcesListChanged": True})
        self.addCleanup(connection.close)
        self.assertEqual(next(messages)["method"], "notifications/subscriptions/acknowledged")
        standing = legacy.open()
        self.addCleanup(standing.close)
        standing.request("GET", "/mcp", headers=legacy.headers | legacy.session)
        stream = standing.getresponse()
        self.assertEqual(stream.status, 200)
        ends = []
        reading = threading.Thread(target=lambda: ends.append(stream.read()))
        reading.start()
        server.signal(signal.SIGTERM)
        self.assertEqual(next(messages)["result"]["resultType"], "complete")
        self.assertEqual(list(messages), [])
        reading.join(20)
        self.assertEqual(server.wait(), 0)
        self.assertEqual(len(ends), 1)
        self.assertEqual([event["why"] for event in server.events("stopping")], ["SIGTERM"])

    def test_a_term_lets_a_write_that_was_begun_be_answered(self):
        server = self.server()
        writer, reader = self.client(server), self.client(server)
        answers = []
        with open(self.shell.work / "pipeline.db.lock", "r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            write = {"story_id": STORY, "fields": {"stage": "3_qa"}}
            thread = threading.Thread(target=lambda: answers.append(writer.document("put_story", write)))
            thread.start()
            wait_until(lambda: server.readiness()[1]["status"] == "degraded", "the write to wait for the lock")
            self.assertIn(STORY, reader.stories())
            server.signal(signal.SIGTERM)
            server.wait_event("stopping")
            fcntl.flock(lock, fcntl.LOCK_UN)
        thread.join(20)
        self.assertEqual([answer["ops"][0]["value"] for answer in answers], ["3_qa"])
        self.assertEqual(server.wait(), 0)

    def test_an_interrupt_ends_it_too_and_the_live_slot_is_free(self):
        server = self.server()
        server.signal(signal.SIGINT)
        self.assertEqual(server.wait(), 0)
        self.assertEqual(json.loads(self.must("put", "--json", STORY, "stage=2").stdout)["live"], [])


if __name__ == "__main__":
    unittest.main()
