"""The clients that others wrote call each tool of musher serve, over HTTP and stdio, in both eras."""

import json
import re
import unittest

import npm_tools
from binaries import BIN, IN_MEMORY, Shell
from mcp_client import Server

CHECKS = [f"{client}, {way}{what}" for what in ("", ", cancelled") for client in ("sdk 1", "client 2") for way in ("http", "stdio")]
CHECKS += ["sdk 1, http, refused", "client 2, http, refused", "inspector, http", "inspector, stdio"]
TOKEN = "alice-0123456789abcdef"


class RealClients(unittest.TestCase):
    def test_they_call_each_tool(self):
        shell = Shell(IN_MEMORY)
        self.addCleanup(shell.close)
        log = shell.work / "pipeline.db"
        shell.musher("init", "-q")
        # Enough that an audit tells how far it is before it is done.
        shell.musher("put", "-q", "--new", "478_story_sync", "stage=1_backlog")
        shell.musher("put", "-q", "478_story_sync", *(f"field_{n}:={n}" for n in range(5000)))
        tokens = shell.work / "tokens"
        tokens.write_text(f"alice {TOKEN}\n")
        tokens.chmod(0o600)
        server = Server(shell, "--token-file", tokens)
        self.addCleanup(server.close)
        starts = shell.work / "starts"
        program = shell.work / "start"
        program.write_text(f'#!/bin/sh\necho start >> {starts}\nexec {BIN}/musher-serve "$@"\n')
        program.chmod(0o755)
        url = f"http://127.0.0.1:{server.port}/mcp"
        run = npm_tools.run_node(shell.folder, npm_tools.NPM / "serve_clients.mjs", url, TOKEN, program, log,
                                 environment=shell.environment, timeout=280)
        self.assertEqual(run.returncode, 0, run.stdout[-8000:])
        self.assertEqual(re.findall("^ok (.*)$", run.stdout, re.MULTILINE), CHECKS)
        # Twice each on stdio; the modern client tries its program before it uses it. Twelve calls of the inspector.
        self.assertEqual(starts.read_text().count("start"), 2 + 2 * 2 + 12)

        stories = json.loads(shell.musher("inspect", "stories", "--json").stdout)["stories"]
        self.assertEqual({story["story_id"] for story in stories}, {"478_story_sync", "inspector_http", "inspector_stdio"})
        self.assertEqual(shell.musher("verify-order", "-q").returncode, 0)
        self.assertEqual(server.readiness()[0], 200)
        wrote = [event["what"] for event in server.events("wrote") if event["tool"] == "purge_story"]
        self.assertEqual(wrote, [f"purged story {story}, confirmed by elicitation" for story in ("sdk1_http", "client2_http")])
        actors = {op["actor"] for op in json.loads(shell.musher("inspect", "ops", "--json").stdout)["ops"]}
        self.assertIn("alice", actors)
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    npm_tools.main()
