// Real clients call a server with the conformance suite's fixtures: node clients.mjs URL SERVER-PROGRAM
// Prints one line a check; ends with 1 at the first that fails.

import assert from "node:assert/strict";

import { LegacyHttp, LegacyStdio, ModernHttp, ModernStdio, check, inspector, legacy, modern } from "./real_clients.mjs";

const [url, program] = process.argv.slice(2);
const stdio = { command: program, args: ["--stdio"] };

async function common(connect, transport) {
  let asked = 0;
  const user = () => {
    ++asked;
    return { action: "accept", content: { ok: true } };
  };
  const { client, call } = await connect(transport, user);
  const { tools } = await client.listTools();
  assert.ok(tools.some((tool) => tool.name === "test_simple_text"));
  const simple = await call({ name: "test_simple_text" });
  assert.match(simple.content[0].text, /simple text response/);
  assert.equal((await call({ name: "test_error_handling" })).isError, true);
  const steps = [];
  await call({ name: "test_tool_with_progress", arguments: {} }, { onprogress: (step) => steps.push(step.progress) });
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
  const state = await call({ name: "test_input_required_result_request_state", arguments: {} });
  assert.equal(state.content[0].text, "state-ok");
  assert.equal(asked, 1);
  await assert.rejects(call({ name: "no_such_tool" }), /unknown tool/);
  if (connect === legacy) await client.subscribeResource({ uri: "test://watched-resource" });
  await client.close();
}

async function listed(...target) {
  const { code, stdout, stderr } = await inspector(...target, "--method", "tools/list");
  assert.equal(code, 0, stderr);
  assert.match(stdout, /test_simple_text/);
}

await check("sdk 1, http", () => common(legacy, new LegacyHttp(new URL(url))));
await check("sdk 1, stdio", () => common(legacy, new LegacyStdio(stdio)));
await check("client 2, http", () => common(modern, new ModernHttp(new URL(url))));
await check("client 2, stdio", () => common(modern, new ModernStdio(stdio)));
await check("inspector, http", () => listed(url, "--transport", "http"));
await check("inspector, stdio", () => listed(program, "--stdio"));
