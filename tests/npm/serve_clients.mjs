// Real clients call each tool of musher serve: node serve_clients.mjs URL TOKEN MUSHER-SERVE LOG
// Prints one line a check; ends with 1 at the first that fails. Both clients hold results against the output schemas.

import assert from "node:assert/strict";

import { LegacyHttp, LegacyStdio, ModernHttp, ModernStdio, check, inspector, legacy, modern } from "./real_clients.mjs";

const [url, token, program, log] = process.argv.slice(2);
// The key's note of what it wrote last is in the state folder, which clients do not pass on by themselves.
const stdio = { command: program, args: ["--stdio", "--log", log], env: process.env };
const authorization = `Bearer ${token}`;
const http = (Transport, shown = authorization) =>
  new Transport(new URL(url), { requestInit: { headers: { Authorization: shown } } });
const kTools = [
  "get_node", "get_pipeline_status", "get_story", "list_agents", "list_ops", "purge_story", "put_story", "replay_at",
  "verify_order",
];

/// Each tool, on a story of this client's own.
async function everyTool(connect, transport, story) {
  const answers = [];
  const asked = [];
  const { client, call } = await connect(transport, (params) => {
    asked.push(params);
    return answers.shift();
  });
  const { tools } = await client.listTools();
  assert.deepEqual(tools.map((tool) => tool.name), kTools);
  const called = new Set();
  const ask = async (name, args = {}, options = undefined) => {
    called.add(name);
    return call({ name, arguments: args }, options);
  };
  const document = async (...words) => {
    const result = await ask(...words);
    assert.ok(!result.isError, JSON.stringify(result));
    return result.structuredContent;
  };

  const fields = { name: "A story", stage: "2_current", agent: `agent-${story}`, retry_count: 2, blocked: true, depends_on: ["x"] };
  const made = await document("put_story", { story_id: story, fields, new: true });
  assert.equal(made.created, true);
  assert.equal((await document("put_story", { story_id: story, fields: { stage: "3_qa" } })).ops[0].field, "stage");
  const status = await document("get_pipeline_status", { stage: "3_qa", agent: fields.agent, blocked: true });
  assert.deepEqual(status.stages["3_qa"].map((one) => [one.story_id, one.fields]), [[story, { ...fields, stage: "3_qa" }]]);
  const agents = (await document("list_agents")).agents;
  assert.deepEqual(agents.find((one) => one.agent === fields.agent).stories, [story]);
  const shown = await document("get_story", { story_id: story });
  assert.deepEqual(shown.history.stage.map((op) => [op.value, op.won]), [[fields, false], ["3_qa", true]]);
  const ops = (await document("list_ops", { story_id: story })).ops;
  assert.deepEqual(ops.map((op) => op.kind), ["insert", "set"]);
  assert.equal((await document("get_node")).author, made.ops[0].author);
  assert.equal((await document("replay_at")).verdict, "ok");
  assert.equal((await document("replay_at", { compare: "live" })).verdict, "same");
  const steps = [];
  const audit = await document("verify_order", { full: true }, { onprogress: (step) => steps.push(step) });
  assert.equal(audit.verdict, "ok");
  assert.ok(steps.length >= 1 && steps.every((step, at) => at === 0 || step.progress > steps[at - 1].progress), JSON.stringify(steps));

  // An error is a result that the model can read, and not one that the client throws away.
  const missing = await call({ name: "put_story", arguments: { story_id: `${story}x`, fields: { stage: "1" } } });
  assert.deepEqual([missing.isError, missing.structuredContent.code], [true, "not_found"]);
  assert.ok(missing.structuredContent.candidates.includes(story));

  const uri = `musher://story/${story}`;
  const { resources } = await client.listResources();
  assert.ok(resources.some((resource) => resource.uri === uri));
  assert.equal(JSON.parse((await client.readResource({ uri })).contents[0].text).story.fields.stage, "3_qa");
  const { prompts } = await client.listPrompts();
  assert.equal(prompts.length, 3);
  const prompt = await client.getPrompt({ name: "why-does-this-story-keep-coming-back", arguments: { story_id: story } });
  assert.equal(prompt.messages[1].content.resource.uri, uri);
  const completed = await client.complete({
    ref: { type: "ref/resource", uri: "musher://story/{id}" },
    argument: { name: "id", value: story },
  });
  assert.deepEqual(completed.completion.values, [story]);

  for (const [answer, left] of [
    [{ action: "decline" }, "would_purge"],
    [{ action: "cancel" }, "would_purge"],
    [{ action: "accept", content: { confirm: false } }, "would_purge"],
    [{ action: "accept", content: { confirm: true } }, "purged"],
  ]) {
    answers.push(answer);
    const purge = await document("purge_story", { story_id: story, reason: "done with it" });
    assert.deepEqual([purge.stories[0].status, purge.confirmed_by], [left, left === "purged" ? "elicitation" : undefined]);
  }
  assert.equal(asked.length, 4);
  assert.ok(asked.every((params) => params.message.includes(story) && params.requestedSchema.required[0] === "confirm"));
  assert.equal((await document("purge_story", { story_id: story })).stories[0].status, "already_purged");
  assert.equal(asked.length, 4);
  assert.equal((await document("get_story", { story_id: story })).story.status, "purged");
  assert.deepEqual([...called].sort(), kTools);
  await client.close();
}

