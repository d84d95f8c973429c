"""Real nodes that sync: in network namespaces of their own, cut apart and joined again, under writes from shells and MCP clients
and kill -9; and over a connection that stalls, is slow and breaks in the middle of a frame."""

import concurrent.futures
import ctypes
import json
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest

from binaries import BIN, SOURCE, Shell
from mcp_client import Modern, Server, wait_until

SEED = 20260409


class Node:
    """One op log in a folder of its own, with its key, and the server on it."""

    def __init__(self, shell, name, joins=None):
        self.shell, self.name, self.server, self.prefix, self.url = shell, name, None, [], None
        self.folder = shell.work / name
        self.folder.mkdir()
        self.log = self.folder / "pipeline.db"
        join = ["--join", joins.log] if joins else []
        self.must("init", "-q", "--name", name, *join)

    def run(self, command, *arguments, server=False, **options):
        # Each node is a machine of its own: what it notes outside the log is its own too.
        environment = {"XDG_STATE_HOME": str(self.folder / "state")}
        where = ["--server", self.url, "--token-file", self.shell.work / "client.token"] if server else ["--log", self.log]
        return self.shell.run(*self.prefix, BIN / "musher", command, *arguments, *where, environment=environment, **options)

    def must(self, command, *arguments, **options):
        done = self.run(command, *arguments, **options)
        assert done.returncode == 0, f"{self.name}: {command} {arguments}: {done.stderr}"
        return done.stdout

    def start(self, *arguments, **options):
        options.setdefault("environment", {})["XDG_STATE_HOME"] = str(self.folder / "state")
        self.server = Server(self.shell, "--log", self.log, *arguments, command=self.prefix, **options)
        return self.server

    def kill(self):
        self.server.process.kill()
        self.server.process.wait()

    def trust(self, *others):
        for other in others:
            self.must("trust", "add", f"{other.log}.key.pub", other.name, "-q")

    def key(self):
        return (self.folder / "pipeline.db.key.pub").read_text().strip()

    def summary(self):
        return json.loads(self.must("inspect", "summary", "--json"))

    def state(self):
        summary = self.summary()
        return summary["state_digest"], summary["log"]["heads"], summary["counts"]["ops"]


def same_state(nodes, seconds=60):
    def equal():
        states = [node.state() for node in nodes]
        return states[0] if all(state == states[0] for state in states) else None

    return wait_until(equal, "the same document on " + ", ".join(node.name for node in nodes), seconds)


class Network:
    """Namespaces joined by a bridge in one more."""

    def __init__(self, count):
        self.mark = f"m{os.getpid()}"
        self.spaces = [f"{self.mark}-{i}" for i in range(count)]
        self.hub = f"{self.mark}-hub"
        self.ip("netns", "add", self.hub)
        self.ip("-n", self.hub, "link", "add", "bridge", "type", "bridge")
        self.ip("-n", self.hub, "link", "set", "bridge", "up")
        for i, space in enumerate(self.spaces):
            self.ip("netns", "add", space)
            self.ip("link", "add", f"v{i}", "netns", space, "type", "veth", "peer", "name", f"h{i}", "netns", self.hub)
            self.ip("-n", space, "addr", "add", f"{self.address(i)}/24", "dev", f"v{i}")
            for link, where in (("lo", space), (f"v{i}", space), (f"h{i}", self.hub)):
                self.ip("-n", where, "link", "set", link, "up")
            self.ip("-n", self.hub, "link", "set", f"h{i}", "master", "bridge")

    @staticmethod
    def ip(*words):
        subprocess.run(["ip", *words], check=True, capture_output=True)

    @staticmethod
    def address(i):
        return f"10.77.0.{i + 1}"

    def cut(self, i):
        self.ip("-n", self.hub, "link", "set", f"h{i}", "down")

    def join(self, i):
        self.ip("-n", self.hub, "link", "set", f"h{i}", "up")

    def inside(self, i, *words):
        return subprocess.run(["ip", "netns", "exec", self.spaces[i], *words], check=True, capture_output=True, text=True).stdout

    def lose(self, i, percent):
        self.inside(i, "nft", "add table inet loss; add chain inet loss out { type filter hook output priority 0; }; "
                              f"add rule inet loss out numgen random mod 100 < {percent} counter drop")

    def lost(self, i):
        return int(re.search(r"counter packets (\d+)", self.inside(i, "nft", "list", "table", "inet", "loss"))[1])

    def lose_nothing(self, i):
        self.inside(i, "nft", "delete table inet loss")

    def slow(self, i, rate):
        self.inside(i, "tc", "qdisc", "add", "dev", f"v{i}", "root", "tbf", "rate", rate, "burst", "16kbit", "latency", "200ms")

    def held_up(self, i):
        """Times that a packet had to wait for the rate."""
        return json.loads(self.inside(i, "tc", "-s", "-j", "qdisc", "show", "dev", f"v{i}"))[0]["overlimits"]

    def listener(self, i, address):
        """A socket of this process that listens inside."""
        made = []

        def make():  # of a thread, only that thread goes there
            with open(f"/run/netns/{self.spaces[i]}") as space:
                if ctypes.CDLL(None).setns(space.fileno(), 0) == 0:
                    made.append(socket.create_server((address, 0)))

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        return made[0]

    def close(self):
        for space in (*self.spaces, self.hub):
            subprocess.run(["ip", "netns", "del", space], capture_output=True)


