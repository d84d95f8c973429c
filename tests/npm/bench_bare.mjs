// A bare node:http MCP server of 2026-07-28 for scripts/bench: node bench_bare.mjs FOLDER. Its tool `hello` answers a
// short text made each time; each FOLDER/NAME.json is a tool whose result is kept as bytes. Prints its port; ends with its stdin.

import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";

const VERSION = "2026-07-28";
const META = "io.modelcontextprotocol/";
const serverInfo = { [META + "serverInfo"]: { name: "bare", version: "1" } };

const folder = process.argv[2];
const kept = new Map(
  readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .map((file) => [file.slice(0, -5), readFileSync(`${folder}/${file}`, "utf8")]),
);

function hello(args) {
  return JSON.stringify({
    resultType: "complete",
    content: [{ type: "text", text: `hello ${args.name}` }],
    structuredContent: { hello: args.name },
    _meta: serverInfo,
  });
}

function send(response, status, body) {
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) });
  response.end(body);
}

function refuse(response, status, code, message, id) {
  send(response, status, JSON.stringify({ jsonrpc: "2.0", id, error: { code, message } }));
}

function answer(request, body, response) {
  let message;
  try {
    message = JSON.parse(body);
  } catch {
    return refuse(response, 400, -32700, "not JSON");
  }
  const { id, method, params } = message;
  const meta = params?._meta;
  if (message.jsonrpc !== "2.0" || id === undefined) return refuse(response, 400, -32600, "not a request");
  if (!meta?.[META + "protocolVersion"] || typeof meta[META + "clientCapabilities"] !== "object")
    return refuse(response, 400, -32602, "_meta is missing", id);
  const { headers } = request;
  if (headers["mcp-protocol-version"] !== meta[META + "protocolVersion"] || headers["mcp-method"] !== method)
    return refuse(response, 400, -32020, "headers differ from the body", id);
  if (meta[META + "protocolVersion"] !== VERSION) return refuse(response, 400, -32022, "unsupported version", id);
  if (method !== "tools/call") return refuse(response, 404, -32601, "method not found", id);
  if (headers["mcp-name"] !== params.name) return refuse(response, 400, -32020, "headers differ from the body", id);
  const result = params.name === "hello" ? hello(params.arguments) : kept.get(params.name);
  if (result === undefined) return refuse(response, 200, -32602, "unknown tool", id);
  send(response, 200, `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}`);
}

const server = createServer((request, response) => {
  if (request.method !== "POST" || request.url !== "/mcp") return refuse(response, 404, -32600, "not here");
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => answer(request, chunks.length === 1 ? chunks[0] : Buffer.concat(chunks), response));
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit(0)).resume();
