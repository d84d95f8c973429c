"""The protocol's conformance suite against musher serve itself: every scenario but those that need what it has not."""

import concurrent.futures
import json
import pathlib
import tempfile
import unittest

import npm_tools
from binaries import IN_MEMORY, Shell
from mcp_client import Modern, Server

# Scenarios that are not run, and why. Most call tools, prompts or resources that only a server made for the suite has;
# against such a server on the same lib/mcp conformance_test.py runs them all.
NEEDS = {
    "completion-complete": "test_prompt_with_arguments",
    "tools-call-simple-text": "test_simple_text",
    "tools-call-image": "test_image_content",
    "tools-call-audio": "test_audio_content",
    "tools-call-embedded-resource": "test_embedded_resource",
    "tools-call-mixed-content": "test_multiple_content_types",
    "tools-call-with-logging": "test_tool_with_logging",
    "tools-call-error": "test_error_handling",
    "tools-call-with-progress": "test_tool_with_progress",
    "tools-call-sampling": "test_sampling",
    "tools-call-elicitation": "test_elicitation",
    "elicitation-sep1034-defaults": "test_elicitation_sep1034_defaults",
    "elicitation-sep1330-enums": "test_elicitation_sep1330_enums",
    "json-schema-2020-12": "json_schema_2020_12_tool",
    "resources-read-text": "test://static-text",
    "resources-read-binary": "test://static-binary",
    "resources-templates-read": "test://template/123/data",
    "prompts-get-simple": "test_simple_prompt",
    "prompts-get-with-args": "test_prompt_with_arguments",
    "prompts-get-embedded-resource": "test_prompt_with_embedded_resource",
    "prompts-get-with-image": "test_prompt_with_image",
    "server-sse-polling": "test_reconnection",
    "input-required-result-basic-elicitation": "test_input_required_result_elicitation",
    "input-required-result-basic-sampling": "test_input_required_result_sampling",
    "input-required-result-basic-list-roots": "test_input_required_result_list_roots",
    "input-required-result-request-state": "test_input_required_result_request_state",
    "input-required-result-multiple-input-requests": "test_input_required_result_multiple_inputs",
    "input-required-result-multi-round": "test_input_required_result_multi_round",
    "input-required-result-missing-input-response": "test_input_required_result_elicitation",
    "input-required-result-non-tool-request": "test_input_required_result_prompt",
    "input-required-result-result-type": "test_input_required_result_elicitation",
    "input-required-result-tampered-state": "test_input_required_result_tampered_state",
    "input-required-result-capability-check": "test_input_required_result_capabilities",
    "input-required-result-ignore-extra-params": "test_input_required_result_elicitation",
    "input-required-result-validate-input": "test_input_required_result_elicitation",
}
# Optional, required by no revision, and not there (docs/decisions/0007-mcp-layer.md).
TASKS = "the extension io.modelcontextprotocol/tasks"
ABSENT = {
    "tasks-lifecycle": TASKS,
    "tasks-capability-negotiation": TASKS,
    "tasks-wire-fields": TASKS,
    "tasks-request-state-removal": TASKS,
    "tasks-mrtr-input": TASKS,
    "tasks-request-headers": TASKS,
    "tasks-dispatch-and-envelope": TASKS,
    "tasks-status-notifications": TASKS,
    "tasks-required-task-error": TASKS,
    "tasks-mrtr-composition": TASKS,
    "http-custom-header-server-validation": "Mcp-Param-* headers, which only a gateway has a use for",
}
RUN = {
    "2025-11-25": {"server-initialize", "logging-set-level", "ping", "tools-list", "server-sse-multiple-streams",
                   "resources-list", "resources-subscribe", "resources-unsubscribe", "prompts-list",
                   "dns-rebinding-protection", "server-session-lifecycle"},
    "2026-07-28": {"server-stateless", "tools-list", "server-sse-multiple-streams", "resources-list",
                   "sep-2164-resource-not-found", "prompts-list", "dns-rebinding-protection", "caching",
                   "input-required-result-unsupported-methods", "http-header-validation"},
}
# Checks of server-stateless that call a tool of the suite's; its others, 20 and more, are run.
NOT_TESTABLE = {
    "sep-2575-server-rejects-undeclared-capability": "test_missing_capability",
    "sep-2575-missing-capability-http-400": "test_missing_capability",
    "sep-2575-http-server-no-independent-requests-on-stream": "test_streaming_elicitation",
    "sep-2575-server-no-log-without-loglevel": "test_logging_tool",
}
# Warnings of server-stateless: the tool that would change the lists is the suite's too.
UNTRIGGERED = {"sep-2575-server-sends-prompts-list-changed-on-subscription",
               "sep-2575-server-sends-tools-list-changed-on-subscription"}