class Nodes(unittest.TestCase):
    def setUp(self):
        self.shell = Shell()
        self.addCleanup(self.shell.close)
        self.nodes = []
        self.addCleanup(self.end_servers)

    def end_servers(self):
        for node in self.nodes:
            if node.server:
                node.server.close()

    def make(self, *names):
        for name in names:
            self.nodes.append(Node(self.shell, name, self.nodes[0] if self.nodes else None))
        for node in self.nodes:
            node.trust(*(other for other in self.nodes if other is not node))
        return self.nodes

    def url(self, node):
        return f"ws://127.0.0.1:{node.server.port}"

    def assert_sound(self, node):
        found = json.loads(node.run("verify-order", "--state", "none", "--json").stdout)
        self.assertEqual([each for each in found["findings"] if each["severity"] == "error"], [])
        replayed = json.loads(node.must("replay", "--json"))
        self.assertEqual(replayed["verdict"], "ok")
        self.assertEqual(replayed["state_digest"], node.state()[0])


class Namespaces(Nodes):
    def test_three_nodes_cut_apart_and_joined_again_under_writes_and_kill_9(self):
        chance = random.Random(SEED)
        network = Network(3)
        self.addCleanup(network.close)
        (self.shell.work / "tokens").write_text("client 0123456789abcdef0123456789abcdef\nnode fedcba9876543210fedcba9876543210\n")
        (self.shell.work / "client.token").write_text("0123456789abcdef0123456789abcdef\n")
        (self.shell.work / "node.token").write_text("fedcba9876543210fedcba9876543210\n")
        for name in ("tokens", "client.token", "node.token"):
            (self.shell.work / name).chmod(0o600)
        nodes = self.make("alice", "bob", "carol")
        for i, node in enumerate(nodes):
            node.prefix = ["ip", "netns", "exec", network.spaces[i]]
            node.url = f"http://{network.address(i)}:7777"

        def start(i):
            others = [word for j in range(3) if j != i for word in ("--rendezvous", f"ws://{network.address(j)}:7777")]
            nodes[i].start("--listen", f"{network.address(i)}:7777", "--allow-host", network.address(i), "--token-file", "tokens",
                           "--rendezvous-token-file", "node.token", *others, listen=False)

        for i in range(3):
            start(i)
        for i, node in enumerate(nodes):
            for n in range(5):
                node.must("put", "-q", "--new", f"{i}{n}_{node.name}", "stage=1_backlog", server=n % 2 == 1)
        same_state(nodes)

        # Apart: each alone, under writes; bob is killed. What alice purges carol goes on writing, and inserts again.
        for i in range(3):
            network.cut(i)
        nodes[0].must("purge", "-q", "20_carol", "--yes", "--reason", "not ours")
        nodes[2].must("put", "-q", "20_carol", "stage=4_merge")
        nodes[2].must("purge", "-q", "20_carol", "--yes")
        nodes[2].must("put", "-q", "--new", "--again", "20_carol", "stage=1_backlog")
        nodes[2].must("put", "-q", "21_carol", "stage=5_done")
        for _ in range(20):
            i = chance.randrange(3)
            node = nodes[i]
            story = chance.choice(["00_alice", "10_bob", "22_carol"])
            node.must("put", "-q", story, f"stage={chance.randrange(6)}_stage", server=chance.random() < 0.5)
        nodes[1].kill()
        nodes[1].must("put", "-q", "--new", "11_offline", "stage=1_backlog")
        self.assertNotEqual(nodes[0].state(), nodes[2].state())

        # Joined again over a bad network. Bob is killed while it gets many ops, and while clients write to it.
        alice, bob, _ = nodes
        network.lose(2, 10)
        network.slow(0, "2mbit")
        for i in range(3):
            network.join(i)
        for attempt in range(5):
            start(1)
            had = bob.state()[2]
            alice.must("put", "-q", "01_alice", "-", input="".join(f"{attempt}_{n}={n}\n" for n in range(2_000)))
            wait_until(lambda: bob.state()[2] > had + 100, "some of them to be there", 60)
            bob.kill()
            if bob.state()[2] < had + 2_000:
                break
        else:
            self.fail("they were all there before it was killed")
        start(1)

        told = []

        def agent(name):
            """A client of bob's server for as long as it runs, and what it is told is written."""
            for n in range(1_000):
                if bob.run("put", "-q", "--new", f"{n}_{name}", server=True).returncode != 0:
                    return
                told.append(f"{n}_{name}")

        def person(node):
            for n in range(10):
                node.must("put", "-q", chance.choice(["00_alice", "10_bob", "22_carol"]), f"retry_count:={n}", server=node is not bob and n % 2 == 1)

        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            agents = [pool.submit(agent, f"agent_{n}") for n in range(4)]
            people = [pool.submit(person, node) for node in nodes * 2]
            wait_until(lambda: len(told) > 20, "clients to write", 60)
            bob.kill()
            for each in agents + people:
                each.result()
        start(1)
        same_state(nodes, 180)
        self.assertGreater(network.lost(2), 0)
        self.assertGreater(network.held_up(0), 0)
        network.lose_nothing(2)
        for node in nodes:
            shown = {story["story_id"] for story in json.loads(node.must("inspect", "stories", "--json"))["stories"]}
            self.assertNotIn("20_carol", shown, "a node that was away brought a purged story back")
            self.assertIn("11_offline", shown)
            self.assertEqual(set(told) - shown, set(), "what a client was told is written is gone")
            self.assert_sound(node)
            for event in node.server.events("peer disconnected") + node.server.events("connection refused"):
                self.assertNotIn("violation", event["detail"])
        # What the servers have in memory is what is in the files.
        for node in nodes:
            live = lambda view: json.loads(node.must("inspect", view, "--json", server=True))
            wait_until(lambda: live("summary")["heads"] == node.state()[1], "the server to have all of it in memory")
            pick = lambda stories: {each["story_id"]: [each[name] for name in ("items", "updated", "updated_by")] for each in stories}
            self.assertEqual(pick(live("stories")["stories"]), pick(json.loads(node.must("inspect", "stories", "--json"))["stories"]))
        # The story that carol inserted again without knowing of alice's purge is shown as what came back.
        for node in nodes:
            found = json.loads(node.run("verify-order", "--state", "none", "--json").stdout)["findings"]
            self.assertIn("20_carol", [each["story_id"] for each in found if each["code"] == "came-back"], found)


