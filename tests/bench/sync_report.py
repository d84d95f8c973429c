#!/usr/bin/python3
"""sync_report.py BUILD [OPS]: measures two and more nodes that sync on loopback, beside the verification of signatures alone, in one
run. BUILD is a release build. All nodes and this script share the machine's cores."""
import contextlib, json, os, re, shutil, signal, sqlite3, statistics, struct, subprocess, sys, tempfile, threading, time, urllib.request

from measure import build, generate, line

OPS = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
SMALL = OPS // 10
NEW = 100  # ops that a node has and the other has not
LIVE = 200  # writes whose way is timed
STALL_OPS = 20_000  # more than may be under way to one peer
AGAIN = 7  # new connections of each kind
FLOOD_SECONDS = int(os.environ.get("FLOOD_SECONDS", "60"))


def run(*words):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True).stdout


class Node:
    """A log with a key; a server on it while it runs."""

    running = []

    def __init__(self, folder, name, joins=None, log=None):
        self.folder = os.path.join(folder, name)
        os.mkdir(self.folder)
        self.name, self.log = name, os.path.join(self.folder, "pipeline.db")
        self.environment = dict(os.environ, XDG_STATE_HOME=os.path.join(self.folder, "state"))
        if log:
            for suffix in ("", ".key", ".key.pub", ".lock"):
                shutil.move(log + suffix, self.log + suffix)
        else:
            self.command("init", "-q", "--name", name, *(["--join", joins.log] if joins else []))

    def command(self, command, *arguments):
        words = [f"{build}/bin/musher-{command}", "--log", self.log, *map(str, arguments)]
        return subprocess.run(words, check=True, capture_output=True, text=True, env=self.environment).stdout

    def trust(self, *others):
        for other in others:
            self.command("trust", "add", f"{other.log}.key.pub", other.name, "-q")

    def start(self, *dials, settle=True):
        words = [f"{build}/bin/musher-serve", "--log", self.log, "--listen", "127.0.0.1:0", "--log-format", "json"]
        for other in dials:
            words += ["--rendezvous", f"ws://127.0.0.1:{other.port}"]
        self.process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=self.environment)
        Node.running.append(self.process)
        self.events = {}
        for text in self.process.stderr:
            event = json.loads(text)
            self.events.setdefault(event["event"], time.perf_counter())
            if event["event"] == "listening":
                self.port = int(event["address"].rsplit(":", 1)[1])
            if event["event"] == "ready":
                break
        threading.Thread(target=self.listen, daemon=True).start()
        self.slots = os.open(self.log + ".live", os.O_RDONLY)
        if settle:
            self.wait_for("audited")  # the audit behind a start takes a core
        return self

    def listen(self):
        for text in self.process.stderr:
            self.events.setdefault(json.loads(text)["event"], time.perf_counter())

    def wait_for(self, event):
        until(lambda: event in self.events, f"{self.name}: {event}")
        return self.events[event]

    def applied(self):
        """The last row in this server's memory, as it says in its live slot."""
        return struct.unpack_from("=q", os.pread(self.slots, 64, 0), 24)[0]

    def stop(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        self.process.wait()
        Node.running.remove(self.process)

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
            return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? ([0-9.e+]+)$", answer.read().decode(), re.M))

    def cpu_seconds(self):
        tasks = os.listdir(f"/proc/{self.process.pid}/task")
        return sum(int(open(f"/proc/{self.process.pid}/task/{task}/schedstat").read().split()[0]) for task in tasks) / 1e9


def until(condition, what, seconds=300, pause=0.0005):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        if pause:
            time.sleep(pause)


def pair(folder, ops, *more):
    """A node with a generated log, and one that is to have it."""
    name = "-".join([str(ops), *more])
    alice = Node(folder, f"alice-{name}", log=generate(folder, ops, *more))
    bob = Node(folder, f"bob-{name}", joins=alice)
    alice.trust(bob)
    bob.trust(alice)
    return alice, bob


def verify_alone(log, ops):
    """Microseconds a signature with libsodium, on one core."""
    output = subprocess.run([f"{build}/bench/replay_bench", "--benchmark_format=json", "--benchmark_filter=raw_verify",
                             "--benchmark_min_time=2"], check=True, capture_output=True, env=dict(os.environ, MUSHER_BENCH_LOG=log)).stdout
    return json.loads(output)["benchmarks"][0]["cpu_time"] * 1e3 / ops


def store_alone(folder, log, ops):
    """Microseconds of CPU a row that SQLite alone takes to store the same rows in an empty log, in transactions of 8,192."""
    node = Node(folder, "store-alone")
    with contextlib.closing(sqlite3.connect(node.log, isolation_level=None)) as database:
        database.executescript("PRAGMA synchronous = FULL; PRAGMA cache_size = -16384; PRAGMA secure_delete = ON")
        database.execute("ATTACH ? AS other", (f"file:{log}?mode=ro",))
        columns = ", ".join(row[1] for row in database.execute("PRAGMA table_info(crdt_ops)"))
        before = time.process_time()
        for first in range(0, ops, 8192):
            database.execute("BEGIN IMMEDIATE")
            database.execute(f"INSERT INTO main.crdt_ops ({columns}) SELECT {columns} FROM other.crdt_ops WHERE rowid > ? AND rowid <= ?",
                             (first, first + 8192))
            database.execute("COMMIT")
        return (time.process_time() - before) * 1e6 / ops


def first_sync(folder, us):
    alice, bob = pair(folder, OPS)
    alice.start()
    before = alice.cpu_seconds()
    bob.start(alice)
    begun = bob.wait_for("peer connected")
    until(lambda: bob.applied() == OPS, "the first sync")
    took = time.perf_counter() - begun
    alone = us * OPS / 1e6 / os.cpu_count()
    stored = store_alone(folder, alice.log, OPS)
    floor = alone + stored * OPS / 1e6 / os.cpu_count()
    print(f"\nFrom empty to {OPS} ops, two nodes on {os.cpu_count()} cores")
    line("signatures alone, all cores", alone, "s")
    line("SQLite alone, which stores the same rows", stored, "us")
    line("signatures and that, all cores", floor, "s", floor / alone, "signatures alone")
    line("until all is durable and in memory", took, "s", took / alone, "signatures alone", "1.3 x")
    line("", took, "s", took / floor, "signatures and storing")
    line("CPU of the receiving node an op", bob.cpu_seconds() * 1e6 / OPS, "us", bob.cpu_seconds() / (us * OPS / 1e6), "signatures alone")
    line("CPU of the sending node an op", (alice.cpu_seconds() - before) * 1e6 / OPS, "us")
    line("bytes an op on the wire", bob.metric("musher_sync_peer_received_bytes") / OPS, "bytes")
    return alice, bob, took


def erased_at_the_beginning(folder, ordinary):
    """All that stands between an op whose content is gone and its erase enters at once."""
    alice, bob = pair(folder, OPS, "1000", "erased")
    with sqlite3.connect(alice.log) as database:
        database.execute("UPDATE crdt_ops SET content = NULL, salt = NULL WHERE rowid = 2")
    alice.start()
    bob.start(alice)
    begun = bob.wait_for("peer connected")
    until(lambda: bob.applied() == OPS, "the first sync of a log with an erased op")
    took = time.perf_counter() - begun
    peak = int(re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{bob.process.pid}/status").read())[1]) * 1024
    print(f"\nThe same, the second op erased by the last")
    line("until all is durable and in memory", took, "s", took / ordinary, "the ordinary first sync")
    line("memory of the receiving node at most", peak / 1e6, "MB")
    alice.stop()
    bob.stop()


def live_times(alice, bob, more):
    """Sorted milliseconds from durable on one node (its own memory has it) to visible on the other, and from the start of the command
    that writes; as long as more(number of writes)."""
    times, whole = [], []
    while more(len(times)):
        i = len(times)
        row, other = alice.applied(), bob.applied()
        started = time.perf_counter()
        writer = subprocess.Popen([f"{build}/bin/musher-put", "-q", "--log", alice.log, "1_story_bench", f"n:={i}"], env=alice.environment,
                                  stderr=subprocess.DEVNULL)
        until(lambda: alice.applied() > row, "the write", pause=0)
        begun = time.perf_counter()
        until(lambda: bob.applied() > other, "the other node", pause=0)
        times.append((time.perf_counter() - begun) * 1e3)
        whole.append((time.perf_counter() - started) * 1e3)
        writer.wait()
    return sorted(times), sorted(whole)


def p99(times):
    return times[int(len(times) * 0.99)]


def live(alice, bob):
    times, whole = live_times(alice, bob, lambda done: done < LIVE)
    print(f"\nLive: {LIVE} writes")
    for what, found in (("durable and in memory here, to visible there", times), ("start of the command that writes, to visible there", whole)):
        line(f"{what}: p50", statistics.median(found), "ms")
        line("p99", p99(found), "ms")


def write_new(node):
    node.command("put", "-q", "2_story_bench", *(f"n{i}:={i}" for i in range(NEW)))


def catch_up(alice, bob, forget):
    """Seconds and bytes until bob has NEW ops of alice after a new connection. forget: neither knows of the other."""
    bob.stop()
    alice.stop()
    if forget:
        for node in (alice, bob):
            with sqlite3.connect(node.log) as database:
                database.execute("DELETE FROM peers")
    alice.start()
    write_new(alice)
    wanted = bob_rows(bob) + NEW
    bob.start(alice, settle=False)
    begun = bob.wait_for("peer connected")
    until(lambda: bob.applied() == wanted, "what is new", pause=0)
    took = time.perf_counter() - begun
    bob.wait_for("audited")
    time.sleep(1.5)  # what is known of the connection is written down
    return took, bob.metric("musher_sync_peer_received_bytes") + bob.metric("musher_sync_peer_sent_bytes")


def bob_rows(bob):
    with sqlite3.connect(f"file:{bob.log}?mode=ro", uri=True) as database:
        return database.execute("SELECT max(rowid) FROM crdt_ops").fetchone()[0]


def catching_up(large, folder):
    small = pair(folder, SMALL)
    small[0].start()
    small[1].start(small[0])
    until(lambda: small[1].applied() == SMALL, "the first sync")
    print(f"\nA new connection, {NEW} ops behind: {SMALL} ops, then {OPS}")
    for name, forget in (("reconnected", False), ("first contact", True)):
        runs = {id(nodes): [] for nodes in (small, large)}
        for _ in range(AGAIN):  # in turns: what else the machine does meets both
            for nodes in (small, large):
                before = 0 if forget else nodes[1].metric("musher_sync_peer_received_bytes") + nodes[1].metric("musher_sync_peer_sent_bytes")
                took, total = catch_up(*nodes, forget)
                runs[id(nodes)].append((took, total - before))
        found = [[statistics.median(column) for column in zip(*runs[id(nodes)])] for nodes in (small, large)]
        for (took, size), ops in zip(found, (SMALL, OPS)):
            line(f"{name}, {ops} ops: time", took * 1e3, "ms", took / found[0][0], f"that of {SMALL}", "1.5 x" if ops == OPS else None)
            line(f"{name}, {ops} ops: bytes", size, "bytes", size / found[0][1], f"those of {SMALL}", "1.5 x" if ops == OPS else None)
    for node in (*small, *large):
        node.stop()


def stalled_peer(folder):
    """The time until three peers have what is written, with a fourth that is well and with one that is stopped."""
    center = Node(folder, "center")
    peers = [Node(folder, f"peer{i}", joins=center) for i in range(4)]
    center.trust(*peers)
    for peer in peers:
        peer.trust(center)
    center.command("put", "-q", "--new", "1_story", "stage=1_backlog")
    center.start()
    for peer in peers:
        peer.start(center)
    until(lambda: all(peer.applied() == 1 for peer in peers), "the first op")

    def burst():
        row = center.applied() + STALL_OPS
        begun = time.perf_counter()
        for part in range(STALL_OPS // 500):
            center.command("put", "-q", "1_story", *(f"f{part}_{i}:={i}" for i in range(500)))
        until(lambda: all(peer.applied() >= row for peer in peers[:3]), "three peers")
        return time.perf_counter() - begun

    well, stalled = [], []
    for _ in range(5):
        well.append(burst())
        until(lambda: peers[3].applied() == center.applied(), "the fourth")
        peers[3].process.send_signal(signal.SIGSTOP)
        stalled.append(burst())
        peers[3].process.send_signal(signal.SIGCONT)
        until(lambda: peers[3].applied() == center.applied(), "the fourth", pause=0.01)
    print(f"\nFour peers, {STALL_OPS} ops: until three of them have all")
    line("all four well", statistics.median(well), "s")
    line("the fourth stopped", statistics.median(stalled), "s", statistics.median(stalled) / statistics.median(well), "all well", "1.05 x")
    for node in (center, *peers):
        node.stop()


def memory(node, what):
    return int(re.search(rf"{what}:\s+(\d+)", open(f"/proc/{node.process.pid}/status").read())[1]) * 1024


def floods(folder):
    """A trusted peer floods a server, and shares the machine's cores with it; an honest peer goes on."""
    for kind in ("orphans", "wide", "strangers", "repeated", "fleeting", "junk"):
        center = Node(folder, "center-" + kind)
        honest = Node(folder, "honest-" + kind, joins=center)
        mallory = Node(folder, "mallory-" + kind, joins=center)
        center.trust(honest, mallory)
        honest.trust(center)
        center.command("put", "-q", "--new", "1_story_bench", "stage=1_backlog")
        center.start()
        honest.start(center)
        until(lambda: honest.applied() == 1, "the first op")
        quiet = live_times(center, honest, lambda done: done < LIVE)
        flood = subprocess.Popen([f"{build}/bench/sync_flood", str(center.port), mallory.log, mallory.log + ".key", kind, str(FLOOD_SECONDS)],
                                 stdout=subprocess.PIPE, text=True)
        assert flood.stdout.readline() == "ready\n"
        before = memory(center, "VmRSS")
        beside = live_times(center, honest, lambda done: flood.poll() is None)
        print(f"\nA flood for {FLOOD_SECONDS} s: {kind}, {flood.stdout.read().strip()}")
        line("memory of the server: growth at most", (memory(center, "VmHWM") - before) / 1e6, "MB", target="64 MB")
        for what, calm, busy in zip(("durable here to visible there", "start of a put to visible there"), quiet, beside):
            line(f"{what}, quiet: p50", statistics.median(calm), "ms")
            line("p99", p99(calm), "ms")
            line(f"beside the flood, {len(busy)} writes: p50", statistics.median(busy), "ms")
            line("p99", p99(busy), "ms", p99(busy) / p99(calm), "quiet", "2 x")
        center.stop()
        honest.stop()


def main():
    folder = tempfile.mkdtemp(prefix="musher-bench.")
    try:
        sample = os.path.join(folder, "sample")
        os.mkdir(sample)
        us = verify_alone(generate(sample, SMALL), SMALL)
        print(f"load {os.getloadavg()[0]:.1f}")
        line("libsodium verification alone, one core", us, "us")
        *large, took = first_sync(folder, us)
        erased_at_the_beginning(folder, took)
        live(*large)
        catching_up(large, folder)
        stalled_peer(folder)
        floods(folder)
        print(f"\nload {os.getloadavg()[0]:.1f}")
    finally:
        for process in Node.running:
            process.kill()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
