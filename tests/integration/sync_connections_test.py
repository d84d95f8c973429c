"""Connections with a real node, seen from outside: where it dials and what it offers there, whom it believes, and when it has had enough."""

import random
import re
import signal
import socket
import sys
import threading
import unittest

from nacl.signing import SigningKey

import sync_nodes_test
from binaries import SOURCE
from mcp_client import wait_until
from sync_nodes_test import Network, Proxy, same_state

sys.path.insert(0, str(SOURCE / "tests" / "conformance"))

from make_sync_vectors import DIALER, EXCHANGE_A, TYPES, digest, hello, public, sign, start  # noqa: E402


class Wire:
    """A WebSocket with a node's server, by hand: says first what it is told to, and takes frames of up to 125 bytes."""

    UPGRADE = (b"GET /crdt-sync HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
               b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: musher-sync.1\r\n\r\n")

    def __init__(self, node, first=UPGRADE):
        self.socket = socket.create_connection(("127.0.0.1", node.server.port), 20)
        self.stream = self.socket.makefile("rb")
        self.socket.sendall(first)
        assert self.stream.readline().startswith(b"HTTP/1.1 101 ")
        while self.stream.readline() != b"\r\n":
            pass

    def send(self, message):
        self.socket.sendall(bytes([0x82, 0x80 | len(message)]) + bytes(4) + message)  # a mask of zeros

    def next(self, opcode=2):
        while True:
            first, size = self.stream.read(2)
            payload = self.stream.read(size)
            if first & 15 == opcode:
                return payload

    def goodbye(self):
        """The server's code and reason; it need not wait for an answer."""
        payload = self.next(opcode=8)
        self.close()
        return int.from_bytes(payload[:2], "big"), payload[2:].decode()

    def greet(self, document, key, claimed=None):
        """Hellos, and a proof by this key; the server's hello."""
        ours = hello(key, public(key)[:16], EXCHANGE_A, document=bytes.fromhex(document)).replace(public(key), claimed or public(key))
        self.send(ours)
        theirs = self.next()
        self.send(start("proof") + sign(key, digest(DIALER, ours, theirs, None)))
        return theirs

    def assert_proven(self):
        assert self.next()[:1] == start("proof")

    def close(self):
        self.stream.close()
        self.socket.close()


class Dials(sync_nodes_test.Nodes):
    def test_a_name_is_looked_up_at_each_dial(self):
        alice, bob = self.make("alice", "bob")
        hosts = self.shell.work / "hosts"
        hosts.touch()
        bob.prefix = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts]
        port = 0
        for address in ("127.0.0.2", "127.0.0.3"):
            hosts.write_text(f"{address} hub.example\n")  # in place: the file is what is bound
            alice.start("--listen", f"{address}:{port}", "--allow-host", "hub.example", listen=False)
            port = alice.server.port
            if not bob.server:
                bob.start("--rendezvous", f"ws://hub.example:{port}")
            alice.must("put", "-q", "--new", f"1_{address}", "stage=1_backlog")
            same_state([alice, bob])
            alice.server.close()

    def test_compression_is_offered_where_the_address_is_not_loopback(self):
        network = Network(1)
        self.addCleanup(network.close)
        alice, bob, carol = self.make("alice", "bob", "carol")
        for n in range(10):
            alice.must("put", "-q", "--new", f"{n}_alice", f"note={'x' * 20_000}")
        alice.start("--allow-host", network.address(0))
        proxies = []
        for node, address, offers in ((bob, "127.0.0.1", False), (carol, network.address(0), True)):
            proxy = Proxy(alice.server.port, network.listener(0, address))
            self.addCleanup(proxy.close)
            proxies.append(proxy)
            node.prefix = ["ip", "netns", "exec", network.spaces[0]]
            node.start("--rendezvous", f"ws://{address}:{proxy.port}")
            same_state([alice, node])
            for said in (proxy.asked, proxy.answered):
                upgrade = said.partition(b"\r\n\r\n")[0]
                self.assertEqual(b"permessage-deflate" in upgrade, offers, upgrade)
        plain, compressed = (len(proxy.answered) for proxy in proxies)
        self.assertLess(compressed, plain / 4)


