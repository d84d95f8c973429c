#!/usr/bin/python3
"""server_report.py BUILD [--quick]: measures musher-serve beside a bare node:http server of the same protocol and beside the
TypeScript SDK's own server, in one run, on loopback, and prints the ratios. BUILD is a release build.

Throughput is taken in short turns, one server after the other, again and again, so that a busy moment of the machine falls on
all; the median turn counts. CPU time is the server's own and does not depend on who else computes."""
import collections, http.client, json, os, shutil, socket, statistics, subprocess, sys, tempfile, threading, time

from measure import build, generate, line

source = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
os.environ |= {"MUSHER_BIN_DIR": f"{build}/bin", "MUSHER_SOURCE_DIR": source}
sys.path.insert(0, f"{source}/tests/integration")
from mcp_client import META, MODERN, Modern  # noqa: E402

QUICK = "--quick" in sys.argv
TURNS, TURN_SECONDS = (5, 0.2) if QUICK else (12, 0.3)
STARTS = 3 if QUICK else 15
PURGES, SILENT_PURGES = (40, 10) if QUICK else (300, 100)
REQUESTS, SESSIONS = (20_000, 2_000) if QUICK else (100_000, 10_000)
IDLE_SECONDS = 5 if QUICK else 60
STORIES_OPS = 2_000  # 100 stories of generate_log
START_OPS = 10_000
ONE_STORY = "7_story_bench"
SLOW = 500


class Process:
    """A server that was started here: its port, and what the kernel counts of it."""

    running = []  # what a failure leaves behind

    def __init__(self, words, **options):
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, text=True, **options)
        self.port = None
        Process.running.append(self.process)

    def tasks(self):
        return [f"/proc/{self.process.pid}/task/{task}" for task in os.listdir(f"/proc/{self.process.pid}/task")]

    def cpu_seconds(self):
        return sum(int(open(f"{task}/schedstat").read().split()[0]) for task in self.tasks()) / 1e9

    def memory(self):
        """Resident bytes."""
        with open(f"/proc/{self.process.pid}/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdin.close()
        Process.running.remove(self.process)


class Musher(Process):
    """musher-serve; `ready_ms` is from its start to the line that says it is ready."""

    def __init__(self, log, *arguments):
        begun = time.perf_counter()
        super().__init__([f"{build}/bin/musher-serve", "--log", log, "--listen", "127.0.0.1:0", "--log-format", "json",
                          *arguments], stderr=subprocess.PIPE)
        for text in self.process.stderr:
            event = json.loads(text)
            if event["event"] == "listening":
                self.port = int(event["address"].rsplit(":", 1)[1])
            if event["event"] == "ready":
                break
        self.ready_ms = (time.perf_counter() - begun) * 1e3
        self.events = [text]
        self.reader = threading.Thread(target=lambda: self.events.extend(self.process.stderr))
        self.reader.start()

    def settle(self):
        """Waits for the audit that runs behind a start."""
        deadline = time.monotonic() + 60
        while not any('"audited"' in text for text in self.events):
            assert time.monotonic() < deadline and self.process.poll() is None, self.events
            time.sleep(0.01)

    def close(self):
        super().close()
        self.reader.join()
        self.process.stderr.close()


class Node(Process):
    def __init__(self, script, *arguments):
        begun = time.perf_counter()
        npm = f"{source}/tests/npm"
        super().__init__([f"{npm}/node_modules/.bin/node", f"{npm}/{script}", *arguments], stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())
        self.ready_ms = (time.perf_counter() - begun) * 1e3

    def close(self):
        super().close()
        self.process.stdout.close()


class Request:
    """One call as http_load sends it: its headers and a file with its body."""

    def __init__(self, folder, server, message, headers):
        self.server = server
        self.body = os.path.join(folder, f"{Request.count}.body")
        Request.count += 1
        with open(self.body, "w") as file:
            json.dump(message, file, separators=(",", ":"))
        self.headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"} | headers

    count = 0

    def once(self):
        """The whole answer of one request on its own, with the id it came with."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        with open(self.body, "rb") as body:
            connection.request("POST", "/mcp", body=body.read(), headers=self.headers)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        assert response.status == 200, (response.status, text)
        return text, response.headers

    def load(self, connections, *limits):
        """http_load's report, and the CPU time a request took the server."""
        words = [f"{build}/bench/http_load", str(self.server.port), "--method", "POST", "--path", "/mcp", "--body", self.body,
                 "--connections", str(connections), *map(str, limits)]
        for name, value in self.headers.items():
            words += ["--header", f"{name}: {value}"]
        before = self.server.cpu_seconds()
        found = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
        assert found["not_200"] == 0 and found["requests"] > 0, found
        found["cpu_us"] = (self.server.cpu_seconds() - before) * 1e6 / found["requests"]
        return found


def modern(folder, server, tool, arguments):
    client = Modern(server)
    message, headers = client.message("tools/call", {"name": tool, "arguments": arguments})
    return Request(folder, server, message, headers)


def sdk(folder, server):
    """A call in a session of the older era: the SDK's 1.x knows no other."""
    version = "2025-11-25"
    begin = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}}
    _, headers = Request(folder, server, begin, {}).once()
    session = {"Mcp-Session-Id": headers["mcp-session-id"], "MCP-Protocol-Version": version}
    call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "hello", "arguments": {"name": "you"}}}
    return Request(folder, server, call, session)


