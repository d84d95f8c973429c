// A node of docs/sync.md and docs/format.md that shares no code with musher: npm's ws, Node's own Ed25519, and BLAKE2b from
// RFC 7693, since Node's has no personalisation.
//
//   sync_client.mjs vectors DIR             reads DIR/good.jsonl, bad.jsonl and handshake.jsonl; what does not fit is an error
//   sync_client.mjs node URL SEED DOCUMENT  syncs with a server: prints a line of JSON for each thing that is done, and goes on
//                                           at each line of standard input: "put STORY [MS]" (its clock is so far ahead), "reconnect", "end"
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import readline from 'node:readline';
import WebSocket from 'ws';

// --- BLAKE2b, RFC 7693, with a key and a personalisation

const MASK = (1n << 64n) - 1n;
const IV = [
  0x6a09e667f3bcc908n, 0xbb67ae8584caa73bn, 0x3c6ef372fe94f82bn, 0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n, 0x9b05688c2b3e6c1fn, 0x1f83d9abfb41bd6bn, 0x5be0cd19137e2179n,
];
const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4], [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13], [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11], [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5], [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

function blake2b(person, data, key = Buffer.alloc(0)) {
  const parameters = Buffer.alloc(64);
  parameters.set([32, key.length, 1, 1]); // digest length, key length, fanout, depth
  parameters.write(person, 48, 'latin1');
  const h = IV.map((word, i) => word ^ parameters.readBigUInt64LE(8 * i));
  const input = key.length ? Buffer.concat([key, Buffer.alloc(128 - key.length), data]) : data;
  const blocks = Math.max(1, Math.ceil(input.length / 128));
  const rotate = (x, n) => (x >> n) | ((x << (64n - n)) & MASK);
  for (let block = 0; block < blocks; block += 1) {
    const part = Buffer.alloc(128);
    input.copy(part, 0, 128 * block, Math.min(input.length, 128 * (block + 1)));
    const m = Array.from({ length: 16 }, (_, i) => part.readBigUInt64LE(8 * i));
    const last = block === blocks - 1;
    const v = [...h, ...IV];
    v[12] ^= BigInt(last ? input.length : 128 * (block + 1));
    if (last) v[14] ^= MASK;
    const mix = (a, b, c, d, x, y) => {
      v[a] = (v[a] + v[b] + x) & MASK;
      v[d] = rotate(v[d] ^ v[a], 32n);
      v[c] = (v[c] + v[d]) & MASK;
      v[b] = rotate(v[b] ^ v[c], 24n);
      v[a] = (v[a] + v[b] + y) & MASK;
      v[d] = rotate(v[d] ^ v[a], 16n);
      v[c] = (v[c] + v[d]) & MASK;
      v[b] = rotate(v[b] ^ v[c], 63n);
    };
    for (let round = 0; round < 12; round += 1) {
      const s = SIGMA[round % 10];
      mix(0, 4, 8, 12, m[s[0]], m[s[1]]);
      mix(1, 5, 9, 13, m[s[2]], m[s[3]]);
      mix(2, 6, 10, 14, m[s[4]], m[s[5]]);
      mix(3, 7, 11, 15, m[s[6]], m[s[7]]);
      mix(0, 5, 10, 15, m[s[8]], m[s[9]]);
      mix(1, 6, 11, 12, m[s[10]], m[s[11]]);
      mix(2, 7, 8, 13, m[s[12]], m[s[13]]);
      mix(3, 4, 9, 14, m[s[14]], m[s[15]]);
    }
    for (let i = 0; i < 8; i += 1) h[i] ^= v[i] ^ v[i + 8];
  }
  const out = Buffer.alloc(64);
  h.forEach((word, i) => out.writeBigUInt64LE(word, 8 * i));
  return out.subarray(0, 32);
}

// --- Ed25519 by Node

const privateKey = (seed) =>
  crypto.createPrivateKey({ key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]), format: 'der', type: 'pkcs8' });
const publicKey = (key) =>
  crypto.createPublicKey({ key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key]), format: 'der', type: 'spki' });
const rawPublic = (secret) => crypto.createPublicKey(secret).export({ format: 'der', type: 'spki' }).subarray(12);
const statement = (domain, digest) => Buffer.concat([Buffer.from(domain.padEnd(16, '\0'), 'latin1'), digest]);

