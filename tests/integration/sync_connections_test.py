"""Connections with a real node, seen from outside: where it dials and what it offers there."""

import unittest

import sync_nodes_test
from sync_nodes_test import Network, Proxy, same_state


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


if __name__ == "__main__":
    unittest.main()
