"""musher inspect peers: of running nodes, of ones that were killed or stopped, from the file and from a server."""

import copy
import json
import re
import socket
import unittest

import sync_nodes_test
from mcp_client import wait_until
from sync_nodes_test import Node, Proxy, same_state


class Peers(sync_nodes_test.Nodes):
    def peers(self, node, *arguments):
        return json.loads(node.must("inspect", "peers", "--json", *arguments))["peers"]

    def peer(self, node, *arguments):
        """The only one."""
        peers = self.peers(node, *arguments)
        self.assertEqual(len(peers), 1, peers)
        return peers[0]

    def live(self, node):
        done = self.shell.musher("inspect", "peers", "--json", "--server", f"http://127.0.0.1:{node.server.port}")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["peers"]

    def connected(self):
        alice, bob = self.make("alice", "bob")
        alice.start()
        bob.start("--rendezvous", self.url(alice))
        alice.must("put", "-q", "--new", "1_story", "stage=1_backlog")
        bob.must("put", "-q", "--new", "2_story", "stage=1_backlog")
        same_state([alice, bob])
        for node in (alice, bob):
            wait_until(lambda node=node: self.peers(node) and self.peer(node)["state"] == "connected" and self.peer(node)["lag_ops"] == 0,
                       "the peer to be written down as connected, with nothing to acknowledge")
        return alice, bob

    def test_a_log_that_was_never_synced_has_none(self):
        alice, = self.make("alice")
        self.assertEqual(self.peers(alice), [])
        done = alice.run("inspect", "peers")
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertEqual(done.stderr, "musher-inspect: no peers in this log; an address that never answered is shown by the server that dials it, and why: musher inspect peers --server URL\n")

    def test_two_that_are_connected_say_so_in_the_file_and_live(self):
        alice, bob = self.connected()
        key = bob.key()
        stored, = self.peers(alice)
        self.assertEqual((stored["peer"], stored["name"], stored["dialed"], stored["last_error"]), (key, "bob", False, ""))
        self.assertRegex(stored["address"], r"^127\.0\.0\.1:[0-9]+$")
        self.assertGreater(stored["sent_bytes"], 300)
        self.assertGreater(stored["received_bytes"], 300)
        dialed, = self.peers(bob)
        self.assertEqual((dialed["name"], dialed["address"], dialed["dialed"]), ("alice", self.url(alice) + "/crdt-sync", True))
        live, = self.live(bob)
        for name in ("peer", "name", "address", "dialed", "state", "since", "lag_ops", "last_error"):
            self.assertEqual(live[name], dialed[name], name)
        text = self.shell.musher("inspect", "peers", "--server", f"http://127.0.0.1:{bob.server.port}").stdout
        self.assertEqual(text.splitlines()[0].split(), ["NAME", "STATE", "SINCE", "LAG", "SENT", "RECEIVED", "KEY", "ADDRESS", "LAST", "ERROR"])
        self.assertRegex(text.splitlines()[1], rf"^alice +connected +2[-0-9]+ [:0-9]+ \+00:00 +0 +[0-9]+ +[0-9]+ +[0-9a-f]{{12}} +{self.url(alice)}/crdt-sync$")

    def test_of_servers_that_are_gone_nobody_is_connected_and_what_is_not_acknowledged_counts(self):
        alice, bob = self.connected()
        alice.kill()
        wait_until(lambda: self.peer(bob)["state"] == "closed", "bob to write down that the connection broke")
        self.assertIn("the connection", self.peer(bob)["last_error"])
        self.assertEqual(self.peer(alice)["state"], "not_running")
        self.assertIn(" no server here ", alice.must("inspect", "peers"))
        for n in range(3):
            alice.must("put", "-q", "1_story", f"stage={n}_stage")
        self.assertEqual(self.peer(alice)["lag_ops"], 3)
        self.assertEqual(bob.server.stop(), 0)
        bob.server = None
        self.assertEqual(self.peer(bob)["state"], "not_running")
        alice.start()  # whom nobody dials: the file and the server say the same
        self.assertEqual((self.peer(alice)["state"], self.live(alice)[0]["state"]), ("closed", "closed"))

    def test_who_knows_more_than_the_file_is_named_with_what_to_type(self):
        alice, bob = self.connected()
        said = lambda node: node.run("inspect", "peers").stderr
        self.assertEqual(said(alice), "")
        bob.kill()
        wait_until(lambda: self.peer(alice)["state"] == "closed", "alice to write down that bob is away")
        self.assertEqual(said(alice), "musher-inspect: whether one that is away is dialed, and why that fails, its server knows: musher inspect peers --server URL\n")
        self.assertEqual(said(bob), f"musher-inspect: no server of this log runs that could dial them or be dialed: musher serve --log {bob.log}\n")
        self.assertEqual(bob.run("inspect", "peers", "--json").stderr, "")

    def metrics(self, node):
        """Of the only peer: what /metrics says of it, by what is measured."""
        lines = re.findall(r'^musher_sync_peer_(\w+){peer="([0-9a-f]{12})"} (\S+)$', node.server.get("/metrics")[2], re.MULTILINE)
        self.assertEqual(len({peer for _, peer, _ in lines}), 1, lines)
        return {what: float(value) for what, _, value in lines}

    def test_while_a_peer_is_away_the_server_says_how_far_behind_it_is(self):
        alice, bob = self.connected()
        up = self.metrics(bob)
        self.assertEqual((up["connected"], up["lag_ops"]), (1, 0))
        address = self.url(alice) + "/crdt-sync"
        alice.kill()
        wait_until(lambda: self.live(bob)[0]["state"] in ("waiting", "dialing"), "bob's server to see that the connection broke")
        for n in range(3):
            bob.must("put", "-q", "2_story", f"stage={n}_stage")
        away = lambda: [peer for peer in self.live(bob) if peer["lag_ops"] == 3 and "refused" in peer["last_error"]]
        first = wait_until(away, "bob's server to count what alice has not got")
        self.assertEqual(len(self.live(bob)), 1)
        self.assertEqual((first[0]["name"], first[0]["address"], first[0]["dialed"]), ("alice", address, True))
        self.assertGreater(first[0]["sent_bytes"], 300)
        down = self.metrics(bob)
        self.assertEqual((down["connected"], down["lag_ops"], down["sent_bytes"]), (0, 3, first[0]["sent_bytes"]))
        self.assertGreater(down["since_seconds"], up["since_seconds"])
        # Dialed again and again in vain, it is away since the same time; also for a server that never saw it.
        bob.kill()
        bob.start("--rendezvous", self.url(alice))
        again = wait_until(away, "the next server to count it too")
        self.assertEqual({**again[0], "state": ""}, {**first[0], "state": ""})

    def test_a_peer_that_dialed_us_and_is_away_is_shown_by_the_server(self):
        alice, bob = self.connected()
        bob.kill()
        alice.must("put", "-q", "1_story", "stage=2_active")
        gone = wait_until(lambda: [peer for peer in self.live(alice) if peer["state"] == "closed"], "alice's server to see that bob is away")
        self.assertEqual((len(self.live(alice)), gone[0]["name"], gone[0]["lag_ops"], gone[0]["dialed"]), (1, "bob", 1, False))
        self.assertIn("the connection", gone[0]["last_error"])

    def test_a_second_server_of_the_log_says_who_is_connected_with_the_first(self):
        alice, bob = self.connected()
        second = copy.copy(bob)
        second.start()
        self.addCleanup(lambda: second.server.close())
        stored = self.peer(bob)
        self.assertEqual(stored["state"], "connected")
        there, = self.live(second)
        self.assertEqual(there, stored | {"other_server": True})
        self.assertNotIn("other_server", self.live(bob)[0])
        self.assertEqual(self.metrics(second)["connected"], 1)
        text = self.shell.musher("inspect", "peers", "--server", f"http://127.0.0.1:{second.server.port}").stdout
        self.assertRegex(text.splitlines()[1], r"^alice +connected by another server +2")
        bob.kill()
        self.assertEqual(self.live(second)[0]["state"], "closed")
        # One that began after the connection is not who has it, whatever the first has left in the file.
        bob.start()
        self.assertEqual(self.peer(bob)["state"], "closed")
        for node in (bob, second):
            there, = self.live(node)
            self.assertEqual((there["state"], "other_server" in there, self.metrics(node)["connected"]), ("closed", False, 0))

    def test_a_second_server_that_leaves_an_address_to_the_first_says_who_is_connected_with_that(self):
        alice, bob = self.make("alice", "bob")
        alice.must("put", "-q", "--new", "1_story", "stage=1_backlog")
        alice.start()
        proxy = Proxy(alice.server.port)
        self.addCleanup(proxy.close)
        there = f"ws://127.0.0.1:{proxy.port}"
        bob.start("--rendezvous", there)
        same_state([alice, bob])
        wait_until(lambda: self.peers(bob) and self.peer(bob)["state"] == "connected", "the connection to be written down")
        proxy.listener.shutdown(socket.SHUT_RDWR)  # nobody else gets through
        second = copy.copy(bob)
        second.start("--rendezvous", there)
        self.addCleanup(lambda: second.server.close())
        address = lambda: re.findall(r"^musher_sync_address_connected{.*} (.)$", second.server.get("/metrics")[2], re.MULTILINE)
        second.server.wait_event("left to another server")
        self.assertEqual(self.live(second), [self.peer(bob) | {"other_server": True}])
        self.assertEqual((self.metrics(second)["connected"], address()), (1, ["1"]))
        bob.kill()
        second.server.wait_event("cannot reach peer")
        gone, = self.live(second)
        self.assertIn(gone["state"], ("waiting", "dialing"))
        self.assertIn("refused", gone["last_error"])
        self.assertEqual((self.metrics(second)["connected"], address()), (0, ["0"]))

    def test_metrics_name_thirty_two_peers_and_those_that_are_connected_first(self):
        alice, bob = self.connected()
        bob_key = bob.key()
        rows = ", ".join(f"(x'{bytes([n] * 32).hex()}', zeroblob(16), NULL, NULL, 0, 'closed', 1000, 'there', '', 0, 0)" for n in range(1, 41))
        self.shell.sql(alice.log, f"INSERT INTO peers VALUES {rows}")
        self.assertEqual(len(self.live(alice)), 41)
        named = re.findall(r'^musher_sync_peer_connected{peer="([0-9a-f]{12})"} (\d)$', alice.server.get("/metrics")[2], re.MULTILINE)
        self.assertEqual((len(named), dict(named)[bob_key[:12]]), (32, "1"))

    def test_metrics_name_no_stranger_that_was_refused(self):
        """Else whoever makes up keys would fill them, and push out those that are known."""
        alice, bob = self.connected()
        stranger = Node(self.shell, "stranger", alice)
        self.nodes.append(stranger)
        stranger.trust(alice)
        stranger.start("--rendezvous", self.url(alice))
        state = lambda node: {peer["peer"]: peer["state"] for peer in self.live(alice)}.get(node.key())
        named = lambda: dict(re.findall(r'^musher_sync_peer_connected{peer="([0-9a-f]{12})"} (\d)$', alice.server.get("/metrics")[2], re.MULTILINE))
        wait_until(lambda: state(stranger) == "refused", "the stranger to be refused")
        self.assertEqual(named(), {bob.key()[:12]: "1"})
        away = [bytes([n] * 32).hex() for n in range(1, 32)]
        self.shell.sql(alice.log, "INSERT INTO peers VALUES " + ", ".join(
            f"(x'{key}', zeroblob(16), NULL, NULL, 0, 'closed', 1000, 'there', '', 0, 0)" for key in away))
        wait_until(lambda: state(stranger) == "refused", "the stranger to be refused")
        self.assertEqual(named(), {bob.key()[:12]: "1"} | {key[:12]: "0" for key in away})
        alice.must("trust", "revoke", bob.key(), "-q")
        wait_until(lambda: state(bob) == "refused", "bob to be let in no more")
        self.assertEqual(named()[bob.key()[:12]], "0")

    def test_metrics_say_of_each_address_whether_its_node_is_connected(self):
        """Also of one where nobody ever answered, which has no key to be named by."""
        alice, bob = self.make("alice", "bob")
        port = alice.start().port
        nobody = "ws://127.0.0.1:9/crdt-sync"
        bob.start("--rendezvous", self.url(alice), "--rendezvous", nobody, "--rendezvous", nobody)
        of = lambda node: re.findall(r'^musher_sync_address_connected{address="([^"]*)"} (\d)$', node.server.get("/metrics")[2], re.MULTILINE)
        wait_until(lambda: sorted(of(bob)) == sorted([(self.url(alice) + "/crdt-sync", "1"), (nobody, "0")]), "alice's address alone to be connected")
        self.assertEqual(of(alice), [])
        alice.server.close()
        wait_until(lambda: {connected for _, connected in of(bob)} == {"0"}, "alice's address to be so no more")
        # It dials back: one connection stays, and each address has its node.
        alice.start("--listen", f"127.0.0.1:{port}", "--rendezvous", self.url(bob), listen=False)
        wait_until(lambda: (self.url(alice) + "/crdt-sync", "1") in of(bob) and of(alice) == [(self.url(bob) + "/crdt-sync", "1")],
                   "both addresses to be connected")

    def test_no_more_than_thirty_two_addresses_are_measured(self):
        alice, = self.make("alice")
        alice.start(*(word for n in range(1, 41) for word in ("--rendezvous", f"ws://127.0.0.1:{n}")))
        self.assertEqual(len(re.findall("^musher_sync_address_connected{", alice.server.get("/metrics")[2], re.MULTILINE)), 32)

    def test_who_stops_in_peace_leaves_no_error(self):
        alice, bob = self.connected()
        self.assertEqual(bob.server.stop(), 0)
        bob.server = None
        wait_until(lambda: self.peer(alice)["state"] == "closed", "alice to write down that bob has gone")
        self.assertEqual((self.peer(alice)["last_error"], self.peer(bob)["last_error"]), ("", ""))

    def test_an_address_that_does_not_let_us_in_is_seen_live_with_the_reason(self):
        alice = Node(self.shell, "alice")
        bob = Node(self.shell, "bob", alice)
        self.nodes += [alice, bob]
        bob.trust(alice)
        alice.start()
        bob.start("--rendezvous", self.url(alice), "--rendezvous", "ws://127.0.0.1:9")
        by_address = lambda: {peer["address"]: peer for peer in self.live(bob)}
        wait_until(lambda: all(peer["last_error"] for peer in by_address().values()), "both addresses to fail")
        refused, nobody = by_address()[self.url(alice) + "/crdt-sync"], by_address()["ws://127.0.0.1:9/crdt-sync"]
        self.assertIn('not-trusted: "musher trust add', refused["last_error"])
        there, = self.live(alice)
        self.assertEqual((there["peer"], there["state"], there["dialed"]), (bob.key(), "refused", False))
        self.assertIn(f"musher trust add {bob.key()} NAME --log {alice.log}", there["last_error"])
        self.assertIn(refused["state"], ("waiting", "dialing", "handshake"))
        self.assertEqual((nobody["peer"], nobody["name"], nobody["dialed"]), (None, "", True))
        self.assertIn("refused", nobody["last_error"])

    def test_the_view_takes_neither_an_id_nor_a_point_in_time(self):
        alice, = self.make("alice")
        for words in (("alice",), ("--at", "row:1"), ("--verify",), ("--jsonl",)):
            done = alice.run("inspect", "peers", *words)
            self.assertEqual((done.returncode, done.stdout), (2, ""), words)
        self.assertIn("keeps no history", alice.run("inspect", "peers", "--at", "row:1").stderr)
        done = alice.run("inspect", "peer")
        self.assertEqual(done.returncode, 2)
        self.assertIn("'peers'", done.stderr)

    def test_a_row_of_the_table_that_is_none_is_damage(self):
        alice, = self.make("alice")
        self.shell.sql(alice.log, "INSERT INTO peers VALUES (x'01', zeroblob(16), NULL, NULL, 0, 'connected', 0, '', '', 0, 0)")
        done = alice.run("inspect", "peers")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("the table peers has a malformed peer", done.stderr)

    def test_what_a_peer_says_cannot_reach_the_terminal(self):
        alice, = self.make("alice")
        self.shell.sql(alice.log, "INSERT INTO peers VALUES (zeroblob(32), zeroblob(16), NULL, NULL, 0, 'closed', 0, 'there', "
                                  "'the peer said ' || char(27) || '[31mviolation', 0, 0)")
        self.assertIn(r"the peer said \x1b[31mviolation", alice.must("inspect", "peers"))


if __name__ == "__main__":
    unittest.main()