// --- messages

const TYPES = ['hello', 'proof', 'position', 'resume', 'tips', 'reconcile', 'want', 'samples', 'ops', 'ack', 'ask', 'absent'];
const ZEROS = Buffer.alloc(32);
const MIB = 1024 * 1024;

class Bad extends Error {}

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  take(size) {
    if (this.bytes.length - this.at < size) throw new Bad('ends_early');
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }

  u8() { return this.take(1)[0]; }
  u32() { return this.take(4).readUInt32LE(); }
  u64() { return this.take(8).readBigUInt64LE(); }

  i63() {
    const value = this.u64();
    if (value >> 63n) throw new Bad('past_2^63-1');
    return value;
  }

  flag() {
    const value = this.u8();
    if (value > 1) throw new Bad('bad_flag');
    return value === 1;
  }

  mark() { return { row: this.i63(), chain: this.take(32) }; }
  maybeMark() { return this.flag() ? this.mark() : null; }
  tip() { return { author: this.take(32), index: this.i63(), id: this.take(32) }; }

  list(count, most, least, read) {
    if (count > most) throw new Bad('past_limit');
    if (count * least > this.bytes.length - this.at) throw new Bad('ends_early');
    return Array.from({ length: count }, read);
  }

  sized(most) {
    const size = this.u32();
    if (size > most) throw new Bad('past_limit');
    return this.take(size);
  }
}

const KINDS = [null, 'insert', 'set', 'delete', 'erase'];

function parseOp(bytes) {
  if (bytes.length < 2 || bytes[0] !== 1 || !KINDS[bytes[1]] || bytes.length < 173) throw new Bad('bad_op');
  const [parents, name, actor] = [bytes[170], bytes[171], bytes[172]];
  if (bytes.length !== 173 + 32 * parents + name + actor) throw new Bad('bad_op');
  const at = 173 + 32 * parents;
  return {
    kind: KINDS[bytes[1]], document: bytes.subarray(2, 18), author: bytes.subarray(18, 50), index: bytes.readBigUInt64LE(50),
    prev: bytes.subarray(58, 90), seq: bytes.readBigUInt64LE(90), time: bytes.readBigInt64LE(98), target: bytes.subarray(106, 138),
    digest: bytes.subarray(138, 170), parents: Array.from({ length: parents }, (_, i) => bytes.subarray(173 + 32 * i, 205 + 32 * i)),
    name: bytes.subarray(at, at + name), actor: bytes.subarray(at + name),
  };
}

function readOp(reader) {
  const canonical = reader.sized(2477);
  parseOp(canonical);
  const signature = reader.take(64);
  if (!reader.flag()) return { canonical, signature, salt: null, content: null };
  return { canonical, signature, salt: reader.take(16), content: reader.sized(MIB) };
}

const READ = {
  hello(r) {
    if (r.take(11).toString('latin1') !== 'musher-sync') throw new Bad('bad_magic');
    return { version_min: r.u8(), version_max: r.u8(), document: r.take(16), log: r.take(16), author: r.take(32), exchange_key: r.take(32), bound: r.flag() };
  },
  proof: (r) => ({ signature: r.take(64) }),
  position: (r) => ({ heard: r.maybeMark() }),
  resume: () => ({}),
  tips: (r) => ({ round: r.u32(), upto: r.mark(), last: r.flag(), tips: r.list(r.u32(), 32768, 72, () => r.tip()) }),
  reconcile: () => ({}),
  want: (r) => ({
    round: r.u32(), last: r.flag(),
    branches: r.list(r.u32(), 8192, 33, () => ({ tip: r.take(32), bases: r.list(r.u8(), 64, 72, () => r.tip()) })),
  }),
  samples: (r) => ({ round: r.u32(), tip: r.take(32), ops: r.list(r.u8(), 72, 72, () => r.tip()) }),
  ops: (r) => ({ serial: r.u64(), upto: r.maybeMark(), ops: r.list(r.u32(), 256, 242, () => readOp(r)) }),
  ack: (r) => ({ serial: r.u64() }),
  ask: (r) => ({ ids: r.list(r.u32(), 1024, 32, () => r.take(32)) }),
  absent: (r) => ({ ids: r.list(r.u32(), 1024, 32, () => r.take(32)) }),
};

