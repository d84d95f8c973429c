// The clients that others wrote, connected: what is the same for every server they are tried on.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

import { Client as ModernClient, StreamableHTTPClientTransport as ModernHttp } from "@modelcontextprotocol/client";
import { StdioClientTransport as ModernStdio } from "@modelcontextprotocol/client/stdio";
import { Client as LegacyClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport as LegacyStdio } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport as LegacyHttp } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";

export { LegacyHttp, LegacyStdio, ModernHttp, ModernStdio };

const me = { name: "musher-tests", version: "1.0.0" };

/// Prints one line a check; what throws ends the program with 1.
export async function check(what, body) {
  await body();
  console.log(`ok ${what}`);
}

/// Both clients in one shape. `user` answers an elicitation's params.
export async function legacy(transport, user) {
  const client = new LegacyClient(me, { capabilities: { elicitation: {} } });
  client.setRequestHandler(ElicitRequestSchema, async (request) => user(request.params));
  await client.connect(transport);
  return { client, call: (tool, options) => client.callTool(tool, undefined, options) };
}

export async function modern(transport, user) {
  const client = new ModernClient(me, {
    capabilities: { elicitation: {} },
    versionNegotiation: { mode: { pin: "2026-07-28" } },
  });
  client.setRequestHandler("elicitation/create", async (request) => user(request.params));
  await client.connect(transport);
  assert.equal(client.getNegotiatedProtocolVersion(), "2026-07-28");
  return { client, call: (tool, options) => client.callTool(tool, options) };
}

/// What the inspector says when it is run: { code, stdout, stderr }.
export function inspector(...words) {
  const cli = fileURLToPath(new URL("node_modules/.bin/mcp-inspector", import.meta.url));
  return new Promise((done) => {
    execFile(cli, ["--cli", ...words], (error, stdout, stderr) => done({ code: error ? error.code : 0, stdout, stderr }));
  });
}
