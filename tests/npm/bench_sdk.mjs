// A trivial tool on the TypeScript SDK's own server (1.x: sessions, JSON answers) for scripts/bench: node bench_sdk.mjs
// Prints its port; ends with its stdin.

import { createServer } from "node:http";
import { randomUUID } from "node:crypto";

import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { z } from "zod";

const mcp = new McpServer({ name: "sdk", version: "1" });
mcp.registerTool("hello", { description: "Says hello", inputSchema: { name: z.string() } }, ({ name }) => ({
  content: [{ type: "text", text: `hello ${name}` }],
}));
const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: randomUUID, enableJsonResponse: true });
await mcp.connect(transport);

const server = createServer((request, response) => transport.handleRequest(request, response));
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit(0)).resume();