function decode(bytes) {
  if (bytes.length === 0) throw new Bad('empty');
  if (bytes.length > 4 * MIB) throw new Bad('oversized');
  const type = TYPES[bytes[0] - 1];
  if (!type) throw new Bad('unknown_type');
  const reader = new Reader(bytes.subarray(1));
  const message = { type, ...READ[type](reader) };
  if (reader.at !== reader.bytes.length) throw new Bad('longer');
  return message;
}

function u(size, value) {
  const bytes = Buffer.alloc(size);
  if (size === 8) bytes.writeBigUInt64LE(BigInt(value));
  else bytes.writeUIntLE(value, 0, size);
  return bytes;
}
const mark = ({ row, chain }) => Buffer.concat([u(8, row), chain]);
const maybeMark = (given) => (given ? Buffer.concat([u(1, 1), mark(given)]) : u(1, 0));
const tip = ({ author, index, id }) => Buffer.concat([author, u(8, index), id]);
const op = ({ canonical, signature, salt, content }) =>
  Buffer.concat([u(4, canonical.length), canonical, signature, u(1, content ? 1 : 0), ...(content ? [salt, u(4, content.length), content] : [])]);

const WRITE = {
  hello: (m) => [Buffer.from('musher-sync'), u(1, m.version_min), u(1, m.version_max), m.document, m.log, m.author, m.exchange_key, u(1, m.bound ? 1 : 0)],
  proof: (m) => [m.signature],
  position: (m) => [maybeMark(m.heard)],
  resume: () => [],
  tips: (m) => [u(4, m.round), mark(m.upto), u(1, m.last ? 1 : 0), u(4, m.tips.length), ...m.tips.map(tip)],
  reconcile: () => [],
  want: (m) => [u(4, m.round), u(1, m.last ? 1 : 0), u(4, m.branches.length), ...m.branches.flatMap((b) => [b.tip, u(1, b.bases.length), ...b.bases.map(tip)])],
  samples: (m) => [u(4, m.round), m.tip, u(1, m.ops.length), ...m.ops.map(tip)],
  ops: (m) => [u(8, m.serial), maybeMark(m.upto), u(4, m.ops.length), ...m.ops.map(op)],
  ack: (m) => [u(8, m.serial)],
  ask: (m) => [u(4, m.ids.length), ...m.ids],
  absent: (m) => [u(4, m.ids.length), ...m.ids],
};
const encode = (message) => Buffer.concat([u(1, TYPES.indexOf(message.type) + 1), ...WRITE[message.type](message)]);

const transcript = (dialer, listener, binding) => {
  const bound = dialer.at(-1) === 1 && listener.at(-1) === 1;
  return Buffer.concat([dialer, listener, ...(bound ? [binding] : [])]);
};
const proofDigest = (role, ...said) => blake2b('musher sync 1', Buffer.concat([u(1, role), transcript(...said)]));

// X25519 with raw keys.
const exchangeSecret = (bytes) => crypto.createPrivateKey({ key: Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), bytes]), format: 'der', type: 'pkcs8' });
const exchangeKey = (secret) => crypto.createPublicKey(secret).export({ format: 'der', type: 'spki' }).subarray(-32);
const exchange = (secret, key) => crypto.diffieHellman({
  privateKey: secret,
  publicKey: crypto.createPublicKey({ key: Buffer.concat([Buffer.from('302a300506032b656e032100', 'hex'), key]), format: 'der', type: 'spki' }),
});

// The tags of what one end says.
class Tags {
  constructor(shared, role, ...said) {
    this.key = blake2b('musher sync key', Buffer.concat([shared, u(1, role), transcript(...said)]));
    this.number = 0n;
  }

  next(message) {
    const tag = blake2b('musher sync tag', Buffer.concat([u(8, this.number), message]), this.key).subarray(0, 16);
    this.number += 1n;
    return tag;
  }
}

// --- vectors

