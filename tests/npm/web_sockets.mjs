// npm's ws and our side (tests/integration/web_socket_peer.cpp), each as server and as client:
//   node web_sockets.mjs PEER-PROGRAM PORT TLS-PORT CERTIFICATE KEY
// Prints one line a check; ends with 1 at the first that fails.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { text } from "node:stream/consumers";

import { WebSocket, WebSocketServer } from "ws";

const [program, port, tlsPort, certificate, key] = process.argv.slice(2);
const token = "0123456789abcdef0123456789abcdef";
const right = { headers: { authorization: `Bearer ${token}` } };
const protocols = ["musher.1", "other"];

async function check(what, body) {
  await body();
  console.log(`ok ${what}`);
}

async function open(options = {}, offered = protocols, url = `ws://127.0.0.1:${port}/ws`) {
  const socket = new WebSocket(url, offered, { ...right, ...options });
  await once(socket, "open");
  return socket;
}

async function echo(socket, message) {
  socket.send(message);
  const [data, isBinary] = await once(socket, "message");
  assert.equal(isBinary, true);
  assert.ok(data.equals(message), `${message.length} bytes come back`);
}

async function closed(socket) {
  const [code, reason] = await once(socket, "close");
  return [code, reason.toString()];
}

async function refused(options, offered, path = "/ws") {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, offered, options);
  socket.on("error", () => {});
  const [, response] = await once(socket, "unexpected-response");
  return [response.statusCode, await text(response)];
}

function messages() {
  const random = Buffer.alloc(200_000);
  for (let i = 0; i < random.length; ++i) random[i] = (Math.imul(i, 2654435761) >>> 13) & 0xff;
  return [0, 1, 125, 126, 65_535, 65_536, 1_000_000, 4_194_304]
    .flatMap((size) => [Buffer.alloc(size, "musher "), random.subarray(0, Math.min(size, random.length))]);
}

await check("echo", async () => {
  const socket = await open({ perMessageDeflate: false });
  assert.equal(socket.protocol, "musher.1");
  assert.equal(socket.extensions, "");
  for (const message of messages()) await echo(socket, message);
  socket.ping("hello");
  assert.equal((await once(socket, "pong"))[0].toString(), "hello");
  socket.close(4001, "bye");
  assert.equal((await closed(socket))[0], 4001);
});

await check("permessage-deflate", async () => {
  for (const perMessageDeflate of [
    {},
    { threshold: 0 },
    { threshold: 0, clientMaxWindowBits: 9 },
    { threshold: 0, serverMaxWindowBits: 9, clientMaxWindowBits: true },
    { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true },
  ]) {
    const socket = await open({ perMessageDeflate });
    assert.match(socket.extensions, /permessage-deflate/);
    const before = socket._socket.bytesRead;
    await echo(socket, Buffer.alloc(1_000_000, "musher "));
    assert.ok(socket._socket.bytesRead - before < 50_000, "the echo was deflated");
    for (const message of messages()) await echo(socket, message);
    socket.close(1000);
    assert.equal((await closed(socket))[0], 1000);
  }
});

await check("close codes", async () => {
  let socket = await open();
  socket.send(Buffer.from("close 4321 because it was said"));
  assert.deepEqual(await closed(socket), [4321, "because it was said"]);
  socket = await open();
  socket.send("a text");
  assert.equal((await closed(socket))[0], 1003);
  socket = await open();
  socket.send(Buffer.alloc(4_194_305));
  assert.equal((await closed(socket))[0], 1009);
  socket = await open({ perMessageDeflate: { threshold: 0 } });
  socket.send(Buffer.alloc(100_000_000));
  assert.equal((await closed(socket))[0], 1009);
});

await check("token, path and subprotocol", async () => {
  assert.equal((await refused({}, protocols))[0], 401);
  assert.equal((await refused({ headers: { authorization: `Bearer ${token}x` } }, protocols))[0], 401);
  assert.equal((await refused({ ...right, origin: "https://evil.example" }, protocols))[0], 403);
  assert.equal((await refused(right, protocols, "/other"))[0], 404);
  const [status, body] = await refused(right, ["musher.9"]);
  assert.equal(status, 400);
  assert.match(JSON.parse(body).error.message, /musher.2, musher.1/);
  assert.equal((await open({}, ["musher.1", "musher.2"])).protocol, "musher.2");
});

await check("TLS, and one channel binding at both ends", async () => {
  const ca = readFileSync(certificate);
  const socket = await open({ ca }, protocols, `wss://localhost:${tlsPort}/ws`);
  for (const message of messages()) await echo(socket, message);
  socket.send(Buffer.from("binding"));
  const [theirs] = await once(socket, "message");
  const ours = socket._socket.exportKeyingMaterial(32, "EXPORTER-Channel-Binding", Buffer.alloc(0));
  assert.equal(theirs.toString(), ours.toString("hex"));
  socket.close();
});

/** Has our side dial a server of ws; gives its lines and how it ended. */
async function dialed(options, scheme, deflate, talk) {
  const https = scheme === "wss" && createServer({ cert: readFileSync(certificate), key: readFileSync(key) });
  const server = new WebSocketServer({
    ...(https ? { server: https } : { host: "127.0.0.1", port: 0 }),
    handleProtocols: (offered) => (offered.has("musher.1") ? "musher.1" : false),
    verifyClient: ({ req }) => req.headers.authorization === `Bearer ${token}`,
    ...options,
  });
  if (https) https.listen(0, "127.0.0.1");
  await once(https || server, "listening");
  const { port: there } = (https || server).address();
  const env = { ...process.env, SSL_CERT_FILE: certificate };
  const peer = spawn(program, ["dial", `${scheme}://localhost:${there}/any`, deflate], { env });
  const output = text(peer.stdout);
  const ended = once(peer, "exit");
  if (talk) {
    const [socket] = await once(server, "connection");
    await talk(socket);
  }
  const [status] = await ended;
  server.close();
  if (https) https.close();
  return [status, (await output).trimEnd().split("\n")];
}

await check("our side dials", async () => {
  for (const [scheme, deflate] of [["ws", "plain"], ["ws", "deflate"], ["wss", "deflate"]]) {
    const [status, lines] = await dialed({ perMessageDeflate: { threshold: 0 } }, scheme, deflate, async (socket) => {
      assert.equal(/permessage-deflate/.test(socket.extensions), deflate === "deflate");
      for (const message of messages()) await echo(socket, message);
      await echo(socket, Buffer.from("last"));
      socket.close(4005, "thanks");
      assert.deepEqual(await closed(socket), [4005, ""]);
    });
    assert.equal(status, 0);
    assert.equal(lines[0], "speaks musher.1");
    assert.equal(lines.at(-2), "last");
    assert.equal(lines.at(-1), "closed 4005 thanks by them");
  }
});

await check("our side is refused", async () => {
  const [unauthorized, [why]] = await dialed({ verifyClient: () => false }, "ws", "plain");
  assert.equal(unauthorized, 1);
  assert.match(why, /it answers 401: the token of --rendezvous-token-file is not in the token file there/);
  const [other, [what]] = await dialed({ handleProtocols: () => false }, "ws", "plain");
  assert.equal(other, 1);
  assert.match(what, /it speaks no protocol of its own, not musher.2 or musher.1/);
});

await check("a server of ws that breaks off", async () => {
  const [status, lines] = await dialed({}, "ws", "plain", async (socket) => socket.terminate());
  assert.equal(status, 0);
  assert.match(lines.at(-1), /^closed 1006 .* by us$/);
});

process.exit(); // some sockets are still open
