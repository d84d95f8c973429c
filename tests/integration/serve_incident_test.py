"""A story that must go: purged from a shell and by an MCP client while a server runs, gone from its memory at once."""

import json
import os
import signal
import unittest

from binaries import Shell
from mcp_client import DECLINED, YES, Legacy, Modern, Server, stories_of, wait_until

STORY = "478_story_sync"


class Incident(unittest.TestCase):
    def setUp(self):
        self.shell = Shell()
        self.addCleanup(self.shell.close)
        self.must("init", "-q")
        self.must("put", "-q", "--new", STORY, "name=Sync", "stage=2_current", "agent=coder-1")
        self.must("put", "-q", "--new", "479_other", "stage=1_backlog")

    def must(self, *arguments):
        done = self.shell.musher(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def server(self, *arguments):
        server = Server(self.shell, *arguments)
        self.addCleanup(server.close)
        return server

    def client(self, server, era=Modern, **options):
        client = era(server, **options)
        self.addCleanup(client.close)
        return client

    def views(self, client):
        """Whether each view of the server's has the story."""
        story = client.document("get_story", {"story_id": STORY})["story"]
        return {
            "get_pipeline_status": STORY in client.stories(),
            "by stage": STORY in client.stories(stage="2_current"),
            "list_agents": any(STORY in agent["stories"] for agent in client.document("list_agents")["agents"]),
            "get_story": story["status"] == "live",
            "resources/list": f"musher://story/{STORY}" in client.resource_uris(),
            "musher://story": client.read(f"musher://story/{STORY}")["story"]["status"] == "live",
            "musher://pipeline": STORY in stories_of(client.read("musher://pipeline")),
            "completion": STORY in self.completed(client),
        }

    def completed(self, client):
        reference = {"type": "ref/resource", "uri": "musher://story/{id}"}
        argument = {"name": "id", "value": "478"}
        return client.request("completion/complete", {"ref": reference, "argument": argument})["completion"]["values"]

    def assert_everywhere(self, client):
        self.assertEqual(set(self.views(client).values()), {True}, self.views(client))

    def assert_gone(self, client):
        self.assertEqual(set(self.views(client).values()), {False}, self.views(client))


class FromAShell(Incident):
    def test_a_purge_is_out_of_every_view_when_the_shell_has_its_prompt_back(self):
        server = self.server()
        client = self.client(server)
        self.assert_everywhere(client)
        done = self.must("purge", STORY, "--yes", "--reason", "keeps coming back")
        self.assertIn(f"the live server PID {server.pid} has it in memory", done.stderr)
        self.assert_gone(client)
        purge = client.document("get_story", {"story_id": STORY})["story"]["purge"]
        self.assertEqual((purge["kind"], purge["value"]), ("delete", {"reason": "keeps coming back"}))
        self.assertEqual(client.document("replay_at", {"compare": "live"})["verdict"], "same")

    def test_it_is_still_gone_after_a_restart(self):
        server = self.server()
        self.must("purge", STORY, "--yes")
        self.assertEqual(server.stop(), 0)
        self.assert_gone(self.client(self.server()))

    def test_a_put_does_not_bring_it_back_and_new_again_does(self):
        client = self.client(self.server())
        self.must("purge", STORY, "--yes")
        refused = self.shell.musher("put", STORY, "stage=3_done")
        self.assertEqual(refused.returncode, 5, refused.stderr)
        self.assertIn("was purged by", refused.stderr)
        self.assertIn("purged", client.refusal("put_story", {"story_id": STORY, "fields": {"stage": "3"}})["message"])
        refused = client.refusal("put_story", {"story_id": STORY, "fields": {}, "new": True})
        self.assertIn("purged", refused["message"])
        self.assert_gone(client)
        self.must("put", "--new", "--again", STORY, "stage=2_current", "agent=coder-1")
        self.assert_everywhere(client)
        self.assertNotIn("name", client.stories()[STORY]["fields"])

    def test_a_put_is_seen_and_confirmed(self):
        server = self.server()
        client = self.client(server)
        done = json.loads(self.must("put", "--json", STORY, "stage=3_qa").stdout)
        self.assertEqual([(one["pid"], one["status"]) for one in done["live"]], [(server.pid, "applied")])
        self.assertEqual(client.stories()[STORY]["fields"]["stage"], "3_qa")

    def test_subscribers_are_told(self):
        client = self.client(self.server())
        messages, connection = client.listen({"resourcesListChanged": True,
                                              "resourceSubscriptions": [f"musher://story/{STORY}"]})
        self.addCleanup(connection.close)
        self.assertEqual(next(messages)["method"], "notifications/subscriptions/acknowledged")
        self.must("purge", STORY, "--yes")
        told = [next(messages) for _ in range(2)]
        self.assertEqual([(message["method"], message["params"].get("uri")) for message in told],
                         [("notifications/resources/updated", f"musher://story/{STORY}"),
                          ("notifications/resources/list_changed", None)])


class SeveralServers(Incident):
    def test_two_servers_on_one_log_both_confirm(self):
        servers = [self.server(), self.server()]
        done = json.loads(self.must("purge", STORY, "--yes", "--json").stdout)
        confirmed = {(one["pid"], one["status"]) for one in done["live"]}
        self.assertEqual(confirmed, {(server.pid, "applied") for server in servers})
        for server in servers:
            self.assert_gone(self.client(server))

    def test_a_killed_server_is_not_waited_for(self):
        killed, alive = self.server(), self.server()
        killed.process.kill()
        killed.wait()
        done = json.loads(self.must("purge", STORY, "--yes", "--json").stdout)
        self.assertEqual([(one["pid"], one["status"]) for one in done["live"]], [(alive.pid, "applied")])

    def test_a_stopped_server_is_named_and_catches_up_when_it_goes_on(self):
        server = self.server()
        client = self.client(server)
        self.assert_everywhere(client)
        os.kill(server.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, server.pid, signal.SIGCONT)
        done = self.shell.musher("purge", STORY, "--yes", "--wait", "300ms")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, rf"committed as op [0-9a-f]+ \(row 3\), not confirmed by PID {server.pid}\b")
        os.kill(server.pid, signal.SIGCONT)
        wait_until(lambda: STORY not in client.stories(), "the server to catch up")
        self.assert_gone(client)

    def test_a_write_through_one_server_names_another_that_is_stopped(self):
        server, stopped = self.server(), self.server()
        client = self.client(server)
        os.kill(stopped.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, stopped.pid, signal.SIGCONT)
        live = client.document("put_story", {"story_id": STORY, "fields": {"stage": "3_qa"}})["live"]
        self.assertEqual({(one["pid"], one["status"]) for one in live},
                         {(server.pid, "applied"), (stopped.pid, "timeout")})


