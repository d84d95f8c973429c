"""A running musher serve, and MCP clients of both eras over HTTP and stdio that do just what a test tells them to."""

import contextlib
import http.client
import itertools
import json
import queue
import re
import signal
import socket
import subprocess
import threading
import time

from binaries import BIN

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
META = "io.modelcontextprotocol/"
ELICITATION = {"elicitation": {}}


def wait_until(condition, what, seconds=20):
    """The first true value of the condition; an error that says what was waited for."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.005)


class Task(threading.Thread):
    """A thread that has begun."""

    def __init__(self, function):
        super().__init__()
        self.function, self.problem = function, None
        self.start()

    def run(self):
        try:
            self.function()
        except Exception as problem:  # pylint: disable=broad-except
            self.problem = problem

    def end(self):
        """Waits for it, and raises what its function raised."""
        self.join()
        if self.problem:
            raise self.problem


def together(*functions):
    """Runs each in a thread of its own; what one raised is raised here, when all have ended."""
    tasks = [Task(function) for function in functions]
    for task in tasks:
        task.join()
    for task in tasks:
        task.end()


def stories_of(status):
    """Every story of one page of get_pipeline_status, by id."""
    return {story["story_id"]: story for stage in status["stages"].values() for story in stage}


class Server:
    """musher serve on a port of its own; its log is read as JSON."""

    def __init__(self, shell, *arguments, listen=True, wait=True, command=None, **options):
        self.shell = shell
        self.log_path = shell.folder / f"serve-{next(COUNTER)}.log"
        words = [str(BIN / "musher-serve"), "--log-format", "json", *map(str, arguments)]
        if listen:
            words += ["--listen", "127.0.0.1:0"]
        environment = shell.environment | options.pop("environment", {})
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([*(command or []), *words], cwd=shell.work, env=environment, stderr=log,
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **options)
        shell.servers.append(self)
        if wait:
            self.wait_event("ready")

    @property
    def pid(self):
        return self.process.pid

    def text(self):
        return self.log_path.read_text(errors="surrogateescape")

    def events(self, name=None):
        found = []
        for line in self.text().splitlines(keepends=True):
            if line.startswith("{") and line.endswith("\n"):
                event = json.loads(line)
                if name in (None, event["event"]):
                    found.append(event)
        return found

    def wait_event(self, name, count=1):
        def arrived():
            assert self.process.poll() is None or len(self.events(name)) >= count, f"it ended: {self.text()}"
            return len(self.events(name)) >= count

        wait_until(arrived, f"the event {name} in {self.log_path}")
        return self.events(name)[-1]

    @property
    def port(self):
        return int(self.events("listening")[0]["address"].rsplit(":", 1)[1])

    def get(self, path, headers=None, method="GET", body=None):
        """(status, headers, body) of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read().decode()
        finally:
            connection.close()

    def readiness(self):
        status, _, body = self.get("/readyz")
        return status, json.loads(body)

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=20):
        return self.process.wait(seconds)

    def stop(self):
        """SIGTERM, and its exit code."""
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
        return self.wait()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


COUNTER = itertools.count(1)


class RpcFailure(Exception):
    """A JSON-RPC error, with the HTTP status it came with."""

    def __init__(self, error, status=None):
        super().__init__(f"{status}: {error}")
        self.code, self.data, self.status = error.get("code"), error.get("data"), status


class Tools:
    """What is the same for every client: calls by name."""

    def tool(self, name, arguments=None, **options):
        return self.request("tools/call", {"name": name, "arguments": arguments or {}}, **options)

    def document(self, name, arguments=None, **options):
        """The structured content of a call that must not fail."""
        result = self.tool(name, arguments, **options)
        assert not result.get("isError"), result
        return result["structuredContent"]

    def refusal(self, name, arguments=None, **options):
        """The structured content of a call that must fail."""
        result = self.tool(name, arguments, **options)
        assert result.get("isError"), result
        return result["structuredContent"]

    def tool_list(self):
        return {tool["name"]: tool for tool in self.request("tools/list")["tools"]}

    def read(self, uri):
        return json.loads(self.request("resources/read", {"uri": uri})["contents"][0]["text"])

    def resource_uris(self):
        found, cursor = [], None
        while True:
            page = self.request("resources/list", {"cursor": cursor} if cursor else {})
            found += [item["uri"] for item in page["resources"]]
            cursor = page.get("nextCursor")
            if cursor is None:
                return found

    def stories(self, **arguments):
        """Every story of get_pipeline_status, by id."""
        found, cursor = {}, None
        while True:
            page = self.document("get_pipeline_status", arguments | ({"cursor": cursor} if cursor else {}))
            found |= stories_of(page)
            cursor = page.get("next_cursor")
            if cursor is None:
                return found