def result_of(request):
    return json.loads(request.once()[0])["result"]


def stories_of(folder, log):
    """What musher-inspect, which shares no memory with the server, says of the stories."""
    listed = subprocess.run([f"{build}/bin/musher-inspect", "-l", log, "stories", "--json"], check=True, capture_output=True)
    return {story["story_id"]: story["fields"] for story in json.loads(listed.stdout)["stories"]}


def check_answers(folder, log, status, story, made):
    """The answers are right, once, before they are counted."""
    stories = stories_of(folder, log)
    answer = result_of(status)["structuredContent"]
    seen = {one["story_id"]: one["fields"] for stage in answer["stages"].values() for one in stage}
    assert seen == stories and len(seen) == 100 and "next_cursor" not in answer, (len(seen), len(stories))
    for request in (story, made):
        answer = result_of(request)["structuredContent"]
        assert answer["story"]["fields"] == stories[ONE_STORY] and answer["history"]["stage"], answer
        assert all(op["verified"] == "now" for op in answer["history"]["stage"]), answer


def throughput(folder):
    log = generate(folder, STORIES_OPS)
    musher = Musher(log)
    musher.settle()
    status = modern(folder, musher, "get_pipeline_status", {"limit": 100})
    story = modern(folder, musher, "get_story", {"story_id": ONE_STORY})
    made = modern(folder, musher, "get_story", {"story_id": ONE_STORY, "at": f"row:{STORIES_OPS}"})
    check_answers(folder, log, status, story, made)

    kept = os.path.join(folder, "kept")
    os.mkdir(kept)
    for name, request in (("get_pipeline_status", status), ("get_story", story)):
        with open(os.path.join(kept, name + ".json"), "w") as file:
            file.write(request.once()[0].split('"result":', 1)[1][:-1])
    bare, peer = Node("bench_bare.mjs", kept), Node("bench_sdk.mjs")
    hello = modern(folder, bare, "hello", {"name": "you"})
    same_status = modern(folder, bare, "get_pipeline_status", {"limit": 100})
    same_story = modern(folder, bare, "get_story", {"story_id": ONE_STORY})
    peer_hello = sdk(folder, peer)
    for request in (hello, peer_hello):
        assert result_of(request)["content"] == [{"type": "text", "text": "hello you"}]
    for one, other in ((same_status, status), (same_story, story)):
        assert result_of(one) == result_of(other)

    rows = [("TypeScript SDK 1.x, hello", peer_hello, None), ("bare node:http, hello", hello, None),
            ("bare node:http, the bytes of get_pipeline_status", same_status, None),
            ("bare node:http, the bytes of get_story", same_story, None),
            ("musher get_pipeline_status", status, same_status), ("musher get_story", story, same_story),
            ("musher get_story, made anew each time", made, None)]
    turns = collections.defaultdict(list)
    for turn in range(-1, TURNS):  # the first is for JITs and caches
        for connections in (1, 16):
            for _, request, _ in rows:
                found = request.load(connections, "--seconds", TURN_SECONDS)
                if turn >= 0:
                    turns[request, connections].append(found)

    def median(request, connections, what):
        return statistics.median(found[what] for found in turns[request, connections])

    for connections in (1, 16):
        title = f"{connections} connection{'s' * (connections > 1)}"
        print(f"\n{title:<50} requests/s   of bare hello   of bare same   p50 us   p99 us   CPU us    bytes")
        for name, request, same in rows:
            rate = median(request, connections, "requests_per_second")
            of_same = f"{rate / median(same, connections, 'requests_per_second'):.2f} x" if same else ""
            print(f"  {name:<48} {rate:>10.0f} {rate / median(hello, connections, 'requests_per_second'):>13.2f} x {of_same:>14}"
                  f" {median(request, connections, 'p50_us'):>8.0f} {median(request, connections, 'p99_us'):>8.0f}"
                  f" {median(request, connections, 'cpu_us'):>8.1f} {turns[request, connections][0]['answer_bytes']:>8}")
    print("  (wanted of the two that musher keeps: at least 1 x bare hello, at a lower p99)")
    bare.close()
    peer.close()

    stop = threading.Event()
    writes = []

    def write():
        while not stop.is_set():
            begun = time.perf_counter()
            subprocess.run([f"{build}/bin/musher-put", "-q", "-l", log, ONE_STORY, f"stage=s{len(writes)}"], check=True,
                           stderr=subprocess.DEVNULL)
            writes.append(time.perf_counter() - begun)

    writer = threading.Thread(target=write)
    writer.start()
    print("\n16 connections while a shell writes, one op after the other")
    for name, request in (("get_pipeline_status", status), ("get_story", story)):
        before, begun = len(writes), time.perf_counter()
        found = request.load(16, "--seconds", 1 if QUICK else 3)
        each_second = (len(writes) - before) / (time.perf_counter() - begun)
        print(f"  {name:<38} {found['requests_per_second']:>9.0f} requests/s, {each_second:.0f} ops/s, p50 {found['p50_us']:.0f} us, "
              f"p99 {found['p99_us']:.0f} us, CPU {found['cpu_us']:.1f} us")
    stop.set()
    writer.join()

    seconds = 3 if QUICK else 30
    print(f"\n4 connections beside {SLOW} that send a byte now and then, for {seconds} s")
    found = status.load(4, "--seconds", seconds, "--slow", SLOW)
    print(f"  get_pipeline_status {found['requests_per_second']:>9.0f} requests/s, p50 {found['p50_us']:.0f} us, p99 {found['p99_us']:.0f} us, "
          f"max {found['max_us']:.0f} us   (wanted: p99 under 100000 us)")
    musher.close()
    return log


