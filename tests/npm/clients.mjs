// Real clients call a server with the conformance suite's fixtures: node clients.mjs URL SERVER-PROGRAM
// Prints one line a check; ends with 1 at the first that fails.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { Client as ModernClient, StreamableHTTPClientTransport as ModernHttp } from "@modelcontextprotocol/client";
import { StdioClientTransport as ModernStdio } from "@modelcontextprotocol/client/stdio";
import { Client as LegacyClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport as LegacyStdio } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport as LegacyHttp } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";

const [url, program] = process.argv.slice(2);
const me = { name: "musher-tests", version: "1.0.0" };
const stdio = { command: program, args: ["--stdio"] };

async function check(what, body) {
  await body();
  console.log(`ok ${what}`);
}

async function common(client, answers) {
  const { tools } = await client.listTools();
  assert.ok(tools.some((tool) => tool.name === "test_simple_text"));
  const simple = await client.callTool({ name: "test_simple_text" });
  assert.match(simple.content[0].text, /simple text response/);
  assert.equal((await client.callTool({ name: "test_error_handling" })).isError, true);
  const steps = [];
  await client.callTool({ name: "test_tool_with_progress", arguments: {} }, ...answers.options((step) => steps.push(step.progress)));
  // A client drops a last note that it reads in one piece with the result.
  assert.deepEqual(steps.slice(0, 2), [0, 50]);
  assert.match((await client.readResource({ uri: "test://template/7/data" })).contents[0].text, /"7"/);
  const prompt = await client.getPrompt({ name: "test_prompt_with_arguments", arguments: { arg1: "a", arg2: "b" } });
  assert.match(prompt.messages[0].content.text, /arg1='a', arg2='b'/);
  const completed = await client.complete({
    ref: { type: "ref/prompt", name: "test_prompt_with_arguments" },
    argument: { name: "arg1", value: "x" },
  });
  assert.deepEqual(completed.completion.values, ["x1", "x2"]);
  const asked = await client.callTool({ name: "test_input_required_result_request_state", arguments: {} });
  assert.equal(asked.content[0].text, "state-ok");
  assert.equal(answers.count(), 1);
  await assert.rejects(client.callTool({ name: "no_such_tool" }), /unknown tool/);
}

async function legacy(transport) {
  let count = 0;
  const client = new LegacyClient(me, { capabilities: { elicitation: {} } });
  client.setRequestHandler(ElicitRequestSchema, async () => {
    ++count;
    return { action: "accept", content: { ok: true } };
  });
  await client.connect(transport);
  await common(client, { count: () => count, options: (onprogress) => [undefined, { onprogress }] });
  await client.subscribeResource({ uri: "test://watched-resource" });
  await client.close();
}

async function modern(transport) {
  let count = 0;
  const client = new ModernClient(me, {
    capabilities: { elicitation: {} },
    versionNegotiation: { mode: { pin: "2026-07-28" } },
  });
  client.setRequestHandler("elicitation/create", async () => {
    ++count;
    return { action: "accept", content: { ok: true } };
  });
  await client.connect(transport);
  assert.equal(client.getNegotiatedProtocolVersion(), "2026-07-28");
  await common(client, { count: () => count, options: (onprogress) => [{ onprogress }] });
  await client.close();
}

async function inspector(target) {
  const cli = fileURLToPath(new URL("node_modules/.bin/mcp-inspector", import.meta.url));
  const { stdout } = await promisify(execFile)(cli, ["--cli", ...target, "--method", "tools/list"]);
  assert.match(stdout, /test_simple_text/);
}

await check("sdk 1, http", () => legacy(new LegacyHttp(new URL(url))));
await check("sdk 1, stdio", () => legacy(new LegacyStdio(stdio)));
await check("client 2, http", () => modern(new ModernHttp(new URL(url))));
await check("client 2, stdio", () => modern(new ModernStdio(stdio)));
await check("inspector, http", () => inspector([url, "--transport", "http"]));
await check("inspector, stdio", () => inspector([program, "--stdio"]));