def events_of(stream):
    """The JSON messages of an SSE stream, until it ends."""
    data = []
    while line := stream.readline():
        line = line.decode().rstrip("\r\n")
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            text, data = "\n".join(data), []
            if text:
                yield json.loads(text)


class HttpClient(Tools):
    """Shared by the eras: one kept connection, and a POST that answers with each message that came."""

    def __init__(self, server, token=None):
        self.server = server
        self.headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"
        self.ids = itertools.count(1)
        self.connection = None

    def open(self):
        return http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def send(self, message, headers, connection=None):
        connection = connection or self.connection
        if connection is None:
            connection = self.connection = self.open()
        body = json.dumps(message, ensure_ascii=False).encode()
        connection.request("POST", "/mcp", body=body, headers=self.headers | headers)
        return connection.getresponse()

    def messages(self, response):
        if response.headers.get("Content-Type", "").startswith("text/event-stream"):
            yield from events_of(response)
            return
        body = response.read()
        if body:
            yield json.loads(body)


class Modern(HttpClient):
    """2026-07-28: every request says all there is to know."""

    def __init__(self, server, token=None, capabilities=None):
        super().__init__(server, token)
        self.capabilities = ELICITATION if capabilities is None else capabilities

    def message(self, method, params=None, progress=None):
        meta = {META + "protocolVersion": MODERN, META + "clientCapabilities": self.capabilities}
        if progress:
            meta["progressToken"] = progress
        params = dict(params or {}) | {"_meta": meta}
        headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method}
        target = params.get("name", params.get("uri"))
        if method in ("tools/call", "prompts/get", "resources/read"):
            headers["Mcp-Name"] = target
        return {"jsonrpc": "2.0", "id": next(self.ids), "method": method, "params": params}, headers

    def request(self, method, params=None, progress=None, on_message=None):
        message, headers = self.message(method, params, progress)
        response = self.send(message, headers)
        answer = None
        for received in self.messages(response):
            if "method" in received:
                if on_message:
                    on_message(received)
            else:
                answer = received
        assert answer is not None, f"HTTP {response.status} without an answer"
        if "error" in answer:
            raise RpcFailure(answer["error"], response.status)
        assert answer["id"] == message["id"], answer
        return answer["result"]

    def answered(self, name, arguments, question, answer):
        """Calls again with what the user said to `question`, an input_required result."""
        return self.request("tools/call", {"name": name, "arguments": arguments, "requestState": question["requestState"],
                                           "inputResponses": {"confirm": answer}})

    def purge(self, story, answer, **arguments):
        """purge_story with the user's answer to the question it asks."""
        arguments = {"story_id": story} | arguments
        question = self.tool("purge_story", arguments)
        assert question["resultType"] == "input_required", question
        return self.answered("purge_story", arguments, question, answer)

    def listen(self, notifications):
        """A stream of subscriptions/listen: its messages, and the connection to close."""
        connection = self.open()
        message, headers = self.message("subscriptions/listen", {"notifications": notifications})
        return self.messages(self.send(message, headers, connection)), connection


YES = {"action": "accept", "content": {"confirm": True}}
DECLINED = {"action": "decline"}
CANCELLED = {"action": "cancel"}


