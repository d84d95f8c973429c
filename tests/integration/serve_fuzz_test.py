"""Broken HTTP, JSON and streams on raw sockets against musher serve: no crash, no hang, the right status, and nothing written
that was not asked for."""

import json
import os
import random
import re
import socket
import unittest

from binaries import IN_MEMORY, Shell
from mcp_client import ELICITATION, LEGACY, META, MODERN, Legacy, Modern, Server

SEED = int(os.environ.get("MUSHER_FUZZ_SEED", "20261129"))
MUTANTS = 10_000
STORY = "478_story_sync"
# What may come of a request that is no good; 200, 202 and 204 of one that is.
STATUSES = {200, 202, 204, 400, 403, 404, 405, 406, 408, 413, 415, 417, 431, 505}

PIECES = [b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0", b" ", b":", b",", b"{", b"}", b"[", b"]", b'"', b"\\", b"null", b"true", b"-0",
          b"1e999", b"99999999999999999999", b'"\\ud800"', b"\xff", b"\xc3\xa9", b"data: x\n\n", b"event: message\n", b"id: 1\n",
          b"Host: evil.example\r\n", b"Origin: null\r\n", b"Content-Length: 5\r\n", b"Content-Length: -1\r\n",
          b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n", b"Mcp-Session-Id: x\r\n", b"Last-Event-ID: 7\r\n",
          b"Accept: text/event-stream\r\n", b"MCP-Protocol-Version: 2026-07-28\r\n", b"Mcp-Method: ping\r\n",
          b"Content-Type: text/plain\r\n", b"ffffffffffffffff\r\n", b"HTTP/9.9", b'"_meta":{},', b'"id":[],', b'"method":7,']


def raw(method, body, *headers, chunked=False):
    lines = [f"{method} /mcp HTTP/1.1", "Host: localhost", "Accept: application/json, text/event-stream", *headers]
    payload = b"" if body is None else json.dumps(body).encode()
    if chunked:
        lines += ["Content-Type: application/json", "Transfer-Encoding: chunked"]
        payload = b"%x\r\n%s\r\n0\r\n\r\n" % (len(payload), payload)
    elif body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(payload)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + payload


def modern(method, chunked=False, **params):
    meta = {META + "protocolVersion": MODERN, META + "clientCapabilities": ELICITATION}
    headers = [f"MCP-Protocol-Version: {MODERN}", f"Mcp-Method: {method}"]
    if name := params.get("name", params.get("uri")):
        headers.append(f"Mcp-Name: {name}")
    return raw("POST", {"jsonrpc": "2.0", "id": 1, "method": method, "params": params | {"_meta": meta}}, *headers, chunked=chunked)


def corpus(session):
    uri = f"musher://story/{STORY}"
    by_session = [f"Mcp-Session-Id: {session}", f"MCP-Protocol-Version: {LEGACY}"]

    def legacy(method, **params):
        return raw("POST", {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}, *by_session)

    return [
        modern("server/discover"),
        modern("tools/list"),
        modern("tools/call", name="get_pipeline_status", arguments={"limit": 2, "stage": "1_backlog"}),
        modern("tools/call", name="get_story", arguments={"story_id": STORY, "at": "row:1"}),
        modern("tools/call", chunked=True, name="list_ops", arguments={"after": "0", "kind": "set"}),
        modern("tools/call", name="replay_at", arguments={"compare": "seq"}),
        modern("tools/call", name="verify_order", arguments={}),
        modern("tools/call", name="put_story", arguments={"story_id": STORY, "fields": {"note": 1.5, "stage": "\u00e9"}}),
        modern("tools/call", name="purge_story", arguments={"story_id": STORY}, requestState="e30.e30",
               inputResponses={"confirm": {"action": "accept", "content": {"confirm": True}}}),
        modern("resources/read", uri=uri),
        modern("prompts/get", name="why-does-this-story-keep-coming-back", arguments={"story_id": STORY}),
        modern("completion/complete", ref={"type": "ref/resource", "uri": "musher://story/{id}"}, argument={"name": "id", "value": "4"}),
        modern("subscriptions/listen", notifications={"resourceSubscriptions": [uri], "toolsListChanged": True}),
        raw("POST", {"jsonrpc": "2.0", "id": 0, "method": "initialize",
                     "params": {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}}),
        raw("GET", None, *by_session),
        legacy("tools/call", name="purge_story", arguments={"story_id": STORY}),
        legacy("resources/subscribe", uri=uri),
        raw("POST", {"jsonrpc": "2.0", "id": "musher-1", "result": {"action": "accept", "content": {"confirm": False}}}, *by_session),
        raw("POST", [{"jsonrpc": "2.0", "id": 1, "method": "ping"}], *by_session),
        b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ]


def mutated(chance, texts):
    text = bytearray(chance.choice(texts))
    if chance.randrange(5) == 0:
        text += chance.choice(texts)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(text) + 1)
        kind = chance.randrange(6)
        if kind == 0:
            text[at:at] = chance.choice(PIECES)
        elif kind == 1:
            del text[at:at + chance.randint(1, 12)]
        elif kind == 2 and at < len(text):
            text[at] = chance.randrange(256)
        elif kind == 3:
            start = chance.randrange(len(text) + 1)
            text[at:at] = text[start:start + chance.randint(1, 40)]
        elif kind == 4:
            del text[at:]
        else:
            text[at:at] = bytes([chance.randrange(256)]) * chance.randint(1, 20_000)
        text = text or bytearray(b"P")
    return bytes(text)


class Mutants(unittest.TestCase):
    def test_mutated_requests(self):
        shell = Shell(IN_MEMORY)
        self.addCleanup(shell.close)
        shell.musher("init", "-q")
        shell.musher("put", "-q", "--new", STORY, "stage=1_backlog")
        server = Server(shell)
        self.addCleanup(server.close)
        port = server.port
        legacy = Legacy(server)
        self.addCleanup(legacy.close)
        texts = corpus(legacy.session["Mcp-Session-Id"])
        chance = random.Random(SEED)
        seen = {}
        for number in range(MUTANTS):
            text = mutated(chance, texts)
            with self.subTest(seed=SEED, number=number), socket.create_connection(("127.0.0.1", port), 30) as client:
                client.sendall(text)
                client.shutdown(socket.SHUT_WR)  # what lacks its end has none to come
                answer = b""
                # A stream goes on until its client goes.
                while b"\r\nContent-Type: text/event-stream\r\n" not in answer and (part := client.recv(65536)):
                    answer += part
                if answer:
                    status = int(re.match(rb"HTTP/1\.[01] (\d{3}) ", answer)[1])
                    seen[status] = seen.get(status, 0) + 1
                    self.assertIn(status, STATUSES, text)
            if number % 1000 == 0:
                self.assertEqual(server.readiness()[0], 200)
        for status in (200, 202, 400, 403, 404, 405, 406, 415, 431, 505):
            self.assertIn(status, seen)
        client = Modern(server)
        self.addCleanup(client.close)
        self.assertEqual(client.document("get_story", {"story_id": STORY})["story"]["status"], "live")
        self.assertEqual(client.document("replay_at", {"compare": "live"})["verdict"], "same")
        self.assertEqual(client.document("verify_order", {"full": True})["verdict"], "ok")
        self.assertEqual(server.stop(), 0)
        self.assertNotIn("Sanitizer", server.text())
        self.assertEqual(shell.musher("verify-order", "-q").returncode, 0)


if __name__ == "__main__":
    unittest.main()