/// Long enough for an audit to be under way when it is given up, and the connection is good for more afterwards.
async function cancelled(connect, transport) {
  const { client, call } = await connect(transport, () => assert.fail("asked"));
  const stop = new AbortController();
  const audit = call({ name: "verify_order", arguments: { full: true } },
                     { signal: stop.signal, onprogress: () => stop.abort("enough") });
  await assert.rejects(audit, /enough/);
  assert.equal((await call({ name: "get_node", arguments: {} })).isError, undefined);
  await client.close();
}

/// A client that is refused says why.
async function refused(connect, Transport) {
  const user = () => assert.fail("asked");
  await assert.rejects(connect(http(Transport, "Bearer wrong-0123456789abcdef"), user), /not known|401|[Uu]nauthorized/);
  const { client, call } = await connect(http(Transport), user);
  const fields = { text: "x".repeat(5_000_000) };
  await assert.rejects(call({ name: "put_story", arguments: { story_id: "478_story_sync", fields } }), /too long|413/);
  assert.equal((await call({ name: "get_node", arguments: {} })).isError, undefined);
  await client.close();
}

async function inspected(target, story) {
  const run = async (...words) => {
    const { code, stdout, stderr } = await inspector(...target, "--format", "json", ...words);
    return { code, result: stdout ? JSON.parse(stdout) : undefined, stderr };
  };
  const listed = await run("--method", "tools/list", "--strict");
  assert.equal(listed.code, 0, listed.stderr);
  assert.doesNotMatch(listed.stderr, /Warning|[1-9][0-9]* (error|warning)/);
  const result = (ran) => ran.result.result ?? ran.result;
  assert.deepEqual(result(listed).tools.map((tool) => tool.name), kTools);
  const call = async (name, args = {}) =>
    run("--method", "tools/call", "--tool-name", name, "--tool-args-json", JSON.stringify(args));
  const calls = [
    ["put_story", { story_id: story, fields: { stage: "1_backlog", agent: story }, new: true }],
    ["get_pipeline_status", { stage: "1_backlog" }],
    ["list_agents"],
    ["get_story", { story_id: story }],
    ["list_ops", { story_id: story, limit: 5 }],
    ["replay_at", { compare: "seq" }],
    ["verify_order"],
    ["get_node"],
  ];
  for (const [name, args] of calls) {
    const ran = await call(name, args);
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(result(ran).structuredContent.schema, /^musher\./);
  }
  // It has no user to ask.
  for (const era of ["legacy", "modern"]) {
    const refused = await run("--protocol-era", era, "--method", "tools/call", "--tool-name", "purge_story",
                              "--tool-args-json", JSON.stringify({ story_id: story }));
    assert.notEqual(refused.code, 0);
    assert.match(JSON.stringify(refused.result), /cannot ask its user/);
  }
  assert.equal(result(await call("get_story", { story_id: story })).structuredContent.story.status, "live");
}

await check("sdk 1, http", () => everyTool(legacy, http(LegacyHttp), "sdk1_http"));
await check("sdk 1, stdio", () => everyTool(legacy, new LegacyStdio(stdio), "sdk1_stdio"));
await check("client 2, http", () => everyTool(modern, http(ModernHttp), "client2_http"));
await check("client 2, stdio", () => everyTool(modern, new ModernStdio(stdio), "client2_stdio"));
await check("sdk 1, http, cancelled", () => cancelled(legacy, http(LegacyHttp)));
await check("sdk 1, stdio, cancelled", () => cancelled(legacy, new LegacyStdio(stdio)));
await check("client 2, http, cancelled", () => cancelled(modern, http(ModernHttp)));
await check("client 2, stdio, cancelled", () => cancelled(modern, new ModernStdio(stdio)));
await check("sdk 1, http, refused", () => refused(legacy, LegacyHttp));
await check("client 2, http, refused", () => refused(modern, ModernHttp));
await check("inspector, http", () =>
  inspected([url, "--transport", "http", "--header", `Authorization: ${authorization}`], "inspector_http"));
await check("inspector, stdio", () => inspected([program, "--stdio", "--log", log], "inspector_stdio"));