class ConformanceOfTheServer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shell = Shell(IN_MEMORY)
        cls.addClassCleanup(cls.shell.close)
        cls.shell.musher("init", "-q")
        cls.shell.musher("put", "-q", "--new", "478_story_sync", "name=Sync the nodes", "stage=2_current")
        cls.server = Server(cls.shell)
        cls.addClassCleanup(cls.server.close)

    def test_what_is_not_run_is_listed_with_a_reason_that_holds(self):
        self.assertEqual(set(NEEDS) & set(ABSENT), set())
        known = set()
        for revision, run in RUN.items():
            scenarios = npm_tools.required_of_a_server(revision) | npm_tools.not_scored_of_a_server(revision)
            self.assertEqual(run, scenarios - set(NEEDS) - set(ABSENT), revision)
            self.assertEqual(npm_tools.required_of_a_server(revision) & set(ABSENT), set(), revision)
            known |= scenarios
        self.assertEqual(set(NEEDS) | set(ABSENT), known - RUN["2025-11-25"] - RUN["2026-07-28"])
        client = Modern(self.server)
        self.addCleanup(client.close)
        served = {tool["name"] for tool in client.request("tools/list")["tools"]}
        served |= {prompt["name"] for prompt in client.request("prompts/list")["prompts"]} | set(client.resource_uris())
        suite = npm_tools.SUITE.read_text()
        for fixture in (NEEDS | NOT_TESTABLE).values():
            self.assertIn(fixture, suite)
            self.assertNotIn(fixture, served)

    def checks_of(self, revision, scenario):
        """Each check of one scenario: (id, status, message)."""
        with tempfile.TemporaryDirectory(prefix="musher-test-") as folder:
            url = f"http://127.0.0.1:{self.server.port}/mcp"
            run = npm_tools.run_node(folder, npm_tools.SUITE, "server", "--url", url, "--spec-version", revision,
                                     "--scenario", scenario, "-o", folder, timeout=120)
            found = list(pathlib.Path(folder).glob("**/checks.json"))
            self.assertEqual(len(found), 1, run.stdout[-4000:])
            checks = [(check["id"], check["status"], check.get("errorMessage", "")) for check in
                      json.loads(found[0].read_text())]
        return run.returncode, checks

    def run_scenarios(self, revision):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            results = {name: pool.submit(self.checks_of, revision, name) for name in RUN[revision]}
        for name, result in results.items():
            code, checks = result.result()
            failed = {check: why for check, status, why in checks if status == "FAILURE"}
            warned = {check for check, status, _ in checks if status == "WARNING"}
            self.assertTrue(any(status == "SUCCESS" for _, status, _ in checks), (name, checks))
            if name != "server-stateless":
                self.assertEqual((code, failed, warned), (0, {}, set()), name)
                continue
            self.assertEqual(set(failed), set(NOT_TESTABLE))
            self.assertEqual(warned, UNTRIGGERED)
            for check, why in failed.items():
                self.assertRegex(why, f"^Not testable: server does not list .*'{NOT_TESTABLE[check]}'")
            self.assertGreater(len(checks) - len(failed) - len(warned), 20)

    def test_2025_11_25(self):
        self.run_scenarios("2025-11-25")

    def test_2026_07_28(self):
        self.run_scenarios("2026-07-28")

    def test_no_failure_is_expected(self):
        lines = [line for line in npm_tools.EXPECTED_FAILURES.read_text().splitlines() if not line.startswith("#")]
        self.assertEqual(lines, ["server: []", "client: []"])


if __name__ == "__main__":
    npm_tools.main()