function vectors(folder) {
  // RFC 7693, appendix A, has BLAKE2b-512; this one is libsodium's and hashlib's for 32 bytes.
  assert.equal(blake2b('', Buffer.from('abc')).toString('hex'), 'bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319');
  const lines = (name) => fs.readFileSync(`${folder}/${name}`, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  const hex = (text) => Buffer.from(text, 'hex');
  const bytesOf = (given) => {
    if (typeof given === 'string') return hex(given);
    const [before, unit, times, after] = given.repeat;
    return Buffer.concat([hex(before), ...Array(times).fill(hex(unit)), hex(after)]);
  };
  const shown = (key, value) => {
    if (key === 'content') return value === null ? null : Buffer.from(value).toString();
    if (value?.type === 'Buffer') return Buffer.from(value.data).toString('hex');
    return typeof value === 'bigint' ? Number(value) : value;
  };
  for (const { name, message, type, fields } of lines('good.jsonl')) {
    const bytes = bytesOf(message);
    const { type: found, ...read } = decode(bytes);
    assert.equal(found, type, name);
    const rounded = JSON.stringify(fields, shown).replaceAll('9223372036854775807', '9223372036854776000');
    assert.equal(JSON.stringify(read, shown), rounded, name);
    assert.ok(encode({ type, ...read }).equals(bytes), name);
  }
  for (const { name, message, expect } of lines('bad.jsonl')) {
    assert.throws(() => decode(bytesOf(message)), (error) => error instanceof Bad && error.message === expect, name);
  }
  for (const { name, binding, dialer, listener } of lines('handshake.jsonl')) {
    for (const [role, end] of [[1, dialer], [2, listener]]) {
      const digest = proofDigest(role, hex(dialer.hello), hex(listener.hello), binding && hex(binding));
      assert.equal(digest.toString('hex'), end.digest, name);
      const secret = privateKey(hex(end.seed));
      assert.ok(rawPublic(secret).equals(decode(hex(end.hello)).author), name);
      const signature = crypto.sign(null, statement('musher sync 1', digest), secret);
      assert.equal(encode({ type: 'proof', signature }).toString('hex'), end.proof, name);
      const own = exchangeSecret(hex(end.secret));
      assert.ok(exchangeKey(own).equals(decode(hex(end.hello)).exchange_key), name);
      const other = decode(hex((role === 1 ? listener : dialer).hello)).exchange_key;
      const tags = new Tags(exchange(own, other), role, hex(dialer.hello), hex(listener.hello), binding && hex(binding));
      assert.equal(tags.key.toString('hex'), end.message_key, name);
      for (const sealed of end.sealed.map(hex)) assert.ok(tags.next(sealed.subarray(0, -16)).equals(sealed.subarray(-16)), name);
    }
  }
}

// --- a node

class Node {
  constructor(seed, document) {
    this.secret = privateKey(seed);
    this.author = rawPublic(this.secret);
    this.document = document;
    this.log = crypto.randomBytes(16);
    this.rows = []; // of our own log, each op with its id and mark
    this.byId = new Map();
    this.heard = null; // how far we got in the server's log
    this.own = { index: 0n, prev: ZEROS };
    this.received = 0;
  }

  mark() { return this.rows.at(-1)?.mark ?? { row: 0n, chain: blake2b('musher chain 1', this.log) }; }

  /// Checks all that can be checked of an op alone, and that what it depends on is there.
  add(given, source) {
    const fields = parseOp(given.canonical);
    const id = blake2b('musher op 1', given.canonical);
    const key = id.toString('hex');
    if (this.byId.has(key)) return false;
    assert.ok(fields.document.equals(this.document), 'the document');
    assert.ok(crypto.verify(null, statement('musher sign op 1', id), publicKey(fields.author), given.signature), 'the signature');
    if (given.content) assert.ok(blake2b('musher content 1', given.content, given.salt).equals(fields.digest), 'the content digest');
    else assert.ok(fields.digest.equals(ZEROS), 'content that is missing');
    for (const needed of [fields.prev, fields.target, ...fields.parents]) {
      assert.ok(needed.equals(ZEROS) || this.byId.has(needed.toString('hex')), 'an op before what it depends on');
    }
    const before = this.mark();
    const row = before.row + 1n;
    const received = BigInt(Date.now());
    const chain = blake2b('musher chain 1', Buffer.concat([before.chain, u(8, row), id, given.signature, u(8, received), Buffer.from(source)]));
    const entry = { ...given, fields, id, mark: { row, chain } };
    this.rows.push(entry);
    this.byId.set(key, entry);
    return true;
  }

  tips() {
    const prevs = new Set(this.rows.map(({ fields }) => fields.prev.toString('hex')));
    return this.rows.filter(({ id }) => !prevs.has(id.toString('hex'))).map(({ fields, id }) => ({ author: fields.author, index: fields.index, id }));
  }

  insert(story, ahead) {
    const content = Buffer.from('{"stage":"1_backlog"}');
    const salt = crypto.randomBytes(16);
    const named = new Set(this.rows.flatMap(({ fields }) => [fields.prev, fields.target, ...fields.parents]).map((id) => id.toString('hex')));
    const heads = this.rows.filter(({ id }) => !named.has(id.toString('hex'))).map(({ id }) => id).sort(Buffer.compare);
    const listSeq = this.rows.filter(({ fields }) => ['insert', 'delete'].includes(fields.kind)).reduce((most, { fields }) => (fields.seq > most ? fields.seq : most), 0n);
    const [name, actor] = [Buffer.from(story), Buffer.from('node')];
    const canonical = Buffer.concat([
      u(1, 1), u(1, 1), this.document, this.author, u(8, this.own.index + 1n), this.own.prev, u(8, listSeq + 1n), u(8, Date.now() + ahead), ZEROS,
      blake2b('musher content 1', content, salt), u(1, heads.length), u(1, name.length), u(1, actor.length), ...heads, name, actor,
    ]);
    const id = blake2b('musher op 1', canonical);
    const signature = crypto.sign(null, statement('musher sign op 1', id), this.secret);
    this.own = { index: this.own.index + 1n, prev: id };
    this.add({ canonical, signature, salt, content }, 'local');
    return this.rows.at(-1);
  }
}

class Connection {
  constructor(node, url, tell) {
    this.node = node;
    this.tell = tell;
    this.serial = 0n;
    this.expected = 1n;
    this.waiting = new Map();
    this.verdicts = { ours: null, theirs: null };
    this.counts = {};
    this.socket = new WebSocket(url, 'musher-sync.1');
    this.exchangeSecret = exchangeSecret(crypto.randomBytes(32));
    this.socket.on('open', () => {
      this.ours = this.send({
        type: 'hello', version_min: 1, version_max: 1, document: node.document, log: node.log, author: node.author,
        exchange_key: exchangeKey(this.exchangeSecret), bound: false,
      });
    });
    this.socket.on('message', (data, isBinary) => {
      assert.ok(isBinary);
      const bytes = this.theirTags ? data.subarray(0, -16) : data;
      if (this.theirTags) assert.ok(this.theirTags.next(bytes).equals(data.subarray(-16)), 'a tag');
      const message = decode(bytes);
      assert.ok(encode(message).equals(bytes), 'a message that is not written as it was read');
      this.counts[message.type] = (this.counts[message.type] ?? 0) + 1;
      this[message.type](message, bytes);
    });
    this.socket.on('close', (code, reason) => tell({ event: 'closed', code, reason: reason.toString() }));
  }

  send(message) {
    const bytes = encode(message);
    this.socket.send(this.tags ? Buffer.concat([bytes, this.tags.next(bytes)]) : bytes);
    return bytes;
  }

  // The handshake, from the dialer's side.
  hello(message, bytes) {
    assert.ok(message.version_min <= 1 && message.version_max >= 1);
    assert.ok(message.document.equals(this.node.document));
    this.theirs = Buffer.from(bytes);
    const digest = proofDigest(1, this.ours, this.theirs);
    this.send({ type: 'proof', signature: crypto.sign(null, statement('musher sync 1', digest), this.node.secret) });
  }

  proof({ signature }) {
    const digest = proofDigest(2, this.ours, this.theirs);
    assert.ok(crypto.verify(null, statement('musher sync 1', digest), publicKey(decode(this.theirs).author), signature), 'the proof');
    const shared = exchange(this.exchangeSecret, decode(this.theirs).exchange_key);
    this.tags = new Tags(shared, 1, this.ours, this.theirs);
    this.theirTags = new Tags(shared, 2, this.ours, this.theirs);
    this.tell({ event: 'proven', author: decode(this.theirs).author.toString('hex') });
    this.send({ type: 'position', heard: this.node.heard });
  }

  position({ heard }) {
    const mine = heard && this.node.rows.find(({ mark: known }) => known.row === heard.row && known.chain.equals(heard.chain));
    this.verdicts.ours = mine ? 'resume' : 'tips';
    if (mine) {
      this.sent = heard.row;
      if (this.verdicts.theirs !== 'tips') this.send({ type: 'resume' });
    }
    this.decide();
  }

  resume() {
    this.verdicts.theirs = 'resume';
    this.decide();
  }

  tips(message) {
    this.verdicts.theirs ??= 'tips';
    this.decide();
    const branches = message.tips.filter(({ id }) => !this.node.byId.has(id.toString('hex')))
      .map(({ id, author }) => ({ tip: id, bases: this.node.tips().filter((each) => each.author.equals(author)) }));
    this.send({ type: 'want', round: message.round, last: message.last, branches });
    this.opened();
  }

  decide() {
    if (!this.verdicts.ours || this.tipsSent) return;
    if (this.verdicts.ours === 'tips' || this.verdicts.theirs === 'tips') {
      this.tipsSent = true;
      this.send({ type: 'tips', round: 1, upto: this.node.mark(), last: true, tips: this.node.tips() });
    } else if (this.verdicts.theirs === 'resume') {
      this.given = true;
      this.opened();
    }
  }

  // The server wants of us what it lacks: our own ops.
  want({ round, last, branches }) {
    assert.equal(round, 1);
    const wanted = branches.map(({ tip: id }) => this.node.byId.get(id.toString('hex'))).map(({ fields }) => fields.author);
    const rows = this.node.rows.filter(({ fields }) => wanted.some((author) => author.equals(fields.author)));
    if (rows.length) this.push(rows, null);
    if (!last) return;
    this.push([], this.node.mark());
    this.given = true;
    this.opened();
  }

  // Open: the server has what it lacked, and has said its verdict. Its want may come before its own tips.
  opened() {
    if (this.isOpen || !this.given || !this.verdicts.theirs) return;
    this.isOpen = true;
    this.tell({ event: 'open', ...this.verdicts });
  }

  push(rows, upto) {
    this.serial += 1n;
    this.send({ type: 'ops', serial: this.serial, upto, ops: rows });
    return this.serial;
  }

  put(story, ahead) {
    const entry = this.node.insert(story, ahead);
    this.waiting.set(this.push([entry], entry.mark), entry.id.toString('hex'));
  }

  ops({ serial, upto, ops }) {
    assert.equal(serial, this.expected);
    this.expected += 1n;
    let fresh = 0;
    for (const each of ops) fresh += this.node.add(each, 'peer') ? 1 : 0;
    this.node.received += ops.length;
    if (upto) this.node.heard = upto;
    this.send({ type: 'ack', serial });
    this.tell({ event: 'ops', ops: ops.length, fresh, upto: upto && Number(upto.row) });
  }

  ack({ serial }) {
    assert.ok(serial <= this.serial);
    for (const [sent, id] of this.waiting) {
      if (sent > serial) continue;
      this.waiting.delete(sent);
      this.tell({ event: 'acknowledged', op_id: id });
    }
  }

  end() { this.socket.close(1001, 'the node stops'); }
}

function node(url, seed, document) {
  const self = new Node(Buffer.from(seed, 'hex'), Buffer.from(document, 'hex'));
  const tell = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
  let connection = new Connection(self, url, tell);
  readline.createInterface({ input: process.stdin }).on('line', (line) => {
    const [command, story, ahead] = line.split(' ');
    if (command === 'put') connection.put(story, Number(ahead ?? 0));
    if (command === 'reconnect') {
      connection.socket.once('close', () => { connection = new Connection(self, url, tell); });
      connection.end();
    }
    if (command === 'end') {
      tell({ event: 'end', received: self.received, rows: self.rows.length });
      connection.end();
    }
  }).on('close', () => connection.socket.terminate());
}

const [what, ...rest] = process.argv.slice(2);
if (what === 'vectors') vectors(...rest);
else if (what === 'node') node(...rest);
else throw new Error('vectors DIR, or node URL SEED DOCUMENT');