class Legacy(HttpClient):
    """initialize, then a session. `user` answers an elicitation's params."""

    def __init__(self, server, token=None, version=LEGACY, capabilities=None, user=None):
        super().__init__(server, token)
        self.user = user
        self.asked = []
        self.session = {}
        begun = {"protocolVersion": version, "capabilities": ELICITATION if capabilities is None else capabilities,
                 "clientInfo": {"name": "test", "version": "1"}}
        self.initialized = self.request("initialize", begun)
        self.notify("notifications/initialized")

    def post(self, message):
        return self.send(message, self.session)

    def notify(self, method, params=None):
        response = self.post({"jsonrpc": "2.0", "method": method, "params": params or {}})
        assert response.status == 202 and response.read() == b"", response.status

    def answer_user(self, message):
        """Answers a question on another connection, while the call's own stream stays open."""
        self.asked.append(message["params"])
        connection = self.open()
        reply = {"jsonrpc": "2.0", "id": message["id"], "result": self.user(message["params"])}
        response = self.send(reply, self.session, connection)
        assert response.status == 202, (response.status, response.read())
        connection.close()

    def request(self, method, params=None, progress=None, on_message=None):
        params = dict(params or {})
        if progress:
            params["_meta"] = {"progressToken": progress}
        message = {"jsonrpc": "2.0", "id": next(self.ids), "method": method, "params": params}
        response = self.post(message)
        if method == "initialize":
            self.session = {"Mcp-Session-Id": response.headers["Mcp-Session-Id"],
                            "MCP-Protocol-Version": params["protocolVersion"]}
        answer = None
        for received in self.messages(response):
            if received.get("method") == "elicitation/create":
                self.answer_user(received)
            elif "method" in received:
                if on_message:
                    on_message(received)
            else:
                answer = received
        assert answer is not None, f"HTTP {response.status} without an answer"
        if "error" in answer:
            raise RpcFailure(answer["error"], response.status)
        assert answer["id"] == message["id"], answer
        return answer["result"]


class Stdio(Tools):
    """musher serve --stdio as an MCP client starts it. A thread collects what it writes, so that a test can wait."""

    def __init__(self, shell, *arguments, modern=True, capabilities=None):
        words = [str(BIN / "musher-serve"), "--stdio", *map(str, arguments)]
        self.process = subprocess.Popen(words, cwd=shell.work, env=shell.environment, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.modern = modern
        self.capabilities = ELICITATION if capabilities is None else capabilities
        self.ids = itertools.count(1)
        self.lines = []  # all that came on stdout, as bytes
        self.errors = []
        self.received = queue.Queue()
        self.kept = []
        self.threads = [threading.Thread(target=self.collect, args=streams) for streams in (
            (self.process.stdout, self.take), (self.process.stderr, self.errors.append))]
        for thread in self.threads:
            thread.start()

    @staticmethod
    def collect(stream, take):
        with stream:
            for line in stream:
                take(line)
        take(b"")

    def take(self, line):
        self.lines.append(line)
        self.received.put(json.loads(line) if line else None)

    def write(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def send(self, message):
        self.write(json.dumps(message) + "\n")

    def next_message(self, seconds=20):
        """What came next; nothing at the end."""
        return self.received.get(timeout=seconds)

    def answer_to(self, message_id):
        """The response to a request; what comes before it is kept in `kept`."""
        while True:
            message = self.next_message()
            assert message is not None, b"".join(self.errors)
            if message.get("id") == message_id and "method" not in message:
                return message
            self.kept.append(message)

    def message(self, method, params=None):
        params = dict(params or {})
        if self.modern:
            params["_meta"] = {META + "protocolVersion": MODERN, META + "clientCapabilities": self.capabilities}
        return {"jsonrpc": "2.0", "id": next(self.ids), "method": method, "params": params}

    def request(self, method, params=None):
        message = self.message(method, params)
        self.send(message)
        answer = self.answer_to(message["id"])
        if "error" in answer:
            raise RpcFailure(answer["error"])
        return answer["result"]

    def initialize(self, version=LEGACY):
        self.modern = False
        result = self.request("initialize", {"protocolVersion": version, "capabilities": self.capabilities,
                                             "clientInfo": {"name": "test", "version": "1"}})
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return result

    def end_input(self, seconds=20):
        """Closes its stdin, and its exit code."""
        self.process.stdin.close()
        return self.process.wait(seconds)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        for thread in self.threads:
            thread.join()


def exchange(port, raw, seconds=10):
    """Status line and all else that a server answers to these bytes before it closes or falls silent."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(raw)
        return connection.makefile("rb").readline().decode()


def status_of(line):
    return int(re.match(r"HTTP/1\.1 (\d+)", line).group(1))