def starts(folder):
    log = generate(folder, START_OPS)
    kept = os.path.join(folder, "kept")
    times = collections.defaultdict(list)
    for _ in range(STARTS):
        for name, start in (("musher", lambda: Musher(log)), ("bare", lambda: Node("bench_bare.mjs", kept)),
                            ("sdk", lambda: Node("bench_sdk.mjs"))):
            server = start()
            times[name].append(server.ready_ms)
            server.close()
    print("\nFrom its start to ready, wall time, median of", STARTS)
    line(f"musher-serve on {START_OPS} ops", statistics.median(times["musher"]), "ms",
         statistics.median(times["musher"]) / statistics.median(times["bare"]), "bare node:http, which has no log")
    line("TypeScript SDK 1.x", statistics.median(times["sdk"]), "ms")
    return log


class Wire:
    """A connection of the older era, as fast as Python allows."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.stream = self.socket.makefile("rb")
        self.host = f"Host: 127.0.0.1:{port}\r\nAccept: application/json, text/event-stream\r\n"

    def ask(self, method, headers="", body=""):
        """Status and headers; the body is read past."""
        self.socket.sendall(f"{method} /mcp HTTP/1.1\r\n{self.host}{headers}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        status = int(self.stream.readline().split()[1])
        found = {}
        while (text := self.stream.readline()) != b"\r\n":
            name, value = text.decode().split(":", 1)
            found[name.lower()] = value.strip()
        self.stream.read(int(found.get("content-length", 0)))
        return status, found

    def close(self):
        self.stream.close()
        self.socket.close()


def open_and_end(port, count):
    """Sessions that are all open at once, then ended."""
    wire = Wire(port)
    begin = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}})
    sessions = []
    for _ in range(count):
        status, headers = wire.ask("POST", "Content-Type: application/json\r\n", begin)
        assert status == 200, status
        sessions.append(headers["mcp-session-id"])
    for session in sessions:
        status, _ = wire.ask("DELETE", f"Mcp-Session-Id: {session}\r\n")
        assert status == 204, status
    wire.close()


def memory(folder, log):
    musher = Musher(log)
    musher.settle()
    story = modern(folder, musher, "get_story", {"story_id": ONE_STORY})
    made = modern(folder, musher, "get_story", {"story_id": ONE_STORY, "at": "row:1000"})
    status = modern(folder, musher, "get_pipeline_status", {"limit": 100})
    for request in (story, made, status):
        request.load(16, "--requests", 2_000)
    print("\nResident memory, after a warm-up")
    before = musher.memory()
    for request, part in ((story, 0.6), (status, 0.38), (made, 0.02)):
        request.load(16, "--seconds", 60, "--requests", int(REQUESTS * part))
    after = musher.memory()
    line(f"before {REQUESTS} requests", before / 1e6, "MB")
    line("after them", after / 1e6, "MB")
    line("a request", (after - before) / REQUESTS, "bytes", target="0")
    open_and_end(musher.port, SESSIONS)
    before = musher.memory()
    for _ in range(1 if QUICK else 2):
        open_and_end(musher.port, SESSIONS)
    after = musher.memory()
    line(f"after {SESSIONS} sessions, all open at once, ended", before / 1e6, "MB")
    line("after as many again" if QUICK else "after twice as many again", after / 1e6, "MB")
    line("a session", (after - before) / SESSIONS / (1 if QUICK else 2), "bytes", target="0")
    musher.close()


def purges(folder, log):
    """On a log of 500 stories; each way of writing has its own."""
    musher = Musher(log)
    musher.settle()
    print("\nFrom a shell purge's COMMIT to gone from memory")
    for name, first, count, mode, target in (("rings the doorbell", 1, PURGES, [], "p50 under 1 ms, p99 under 10 ms"),
                                             ("does not ring", 1 + PURGES, SILENT_PURGES, ["silent"], "under 300 ms")):
        words = [f"{build}/bench/purge_latency", log, log + ".key", str(first), str(count), *mode]
        found = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
        print(f"  a writer that {name:<24} p50 {found['p50_us'] / 1e3:8.3f} ms   p99 {found['p99_us'] / 1e3:8.3f} ms   "
              f"max {found['max_us'] / 1e3:8.3f} ms   of {count}   (wanted: {target})")
    client = Modern(musher)
    left = client.stories()
    assert len(left) == START_OPS // 20 - PURGES - SILENT_PURGES, len(left)
    client.close()
    return musher


def idle(musher):
    begun, before = time.perf_counter(), musher.cpu_seconds()
    time.sleep(IDLE_SECONDS)
    share = (musher.cpu_seconds() - before) / (time.perf_counter() - begun)
    print(f"\nIdle for {IDLE_SECONDS} s")
    line("CPU, of one core", share * 100, "%", target="under 0.2 %")
    musher.close()


def main():
    folder = tempfile.mkdtemp(prefix="musher-bench.")
    os.environ["XDG_STATE_HOME"] = os.path.join(folder, "state")
    try:
        print(f"musher-serve over HTTP on loopback, era 2026-07-28; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        throughput(folder)
        log = starts(folder)
        memory(folder, log)
        idle(purges(folder, log))
        print(f"\nload {os.getloadavg()[0]:.1f}")
    finally:
        for process in Process.running:
            process.kill()
            process.wait()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