class Proxy:
    """Between two nodes: passes bytes on in pieces, and keeps them. It may hold each piece for a while, reset the connection each
    time that so many bytes have passed, and let no more than so many through from the node behind it, until it is told to go on."""

    def __init__(self, port, listener=None):
        self.target, self.breaks, self.every, self.carried, self.delay = port, 0, None, 0, 0
        self.stall_after, self.goes_on, self.stalled = None, threading.Event(), threading.Event()
        self.asked, self.answered = bytearray(), bytearray()  # what who dialed has said, and who is behind
        self.listener = listener or socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.pairs = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            pair = (near, far)
            self.pairs.append(pair)
            for a, b in (pair, pair[::-1]):
                threading.Thread(target=self.carry, args=(a, b, pair), daemon=True).start()

    def carry(self, source, sink, pair):
        chance = random.Random(SEED)
        passed = 0
        try:
            while data := source.recv(chance.randrange(1, 3_000)):
                self.carried += len(data)
                passed += len(data)
                kept = self.asked if source is pair[0] else self.answered
                kept += data
                threading.Event().wait(self.delay)
                if self.stall_after is not None and source is pair[1] and passed > self.stall_after:
                    self.stalled.set()
                    self.goes_on.wait()
                if self.every is not None and self.carried > self.every:
                    self.carried = 0
                    self.breaks += 1
                    sink.sendall(data[:len(data) // 2])
                    break
                sink.sendall(data)
        except OSError:
            pass
        self.reset(pair)

    @staticmethod
    def reset(pair):
        for end in pair:
            try:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.close()
            except OSError:
                pass

    def close(self):
        self.listener.close()
        for pair in self.pairs:
            self.reset(pair)


class BadConnections(Nodes):
    def test_connections_that_break_in_mid_frame_lose_nothing(self):
        alice, bob = self.make("alice", "bob")
        alice.start()
        proxy = Proxy(alice.server.port)
        self.addCleanup(proxy.close)
        for n in range(120):
            alice.must("put", "-q", "--new", f"{n}_story", f"note={'x' * 400}")
        proxy.every = 20_000
        bob.start("--rendezvous", f"ws://127.0.0.1:{proxy.port}")
        wait_until(lambda: proxy.breaks >= 3, "the connection to break three times", 60)
        proxy.every = None
        same_state([alice, bob])
        self.assert_sound(bob)
        bob.must("put", "-q", "0_story", "stage=2_current")
        same_state([alice, bob])


    def test_a_connection_that_takes_its_time_loses_nothing(self):
        alice, bob = self.make("alice", "bob")
        alice.start()
        proxy = Proxy(alice.server.port)
        self.addCleanup(proxy.close)
        proxy.delay = 0.03
        for node in (alice, bob):
            for n in range(30):
                node.must("put", "-q", "--new", f"{n}_{node.name}", f"note={'x' * 400}")
        bob.start("--rendezvous", f"ws://127.0.0.1:{proxy.port}")
        same_state([alice, bob])
        self.assert_sound(bob)
        self.assertEqual(bob.server.events("peer disconnected"), [])


class Operators(Nodes):
    def test_a_node_is_let_in_without_a_restart(self):
        alice, bob = Node(self.shell, "alice"), None
        bob = Node(self.shell, "bob", alice)
        self.nodes += [alice, bob]
        bob.trust(alice)
        bob.must("put", "-q", "--new", "1_bob", "stage=1_backlog")
        alice.start()
        bob.start("--rendezvous", self.url(alice))
        refused = alice.server.wait_event("connection refused")
        self.assertIn("not-trusted", refused["detail"])
        self.assertIn("musher trust add", refused["detail"])
        self.assertIn("not-trusted", bob.server.wait_event("connection refused")["detail"])
        alice.trust(bob)
        same_state([alice, bob])

    def test_what_waits_for_trust_is_told_once_an_author_and_measured(self):
        alice, bob, carol = self.make("alice", "bob", "carol")
        alice.must("trust", "revoke", "carol", "-q")
        dave = Node(self.shell, "dave", alice)
        self.nodes.append(dave)
        bob.trust(dave)
        dave.trust(bob)
        keys = {node.name: node.key() for node in self.nodes}
        bob.start()
        alice.start("--rendezvous", self.url(bob))
        waiting = lambda: float(re.search(r"^musher_quarantine_ops (.*)$", alice.server.get("/metrics")[2], re.MULTILINE)[1])
        told = lambda: {event["author"]: event for event in alice.server.events("ops wait")}
        self.assertEqual((waiting(), told()), (0, {}))
        dave.must("put", "-q", "--new", "1_dave", "stage=1_backlog")
        carol.must("put", "-q", "--new", "2_carol", "stage=1_backlog")
        for node in (dave, carol):
            node.start("--rendezvous", self.url(bob))
        alice.server.wait_event("ops wait", 2)
        wait_until(lambda: waiting() == 2, "the ops of both to wait")
        self.assertEqual({author: (event["level"], event.get("name"), event["reason"], event["detail"]) for author, event in told().items()}, {
            keys["dave"]: ("warning", None, "author_unknown", f"musher trust add {keys['dave']} NAME --log {alice.log}"),
            keys["carol"]: ("warning", "carol", "author_revoked", f"musher inspect quarantine --log {alice.log}")})
        dave.must("put", "-q", "1_dave", "stage=2_current")
        wait_until(lambda: waiting() == 3, "one op more to wait")
        self.assertEqual(len(alice.server.events("ops wait")), 2)
        # A server that starts tells of what waits already.
        self.assertEqual(alice.server.stop(), 0)
        alice.start()
        alice.server.wait_event("ops wait", 2)
        self.assertEqual((set(told()), waiting()), ({keys["dave"], keys["carol"]}, 3))
        alice.trust(dave, carol)
        wait_until(lambda: waiting() == 0, "nobody to wait")
        same_state([alice, bob])

    def test_an_author_whose_ops_came_in_without_effect_is_told_of_once_and_counted(self):
        alice, bob, dave = self.make("alice", "bob", "dave")

        def must(*words):
            done = self.shell.musher(*words)
            self.assertEqual(done.returncode, 0, (words, done.stderr))
            return done.stdout

        must("identity", "new", "-q", "--identity", "carol.key")
        carol = (self.shell.work / "carol.key.pub").read_text().strip()
        alice.must("trust", "add", carol, "carol", "-q")
        bob.must("trust", "revoke", "dave", "-q")  # as was asked for: nothing to be told
        write = lambda key, *what: alice.must("put", "-q", *what, *(["--identity", key] if key else []))
        write("carol.key", "--new", "1_carol", "stage=1_backlog")
        write(f"{dave.log}.key", "--new", "2_dave", "stage=1_backlog")
        write(None, "--new", "3_alice", "stage=1_backlog")  # on top of both
        alice.start()
        bob.start("--rendezvous", self.url(alice))
        same_heads = lambda: bob.summary()["log"]["heads"] == alice.summary()["log"]["heads"]
        there = ["--server", f"http://127.0.0.1:{bob.server.port}"]
        shown = lambda *how: re.findall(r"^muted +(.*)$", must("inspect", "summary", *how), re.MULTILINE)

        def assert_told():
            (told,) = bob.server.events("ops muted")
            self.assertEqual((told["level"], told["author"], told["reason"], told["detail"]),
                             ("warning", carol, "author_unknown", f"musher trust add {carol} NAME --log {bob.log}"))

        bob.server.wait_event("ops muted")
        wait_until(same_heads, "all ops at both")
        write("carol.key", "1_carol", "stage=2_current")
        write(None, "3_alice", "stage=2_current")
        wait_until(same_heads, "all ops at both")
        self.assertEqual((bob.summary()["counts"]["muted"], self.node_of(bob)["muted_ops"]), (3, 3))
        look = f"musher trust list --log {bob.log}"
        self.assertEqual(shown("--log", bob.log), [f"3 ops without effect, whose authors are not trusted here: {look}"])
        self.assertEqual(shown(*there), [f"3 ops without effect, whose authors are not trusted there: {look}"])
        self.assertRegex(must(*look.split()[1:]), f"unknown +2 +{carol}")
        time.sleep(1)
        assert_told()  # and no more of it
        # A server that starts tells of what is there already, one that takes no ops as well.
        bob.server.close()
        bob.start("--read-only")
        bob.server.wait_event("ops muted")
        assert_told()
        there[1] = f"http://127.0.0.1:{bob.server.port}"
        bob.must("trust", "add", carol, "carol", "-q")
        bob.must("trust", "add", "-q", f"{dave.log}.key.pub", "dave")
        wait_until(lambda: self.node_of(bob)["muted_ops"] == 0, "all to be heard")
        self.assertEqual((bob.state(), shown("--log", bob.log), shown(*there)), (alice.state(), [], []))

    def test_a_server_on_a_log_that_is_bad_already_takes_nothing_from_anybody(self):
        alice, bob = self.make("alice", "bob")
        bob.must("put", "-q", "--new", "1_bob", "stage=1_backlog")
        for stage in ("2_current", "3_qa"):
            bob.must("put", "-q", "1_bob", f"stage={stage}")
        self.shell.sql(bob.log, "DROP TRIGGER crdt_ops_no_update; UPDATE crdt_ops SET content = '{\"stage\":\"9\"}' WHERE rowid = 1")
        bob.start()
        self.assertEqual(bob.server.readiness()[0], 503)
        alice.must("put", "-q", "--new", "2_alice", "stage=1_backlog")
        alice.start("--rendezvous", self.url(bob))
        detail = alice.server.wait_event("connection refused")["detail"]
        self.assertIn("its log is bad", detail)
        self.assertEqual(self.shell.sql(bob.log, "SELECT count(*) FROM crdt_ops"), "3\n")

    def test_a_log_whose_end_cannot_be_told_syncs_as_soon_as_it_can(self):
        alice, bob = self.make("alice", "bob")
        bob.must("put", "-q", "--new", "1_bob", "stage=1_backlog")
        bob.must("put", "-q", "1_bob", "-", input="".join(f"field_{n}={n}\n" for n in range(300)))
        self.shell.sql(bob.log, "DELETE FROM marks")
        alice.start()
        bob.start("--rendezvous", self.url(alice))
        waits = bob.server.wait_event("sync waits")
        self.assertEqual(waits["level"], "warning")
        self.assertIn("musher verify-order --log", waits["detail"])
        bob.must("put", "-q", "1_bob", "stage=2_current")
        same_state([alice, bob])
        self.assertEqual(len(bob.server.events("sync waits")), 1)
        self.assert_sound(bob)

    def test_another_document_is_refused_with_both_ids(self):
        alice = Node(self.shell, "alice")
        stranger = Node(self.shell, "stranger")
        self.nodes += [alice, stranger]
        alice.trust(stranger)
        stranger.trust(alice)
        alice.start()
        stranger.start("--rendezvous", self.url(alice))
        detail = stranger.server.wait_event("connection refused")["detail"]
        self.assertIn("wrong-document", detail)
        for node in (alice, stranger):
            self.assertIn(node.summary()["log"]["document"], detail)

    def test_a_node_that_reaches_itself_stops(self):
        alice, = self.make("alice")
        port = alice.start().port
        alice.server.close()
        alice.start("--listen", f"127.0.0.1:{port}", "--rendezvous", f"ws://127.0.0.1:{port}", listen=False)
        self.assertIn("same-node", alice.server.wait_event("connection refused")["detail"])
        peers = wait_until(lambda: self.node_of(alice)["peers"], "the peer to be listed")
        self.assertEqual([peer["state"] for peer in peers], ["stopped"])

    def test_the_addresses_of_the_configuration_are_dialed_and_after_a_hangup_those_that_it_has_then(self):
        alice, bob, carol = self.make("alice", "bob", "carol")
        alice.start()
        carol.start()
        config = self.shell.work / "bob.toml"
        config.write_text(f'[serve]\nrendezvous = "{self.url(alice)}"\n')
        bob.start("--config", config)
        connected = lambda: {peer["name"] for peer in self.node_of(bob)["peers"] if peer["state"] == "connected"}
        wait_until(lambda: connected() == {"alice"}, "alice to be connected")
        config.write_text(f'[serve]\nrendezvous = ["{self.url(carol)}"]\n')
        bob.server.signal(signal.SIGHUP)
        wait_until(lambda: connected() == {"carol"}, "carol to be connected in the place of alice")
        self.assertIn("going-away", alice.server.wait_event("peer disconnected")["detail"])
        config.write_text("[serve]\n")
        bob.server.signal(signal.SIGHUP)
        wait_until(lambda: connected() == set(), "nobody to be connected")

    def test_a_copied_folder_becomes_a_node_as_the_page_says(self):
        alice, = self.make("alice")
        alice.must("put", "-q", "--new", "1_alice", "stage=1_backlog")
        moved = shutil.copytree(alice.folder, self.shell.work / "moved")
        copy = self.shell.run(BIN / "musher", "put", "-q", "--log", moved / "pipeline.db", "--new", "2_copy", "stage=1_backlog",
                              environment={"XDG_STATE_HOME": str(moved / "state")})
        self.assertEqual(copy.returncode, 0, copy.stderr)
        alice.start()
        server = Server(self.shell, "--log", moved / "pipeline.db", "--rendezvous", self.url(alice))
        self.addCleanup(server.close)
        self.assertIn("same-node", server.wait_event("connection refused")["detail"])
        server.close()
        _, bob = self.make("bob")
        brought = self.shell.run(BIN / "musher", "sync", moved / "pipeline.db", bob.log)
        self.assertEqual(brought.returncode, 0, brought.stdout + brought.stderr)
        bob.start("--rendezvous", self.url(alice))
        same_state([alice, bob])
        stories = json.loads(alice.must("inspect", "stories", "--json"))["stories"]
        self.assertEqual({story["story_id"] for story in stories}, {"1_alice", "2_copy"})
        self.assert_sound(alice)

    def test_a_key_on_two_branches_is_told_of_when_they_meet(self):
        alice, bob = self.make("alice", "bob")
        alice.must("put", "-q", "--new", "1_alice", "stage=1_backlog")
        moved = shutil.copytree(alice.folder, self.shell.work / "moved")
        copy = self.shell.run(BIN / "musher", "put", "-q", "--log", moved / "pipeline.db", "--new", "2_copy", "stage=1_backlog",
                              environment={"XDG_STATE_HOME": str(moved / "state")})
        self.assertEqual(copy.returncode, 0, copy.stderr)
        alice.must("put", "-q", "1_alice", "stage=2_current")
        key = alice.key()
        alice.start()
        bob.start("--rendezvous", self.url(alice))
        same_state([alice, bob])
        for node in (alice, bob):
            self.assertEqual(node.server.events("equivocation"), [])
            self.assertIn("musher_equivocations_total 0\n", node.server.get("/metrics")[2])
        brought = self.shell.run(BIN / "musher", "sync", moved / "pipeline.db", bob.log)
        self.assertEqual(brought.returncode, 0, brought.stdout + brought.stderr)
        same_state([alice, bob])
        for node in (alice, bob):
            told = node.server.wait_event("equivocation")
            self.assertEqual((told["level"], told["author"], told["name"], told["index"]), ("warning", key, "alice", "2"))
            ops = json.loads(node.must("inspect", "ops", "--json"))["ops"]
            ids = [op["op_id"][:12] for op in ops if (op["author"], op["index"]) == (key, "2")]
            self.assertEqual([told["first"], told["second"]], ids)
            self.assertEqual(told["hint"], f"musher verify-order --log {node.log}")
            self.assertEqual(len(node.server.events("equivocation")), 1)
            self.assertIn("musher_equivocations_total 1\n", node.server.get("/metrics")[2])

    def test_the_page_has_every_reason_why_two_nodes_do_not_talk(self):
        page = (SOURCE / "docs" / "operations.md").read_text()
        table = page[page.index("| it says | do |"):page.index("**A copied folder is no node.**")]
        rows = [row.split("|")[1].strip() for row in table.splitlines() if row.startswith("| ")]
        names = re.findall(r'return "([a-z-]+)"', (SOURCE / "lib" / "sync" / "close_code.cpp").read_text())
        self.assertGreater(len(names), 10)
        self.assertEqual(set(names) - {name for row in rows for name in row.split(", ")}, set())
        self.self_signed()
        token = self.shell.work / "nodes"
        token.write_text(f"nodes {'a' * 64}\n")
        token.chmod(0o600)
        alice, bob = self.make("alice", "bob")
        tls = ("--tls-cert", "cert.pem", "--tls-key", "key.pem")
        for row, scheme, path, options in (("it answers 401", "ws", "", ("--token-file", token)), ("it answers 404", "ws", "", ("--read-only",)),
                                           ("it answers 404", "ws", "/elsewhere", ()), ("it answers 405", "ws", "/mcp", ()), ("no TLS with", "wss", "", ()),
                                           ("no TLS with", "wss", "", tls), ("the connection broke in the handshake", "ws", "", tls)):
            with self.subTest(row, scheme=scheme, path=path, options=options):
                self.assertIn(row, sum((each.split(", ") for each in rows), []))
                alice.start(*options)
                bob.start("--rendezvous", f"{scheme}://127.0.0.1:{alice.server.port}{path}")
                event = bob.server.wait_event("cannot reach peer")
                self.assertNotIn("address", event)  # that is what it calls the peer
                detail = event["detail"]
                self.assertIn(row, detail)
                self.assertIn({"it answers 401": "--rendezvous-token-file FILE", "it answers 404": "it is --read-only, or the path is wrong",
                               "it answers 405": "the path is wrong"}.get(row, row), detail)
                self.end_servers()

    def assert_the_page_has_problem(self, problem):
        page = (SOURCE / "docs" / "operations.md").read_text()
        table = page[page.index("| `problem` | it ends |"):page.index("The log says `own ops elsewhere`")]
        rows = [row.split("|")[1].strip() for row in table.splitlines() if row.startswith("| ")][1:]
        self.assertEqual(len(rows), 2)
        having = [row for row in rows if re.match(".*".join(re.escape(part) for part in row.split("…")), problem)]
        self.assertEqual(len(having), 1, problem)

    def assert_the_node_says(self, node, problem):
        """What /readyz says of own ops elsewhere an MCP client and who asks the server for a summary are told too."""
        said = self.node_of(node)
        self.assertEqual((said["health"], said.get("problem")), ("ok", problem))
        ask = lambda view, *how: self.shell.musher("inspect", view, "--server", f"http://127.0.0.1:{node.server.port}", *how)
        text, document = ask("summary"), json.loads(ask("summary", "--json").stdout)
        self.assertEqual(re.findall(r"^problem +(.*)$", text.stdout, re.MULTILINE), [problem] if problem else [])
        self.assertEqual((document.get("problem"), document["exit_code"], text.returncode), (problem, 0, 0))
        self.assertEqual(ask("stories").stderr, "")  # they are from a log that it follows

    def self_signed(self):
        made = self.shell.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                              "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=localhost",
                              "-addext", "subjectAltName=DNS:localhost,IP:192.0.2.7")
        self.assertEqual(made.returncode, 0, made.stderr)

    def node_of(self, node):
        client = Modern(node.server)
        try:
            result = client.tool("get_node")
        finally:
            client.close()
        document, text = result["structuredContent"], result["content"][0]["text"]
        connected = [peer["state"] for peer in document["peers"]].count("connected")
        self.assertEqual(re.findall(r"(\d+) of (\d+) peers connected\.", text), [(str(connected), str(len(document["peers"])))] if document["peers"] else [])
        return document

    def test_a_token_that_is_changed_at_both_ends_holds_after_a_hangup_of_each(self):
        alice, bob = self.make("alice", "bob")
        there, here = self.shell.work / "tokens", self.shell.work / "node.token"

        def write(file, token):
            file.write_text(f"node {token}\n")
            file.chmod(0o600)

        for file in (there, here):
            write(file, "a" * 32)
        alice.start("--token-file", there)
        bob.start("--rendezvous", self.url(alice), "--rendezvous-token-file", here)
        bob.must("put", "-q", "--new", "1_bob", "stage=1_backlog")
        same_state([alice, bob])
        write(there, "b" * 32)
        alice.server.signal(signal.SIGHUP)
        self.assertIn("it answers 401", bob.server.wait_event("cannot reach peer")["detail"])
        write(here, "b" * 32)
        bob.server.signal(signal.SIGHUP)
        bob.must("put", "-q", "1_bob", "stage=2_current")
        same_state([alice, bob])
        self.assertEqual(bob.server.events("a changed setting needs a restart"), [])

    def test_wss_checks_the_certificate_and_its_name_and_then_syncs(self):
        self.self_signed()
        authority = {"SSL_CERT_FILE": str(self.shell.work / "cert.pem")}
        alice, bob = self.make("alice", "bob")
        alice.must("put", "-q", "--new", "1_alice", "stage=1_backlog")
        alice.start("--tls-cert", self.shell.work / "cert.pem", "--tls-key", self.shell.work / "key.pem")

        def why_not(host, **options):
            bob.start("--rendezvous", f"wss://{host}:{alice.server.port}", **options)
            error = wait_until(lambda: [peer["last_error"] for peer in self.node_of(bob)["peers"] if peer["last_error"]],
                               "the connection to fail")
            self.assertEqual(bob.summary()["counts"]["ops"], 0)
            bob.server.close()
            return error[0]

        self.assertIn("certificate", why_not("localhost"))
        self.assertIn("its certificate is of another name: localhost, 192.0.2.7", why_not("127.0.0.1", environment=dict(authority)))

        # A listener with TLS of its own refuses a dialer without a channel binding: what opens here is bound to it at both ends.
        bob.start("--rendezvous", f"wss://localhost:{alice.server.port}", environment=dict(authority))
        same_state([alice, bob])
        bob.must("put", "-q", "1_alice", "stage=2_current")
        same_state([alice, bob])
        self.assertEqual([(peer["state"], peer["address"][:6]) for peer in self.node_of(bob)["peers"]], [("connected", "wss://")])

    def test_two_that_dial_each_other_keep_one_connection(self):
        alice, bob = self.make("alice", "bob")
        first = alice.start().port
        alice.server.close()
        bob.start("--rendezvous", f"ws://127.0.0.1:{first}")
        alice.start("--listen", f"127.0.0.1:{first}", "--rendezvous", self.url(bob), listen=False)
        alice.must("put", "-q", "--new", "1_alice", "stage=1_backlog")
        same_state([alice, bob])

        def connected(node):
            return [peer["state"] for peer in self.node_of(node)["peers"]].count("connected")

        wait_until(lambda: connected(alice) == 1 and connected(bob) == 1, "one connection at each end")

    def test_of_two_servers_of_one_log_one_dials_a_peer_and_the_other_takes_over(self):
        alice, bob = self.make("alice", "bob")
        bob.start()
        dials = ("--rendezvous", self.url(bob))
        first = alice.start(*dials)
        first.wait_event("peer connected")
        second = alice.start(*dials)
        self.addCleanup(second.close)
        left = second.wait_event("left to another server")
        self.assertEqual((left["level"], left["detail"]), ("info", "another server of this log dials it"))
        alice.must("put", "-q", "--new", "1_alice", "stage=1_backlog")
        same_state([alice, bob])
        self.assertEqual(bob.server.events("second connection closed"), [])
        first.process.kill()
        first.process.wait()
        second.wait_event("peer connected")
        alice.must("put", "-q", "1_alice", "stage=2_current")
        same_state([alice, bob])

    def test_a_log_of_another_document_in_the_place_of_the_first_is_synced_after_sighup(self):
        alice, = self.make("alice")
        other = Node(self.shell, "other")
        carol = Node(self.shell, "carol", joins=other)
        other.trust(alice, carol)
        carol.trust(alice, other)
        carol.must("put", "-q", "--new", "1_carol", "stage=1_backlog")
        alice.start()
        os.replace(other.log, alice.log)
        for suffix in ("-wal", "-shm"):
            alice.log.with_name(alice.log.name + suffix).unlink(missing_ok=True)
        wait_until(lambda: alice.server.readiness()[0] == 503, "the server to see that its log is another")
        alice.server.signal(signal.SIGHUP)
        wait_until(lambda: alice.server.readiness()[0] == 200, "the server to follow its log again")
        carol.start("--rendezvous", self.url(alice))
        same_state([alice, carol])
        self.assertEqual(carol.server.events("peer disconnected"), [])

    def back_up(self, node):
        self.shell.sql(node.log, f"VACUUM INTO '{node.folder}/backup.db'")

    def restore(self, node):
        for suffix in ("", "-wal", "-shm", ".lock", ".live"):
            (node.folder / f"pipeline.db{suffix}").unlink(missing_ok=True)
        shutil.move(node.folder / "backup.db", node.log)
        node.log.chmod(0o600)
        self.shell.sql(node.log, "PRAGMA journal_mode = WAL")  # else who looks meanwhile is told that it is being changed

    def test_a_restored_backup_gets_its_own_ops_back_before_it_writes(self):
        alice, bob = self.make("alice", "bob")
        bob.must("put", "-q", "--new", "1_bob", "stage=1_backlog")
        self.back_up(bob)
        alice.start()
        bob.start("--rendezvous", self.url(alice))
        noise = random.Random(SEED)
        for n in range(4):
            bob.must("put", "-q", "1_bob", f"note_{n}={noise.randbytes(10_000).hex()}")
        bob.must("put", "-q", "1_bob", "stage=3_qa")
        lost = same_state([alice, bob])
        bob.server.close()

        # The machine is gone, and with it the note of the last own op.
        shutil.rmtree(bob.folder / "state")
        self.restore(bob)
        # What bob lacks is held up on its way, once bob knows of it.
        proxy = Proxy(alice.server.port)
        self.addCleanup(proxy.close)
        proxy.stall_after = 8_000
        bob.start("--rendezvous", f"ws://127.0.0.1:{proxy.port}")
        shown = bob.server.wait_event("own ops elsewhere")
        named = bob.server.events("own ops named")[0]
        self.assertIn("it says that it has op", named["detail"])
        self.assertIn("lost its tail", shown["detail"])
        self.assertEqual(shown["name"], "alice")
        self.assertTrue(proxy.stalled.wait(20))
        status, ready = bob.server.readiness()
        self.assertEqual((status, ready["status"]), (503, "failed"))
        self.assertIn("of this node's own key, which this log has not got", ready["problem"])
        self.assertEqual(ready["health"], "ok")
        self.assert_the_page_has_problem(ready["problem"])
        notes = lambda: [file for file in (bob.folder / "state").rglob("tips/*") if file.suffix != ".new"]  # nor its draft
        wait_until(notes, "the note of the op that is elsewhere")
        refused = bob.run("put", "1_bob", "stage=9_wrong")
        self.assertEqual(refused.returncode, 5, refused.stderr)
        self.assertIn("this key has already written op", refused.stderr)
        codes = [finding["code"] for finding in json.loads(bob.run("verify-order", "--json").stdout)["findings"]]
        self.assertIn("own-ops-elsewhere", codes)
        verdict = lambda: bob.server.readiness()[1]["last_audit"]
        wait_until(lambda: verdict() == "findings", "an audit of the log without its tail")
        # The server says no by itself, whether or not there is a note.
        shutil.rmtree(bob.folder / "state")
        client = Modern(bob.server)
        self.addCleanup(client.close)
        answer = client.tool("put_story", {"story_id": "1_bob", "fields": {"stage": "9_wrong"}})
        self.assertTrue(answer["isError"], answer)
        self.assertIn("local writes are refused until it is fetched", json.dumps(answer))
        self.assertEqual(bob.summary()["counts"]["ops"], 1)
        proxy.goes_on.set()
        bob.server.wait_event("own ops are back")
        self.assertEqual(same_state([alice, bob]), lost)
        self.assertEqual(bob.server.readiness()[0], 200)
        wait_until(lambda: verdict() == "ok", "an audit of the log that is whole again")
        bob.must("put", "-q", "1_bob", "stage=4_merge")
        same_state([alice, bob])
        self.assert_sound(bob)

    def test_a_restored_backup_whose_last_op_nobody_has_says_so_for_as_long_as_it_does_not_write(self):
        alice, bob = self.make("alice", "bob")
        bob.must("put", "-q", "--new", "1_bob", "stage=1_backlog")
        self.back_up(bob)
        alice.start()
        bob.start("--rendezvous", self.url(alice))
        bob.must("put", "-q", "1_bob", "stage=2_current")
        same_state([alice, bob])
        alice.server.close()
        bob.must("put", "-q", "1_bob", "stage=3_qa")  # nobody hears of it
        bob.server.close()
        self.restore(bob)
        alice.start()
        bob.start("--rendezvous", self.url(alice))
        wait_until(lambda: bob.summary()["counts"]["ops"] == 2, "what alice has")
        self.assertEqual(bob.server.events("own ops are back"), [])
        status, ready = bob.server.readiness()
        self.assertEqual(status, 503)
        self.assertIn("(index 3)", ready["problem"])
        self.assert_the_page_has_problem(ready["problem"])
        self.assert_the_node_says(bob, ready["problem"])
        self.assertEqual(bob.run("put", "1_bob", "stage=9_wrong").returncode, 5)
        # Lost for good, as its operator says.
        next(file for file in (bob.folder / "state").rglob("*") if file.parent.name == "tips").unlink()
        bob.server.wait_event("own ops are back")
        self.assertEqual(bob.server.readiness()[0], 200)
        self.assert_the_node_says(bob, None)
        bob.must("put", "-q", "1_bob", "stage=4_merge")
        same_state([alice, bob])
        self.assert_sound(alice)


if __name__ == "__main__":
    unittest.main()