class ThroughMcp(Incident):
    def purged(self, document):
        self.assertEqual((document["stories"][0]["status"], document["confirmed_by"]), ("purged", "elicitation"))
        self.assertFalse(document["dry_run"])
        shown = json.loads(self.must("inspect", "story", STORY, "--json").stdout)["story"]
        self.assertEqual((shown["status"], shown["purge"]["value"]), ("purged", {"reason": "came back twice"}))

    def test_the_modern_era_asks_in_its_result_and_purges_on_the_second_call(self):
        server = self.server()
        client = self.client(server)
        arguments = {"story_id": STORY, "reason": "came back twice"}
        question = client.tool("purge_story", arguments)
        self.assertEqual(question["resultType"], "input_required")
        asked = question["inputRequests"]["confirm"]
        self.assertEqual((asked["method"], asked["params"]["mode"]), ("elicitation/create", "form"))
        for shown in (STORY, "came back twice"):
            self.assertIn(shown, asked["params"]["message"])
        self.assert_everywhere(client)

        result = client.answered("purge_story", arguments, question, YES)
        self.assertEqual(result["resultType"], "complete")
        self.purged(result["structuredContent"])
        self.assert_gone(client)
        self.assertEqual(server.wait_event("wrote")["tool"], "purge_story")

    def test_the_legacy_era_asks_on_the_stream_of_the_call(self):
        client = self.client(self.server(), Legacy, user=lambda params: YES)
        self.assert_everywhere(client)
        result = client.tool("purge_story", {"story_id": STORY, "reason": "came back twice"})
        self.assertIn(STORY, client.asked[0]["message"])
        self.purged(result["structuredContent"])
        self.assert_gone(client)

    def test_a_user_who_says_no_keeps_the_story(self):
        client = self.client(self.server(), Legacy, user=lambda params: DECLINED)
        result = client.tool("purge_story", {"story_id": STORY})
        self.assertFalse(result.get("isError"), result)
        self.assertEqual(result["structuredContent"]["stories"][0]["status"], "would_purge")
        self.assert_everywhere(client)

    def test_purging_again_writes_nothing_and_says_by_which_op_it_went(self):
        client = self.client(self.server())
        first = client.purge(STORY, YES)["structuredContent"]["stories"][0]
        again = client.document("purge_story", {"story_id": STORY})["stories"][0]
        self.assertEqual(again["status"], "already_purged")
        self.assertEqual(again["ops"][0]["op_id"], first["ops"][0]["op_id"])


if __name__ == "__main__":
    unittest.main()