class ByHand(sync_nodes_test.Nodes):
    def wire(self, *arguments):
        made = Wire(*arguments)
        self.addCleanup(made.close)
        return made

    def trust_keys(self, node, count):
        """New keys, whom the node trusts from its start."""
        keys = [SigningKey(number.to_bytes(32, "big")) for number in range(count)]
        self.shell.sql(node.log, "".join(f"INSERT INTO authors VALUES (x'{public(key).hex()}', '', 'allowed', 0, NULL);" for key in keys))
        return keys

    def assert_bad_proof(self, connection, node, claimed):
        reason = f"key {claimed[:12]} was not proven"
        self.assertEqual(connection.goodbye(), (4006, reason))
        refused = node.server.wait_event("connection refused")
        self.assertEqual((refused["level"], refused["detail"]), ("warning", f"bad-proof: {reason}"))

    def test_a_handshake_that_was_recorded_is_refused(self):
        alice, bob = self.make("alice", "bob")
        alice.start()
        proxy = Proxy(alice.server.port)
        self.addCleanup(proxy.close)
        bob.must("put", "-q", "--new", "1_bob", "stage=1_backlog")
        bob.start("--rendezvous", f"ws://127.0.0.1:{proxy.port}")
        same_state([alice, bob])
        self.assert_bad_proof(self.wire(alice, bytes(proxy.asked)), alice, bob.key())
        self.assertEqual(len(alice.server.events("peer connected")), 1)
        self.assertEqual(alice.server.events("peer disconnected"), [])  # nor is bob's connection taken for the older one

    def test_a_hello_is_of_no_use_without_its_secret(self):
        alice, bob = self.make("alice", "bob")
        key, = self.trust_keys(alice, 1)
        document = alice.summary()["log"]["document"]
        alice.start()
        honest, thief = self.wire(alice), self.wire(alice)
        hellos = honest.greet(document, key), thief.greet(document, key, claimed=bytes.fromhex(bob.key()))
        honest.assert_proven()
        self.assert_bad_proof(thief, alice, bob.key())
        # What each had to sign was its own.
        self.assertEqual(*(each[:78] + each[110:] for each in hellos))
        self.assertNotEqual(*(each[78:110] for each in hellos))

    def test_metrics_name_a_peer_that_goes_no_further_than_its_proof(self):
        alice, = self.make("alice")
        key, = self.trust_keys(alice, 1)
        alice.start()
        wire = self.wire(alice)
        wire.greet(alice.summary()["log"]["document"], key)
        wire.assert_proven()
        self.assertIn(f'\nmusher_sync_peer_connected{{peer="{public(key).hex()[:12]}"}} 0\n', alice.server.get("/metrics")[2])

    def test_who_comes_when_all_connections_are_taken_is_told_so_and_let_in_later(self):
        alice, bob = self.make("alice", "bob")
        keys = self.trust_keys(alice, 256)
        bob.must("put", "-q", "--new", "1_bob", "stage=1_backlog")
        alice.start()
        document = alice.summary()["log"]["document"]
        wires = []
        for key in keys:
            wires.append(self.wire(alice))
            wires[-1].greet(document, key)
            wires[-1].assert_proven()
        self.assertEqual(alice.server.events("connection refused"), [])
        bob.start("--rendezvous", self.url(alice))
        self.assertEqual(alice.server.wait_event("connection refused")["detail"], "unavailable: too many connections")
        self.assertEqual(bob.server.wait_event("connection refused")["detail"], "the peer said unavailable: \"too many connections\"")
        wires[0].close()
        same_state([alice, bob])

    def test_of_those_who_connect_and_say_nothing_the_oldest_goes_when_there_are_too_many(self):
        alice, = self.make("alice")
        alice.start()
        silent = [self.wire(alice) for _ in range(65)]
        reason = "too many connections whose handshake is not done"
        self.assertEqual(silent[0].goodbye(), (4010, reason))
        self.assertEqual(alice.server.wait_event("connection refused")["detail"], f"unavailable: {reason}")
        self.assertEqual(len(alice.server.events("connection refused")), 1)


class Between(Proxy):
    """Passes on the handshake of two nodes, and does something to the first message with ops of the one that is behind it."""

    OPS = 1 + TYPES.index("ops")

    def __init__(self, port, do):
        self.do, self.done = do, threading.Event()
        super().__init__(port)

    def carry(self, source, sink, pair):
        try:
            if source is pair[0]:
                while data := source.recv(65_536):
                    sink.sendall(data)
            else:
                self.carry_frames(source.makefile("rb"), sink)
        except OSError:
            pass
        self.reset(pair)

    def carry_frames(self, stream, sink):
        while (line := stream.readline()) != b"\r\n":
            sink.sendall(line)
        sink.sendall(line)
        while head := stream.read(2):
            size = head[1]
            more = stream.read({126: 2, 127: 8}.get(size, 0))
            payload = stream.read(int.from_bytes(more, "big") if more else size)
            frames = [head + more + payload]
            if head[0] & 15 == 2 and payload[0] == self.OPS and len(payload) > 200 and not self.done.is_set():
                self.done.set()
                frames = self.do(head + more, payload)
            for frame in frames:
                sink.sendall(frame)


class Relayed(sync_nodes_test.Nodes):
    """Somebody without any key is in between, and passes on that two honest nodes prove who they are."""

    def test_what_is_left_out_changed_or_said_again_ends_the_connection_and_nothing_is_missed(self):
        changed = lambda head, payload: [head + payload[:100] + bytes([payload[100] ^ 1]) + payload[101:]]
        for do in (lambda head, payload: [], changed, lambda head, payload: [head + payload] * 2):
            alice, bob = self.make(f"alice{len(self.nodes)}", f"bob{len(self.nodes)}")[-2:]
            alice.start()
            between = Between(alice.server.port, do)
            self.addCleanup(between.close)
            alice.must("put", "-q", "--new", "1_alice", "stage=1_backlog")
            bob.start("--rendezvous", f"ws://127.0.0.1:{between.port}")
            wait_until(between.done.is_set, "a message to be tampered with")
            alice.must("put", "-q", "1_alice", "stage=2_current")  # what comes next shows that one is missing
            ended = bob.server.wait_event("peer disconnected")
            self.assertIn("bad-proof: a message is not the peer's, or one before it is missing", ended["detail"])
            self.assertEqual((ended["level"], ended["peer"]), ("warning", alice.key()))
            same_state([alice, bob])  # over the next connection, at once: it is held against nobody
            self.assertNotIn("violation", bob.server.text() + alice.server.text())


class Marks(sync_nodes_test.Nodes):
    def test_a_mark_that_a_log_never_had_is_told_and_nothing_is_missed(self):
        alice, bob = self.make("alice", "bob")
        alice.start()
        bob.start("--rendezvous", self.url(alice))
        bob.must("put", "-q", "--new", "1_bob", "stage=1_backlog")
        alice.must("put", "-q", "--new", "2_alice", "stage=1_backlog")
        same_state(self.nodes)
        for times, row in enumerate((1_000_000, 1), 1):
            self.assertEqual(bob.server.stop(), 0)
            self.shell.sql(bob.log, f"UPDATE peers SET heard_row = {row}, heard_chain = zeroblob(32)")
            alice.must("put", "-q", "2_alice", f"stage={times}_stage")
            bob.start("--rendezvous", self.url(alice))
            self.assertEqual(alice.server.wait_event("peer connected", 1 + times)["detail"], "by tips: it names a mark that this log has not got")
            same_state(self.nodes)
        self.assertEqual(alice.server.events("peer disconnected")[-1]["level"], "info")  # it did not break the protocol


class Stopped(sync_nodes_test.Nodes):
    def test_a_peer_that_stands_still_is_given_up_and_goes_on_where_its_acknowledgements_stopped(self):
        alice, bob, carol = self.make("alice", "bob", "carol")
        alice.start()
        for node in (bob, carol):
            node.start("--rendezvous", self.url(alice))
        metric = lambda name: [int(value) for value in re.findall(rf"^{name}(?:{{.*}})? (.*)$", alice.server.get("/metrics")[2], re.MULTILINE)]
        sent = lambda: metric("musher_sync_sent_ops_total")[0]
        alice.must("put", "-q", "--new", "1_alice")
        alice.must("put", "-q", "1_alice", "-", input="".join(f"field_{n}={n}\n" for n in range(500)))
        same_state(self.nodes)
        wait_until(lambda: metric("musher_sync_peer_lag_ops") == [0, 0], "all to be acknowledged")
        sent_before = sent()
        bob.server.signal(signal.SIGSTOP)
        written = 24  # 12 MB: several times what may be under way
        for n in range(written):
            alice.must("put", "-q", "1_alice", "-", input=f"note_{n}={random.Random(n).randbytes(250_000).hex()}\n")
        same_state([alice, carol])
        wait_until(lambda: alice.server.events("peer disconnected"), "the peer that stands still to be given up", 60)
        given_up, = alice.server.events("peer disconnected")
        self.assertEqual((given_up["peer"], given_up["detail"]), (bob.key(), "too-slow: nothing was acknowledged in time; reconnect to resume"))
        sent_until_then = sent()
        self.assertGreater(sent_until_then, sent_before + written)  # to bob too,
        self.assertLess(sent_until_then, sent_before + 2 * written)  # until so much was under way
        bob.server.signal(signal.SIGCONT)
        same_state(self.nodes)
        self.assertLessEqual(sent() - sent_until_then, written)
        self.assertEqual(len(alice.server.events("peer disconnected")), 1)


if __name__ == "__main__":
    unittest.main()
