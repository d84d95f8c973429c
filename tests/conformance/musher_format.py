#!/usr/bin/env python3
"""A second reader of musher's format 1, written from docs/format.md alone: section numbers below are that page's.

  musher_format.py vectors DIR             judges DIR/good.jsonl and DIR/bad.jsonl; 1 if a verdict is not the expected one
  musher_format.py log FILE [--trust MODE] reads the ops of a log and prints what they are and add up to, as JSON
                                           MODE: table (the log's own authors table, the default) or everyone

It reads the table crdt_ops (musher-oplog(5)) and nothing that is derived from it, and writes nothing.
"""
import argparse
import hashlib
import json
import math
import pathlib
import sqlite3
import struct
import sys
from dataclasses import dataclass, field

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

NONE = bytes(32)
NO_SALT = bytes(16)
INSERT, SET, DELETE, ERASE = 1, 2, 3, 4
FIXED = struct.Struct("<BB16s32sQ32sQq32s32sBBB")
assert FIXED.size == 173


class Refused(Exception):
    """An op breaks a rule of section 5; the text is the verdict."""


# --- 1. Layout


@dataclass
class Op:
    kind: int
    document: bytes
    author: bytes
    index: int
    prev: bytes
    seq: int
    time_ms: int
    target: bytes
    digest: bytes
    parents: list
    name: bytes
    actor: bytes

    @staticmethod
    def parse(data):
        """Rule 1."""
        if len(data) < 2:
            raise Refused("malformed")
        if data[0] != 1:
            raise Refused("unknown_version")
        if data[1] not in (INSERT, SET, DELETE, ERASE):
            raise Refused("unknown_kind")
        if len(data) < FIXED.size:
            raise Refused("malformed")
        (_, kind, document, author, index, prev, seq, time_ms, target, digest, p, n, a) = FIXED.unpack_from(data)
        if len(data) != FIXED.size + 32 * p + n + a:
            raise Refused("malformed")
        rest = data[FIXED.size:]
        parents = [rest[32 * i:32 * i + 32] for i in range(p)]
        rest = rest[32 * p:]
        return Op(kind, document, author, index, prev, seq, time_ms, target, digest, parents, rest[:n], rest[n:])

    def canonical(self):
        fixed = FIXED.pack(1, self.kind, self.document, self.author, self.index, self.prev, self.seq, self.time_ms,
                           self.target, self.digest, len(self.parents), len(self.name), len(self.actor))
        return fixed + b"".join(self.parents) + self.name + self.actor

    def dependencies(self):
        return {*self.parents, self.prev, self.target} - {NONE}


# --- 2. Digests


def blake2b(purpose, data, key=b""):
    return hashlib.blake2b(data, digest_size=32, person=purpose.ljust(16, b"\0"), key=key).digest()


def op_id(canonical):
    return blake2b(b"musher op 1", canonical)


def content_digest(salt, content):
    return blake2b(b"musher content 1", content, key=salt)


# --- 3. Signature, in integers

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
IDENTITY = (0, 1, 1, 0)  # X, Y, Z, T with x = X/Z, y = Y/Z, xy = T/Z


def add(a, b):
    x1, y1, z1, t1 = a
    x2, y2, z2, t2 = b
    i = (y1 - x1) * (y2 - x2) % P
    j = (y1 + x1) * (y2 + x2) % P
    k = 2 * D * t1 * t2 % P
    l = 2 * z1 * z2 % P
    e, f, g, h = j - i, l - k, l + k, j + i
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(scalar, point):
    result = IDENTITY
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def encode(point):
    x, y, z, _ = point
    inverse = pow(z, P - 2, P)
    x, y = x * inverse % P, y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def decode(data):
    """The point with this canonical encoding, or None."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


BASE = decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def is_identity(point):
    return encode(point) == encode(IDENTITY)


def is_author_key(key):
    """Rule 1 of section 3."""
    point = decode(key)
    return point is not None and not is_identity(point) and is_identity(times(L, point))


def signature_holds(key, message, signature):
    """Rules 2 to 4 of section 3, for a key that is_author_key."""
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    if s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(r + key + message).digest(), "little") % L
    point = add(times(s, BASE), times(L - h, decode(key)))
    return encode(point) == r and not is_identity(point)


def libsodium_holds(key, message, signature):
    """The same asked of libsodium: thousands of times faster. The vectors show that it answers by the rule."""
    try:
        crypto_sign_open(signature + message, key)
    except BadSignatureError:
        return False
    return True


def signed_message(id):
    return b"musher sign op 1" + id


# --- 4. Content


def number_text(number):
    """As ECMAScript prints it. Python's repr has the same digits, laid out otherwise."""
    if number == 0:
        return "0"
    mantissa, _, exponent = repr(abs(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0)
    if whole == "0":
        point -= len(fraction) - len(fraction.lstrip("0")) + 1
    digits = digits.rstrip("0")
    count = len(digits)
    sign = "-" if number < 0 else ""
    if count <= point <= 21:
        if abs(number) > 2**53 - 1:
            raise ValueError("an integer past 2^53-1")
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    return sign + digits[0] + ("." + digits[1:] if count > 1 else "") + "e" + ("+" if point > 0 else "-") + str(abs(point - 1))


def string_text(text):
    short = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}
    return '"' + "".join(short.get(ord(c)) or (f"\\u{ord(c):04x}" if ord(c) < 32 else c) for c in text) + '"'


def value_text(value):
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, str):
        return string_text(value)
    if isinstance(value, list):
        return "[" + ",".join(map(value_text, value)) + "]"
    members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
    return "{" + ",".join(string_text(name) + ":" + value_text(member) for name, member in members) + "}"


def only_once(pairs):
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name twice")
    return dict(pairs)


def no_constant(text):
    raise ValueError(text)


def finite(text):
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("past a double")
    return number


def read_canonical(content):
    """The value of canonical content; ValueError for anything else. Precondition: nesting(content) <= 32."""
    text = content.decode("utf-8")
    value = json.loads(text, object_pairs_hook=only_once, parse_constant=no_constant, parse_float=finite, parse_int=finite)
    if value_text(value).encode("utf-8") != content:  # lone surrogates do not encode: UnicodeEncodeError is a ValueError
        raise ValueError("another spelling")
    return value


def nesting(content):
    """Levels of brackets as rule 3 counts them."""
    depth = deepest = 0
    in_string = escaped = False
    for byte in content:
        c = chr(byte)
        if in_string:
            if escaped:
                escaped = False
            elif c == "\\":
                escaped = True
            elif c == '"':
                in_string = False
        elif c == '"':
            in_string = True
        elif c in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif c in "]}" and depth:
            depth -= 1
    return deepest


# --- 5. Validity


def is_plain(name):
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return all(ord(c) >= 0x20 and not 0x7F <= ord(c) <= 0x9F for c in text)


def is_field_name(name):
    return 1 <= len(name) <= 128 and is_plain(name) and name != b"story_id"


def has_shape(kind, value):
    if kind == SET:
        return True
    if not isinstance(value, dict):
        return False
    if kind == INSERT:
        return all(is_field_name(name.encode("utf-8")) for name in value)
    return list(value) == ["reason"] and isinstance(value["reason"], str)


@dataclass
class Facts:
    """What the rules need of a dependency."""
    kind: int
    author: bytes
    index: int
    depth: int
    name: bytes


@dataclass
class Claim:
    """An op as it came."""
    op: Op
    signature: bytes
    content: bytes = None
    salt: bytes = NO_SALT
    named: bytes = None


def check_alone(claim, document, good_keys, holds=libsodium_holds):
    """Rules 2 to 14. Returns the op id."""
    op, content = claim.op, claim.content
    if op.document != document:
        raise Refused("wrong_document")
    if len(op.parents) > 64 or len(op.name) > 128 or len(op.actor) > 128:
        raise Refused("oversized")
    if content is not None and (len(content) > 2**20 or nesting(content) > 32):
        raise Refused("oversized")
    if (not 1 <= op.index < 2**63 or op.seq >= 2**63 or (op.prev == NONE) != (op.index == 1)
            or (op.seq == 0) != (op.kind == ERASE) or (op.target == NONE and op.kind != INSERT)
            or (op.digest == NONE and op.kind in (INSERT, SET))):
        raise Refused("bad_fields")
    if NONE in op.parents or any(a >= b for a, b in zip(op.parents, op.parents[1:])):
        raise Refused("bad_parents")
    if not is_plain(op.name) or (not op.name and op.kind in (INSERT, SET)) or (op.name and op.kind == ERASE):
        raise Refused("bad_name")
    if op.kind == SET and op.name == b"story_id":
        raise Refused("bad_name")
    if not is_plain(op.actor):
        raise Refused("bad_actor")
    if (content is not None and op.digest == NONE) or (content is None and claim.salt != NO_SALT):
        raise Refused("content_unexpected")
    if content is not None:
        try:
            value = read_canonical(content)
        except ValueError:
            raise Refused("bad_content") from None
        if claim.salt == NO_SALT or not has_shape(op.kind, value):
            raise Refused("bad_content")
        if content_digest(claim.salt, content) != op.digest:
            raise Refused("digest_mismatch")
    id = op_id(op.canonical())
    if claim.named is not None and claim.named != id:
        raise Refused("id_mismatch")
    if op.author not in good_keys:
        good_keys[op.author] = is_author_key(op.author)
    if not good_keys[op.author]:
        raise Refused("bad_author_key")
    if not holds(op.author, signed_message(id), claim.signature):
        raise Refused("bad_signature")
    return id


def check_dependencies(op, facts):
    """Rules 15 to 19 by the facts of the dependencies that are there. Returns the depth."""
    if op.dependencies() - facts.keys():
        raise Refused("waiting")
    if op.prev != NONE and (facts[op.prev].author != op.author or facts[op.prev].index != op.index - 1):
        raise Refused("prev_mismatch")
    target = facts[op.target].kind if op.target != NONE else None
    if target not in {INSERT: (None, INSERT), SET: (INSERT,), DELETE: (INSERT,), ERASE: (INSERT, SET, DELETE)}[op.kind]:
        raise Refused("target_mismatch")
    if op.kind == DELETE and op.name and facts[op.target].name != op.name:
        raise Refused("story_mismatch")
    depth = 1 + max((facts[id].depth for id in op.dependencies()), default=0)
    if op.seq > depth:
        raise Refused("seq_out_of_bounds")
    return depth


def check_content_is_there(claim, is_erased):
    """Rule 20."""
    if claim.op.digest != NONE and claim.content is None and not is_erased:
        raise Refused("content_missing")


# --- 6 to 8. The document


@dataclass
class Item:
    insert: Op
    id: bytes
    visible: bool
    content_erased: bool = False
    fields: dict = field(default_factory=dict)  # name: (key of the winner, erased)


class Document:
    """Built from ops in an order in which each comes after its dependencies."""

    def __init__(self, is_heard=lambda id, op: True, is_eraser=lambda author: False):
        self.is_heard, self.is_eraser = is_heard, is_eraser
        self.ops, self.depths, self.items = {}, {}, {}
        self.stories, self.purges, self.inserted_after = {}, {}, {}

    def apply(self, id, op, depth, content):
        self.ops[id], self.depths[id] = op, depth
        heard = self.is_heard(id, op)
        if op.kind == INSERT:
            item = self.items[id] = Item(op, id, heard and not self.is_purged(op.name, id))
            self.stories.setdefault(op.name, []).append(item)
            self.inserted_after.setdefault(op.target, []).append(item)
            if heard and content is not None:
                for name in read_canonical(content):
                    self.write(item, name.encode("utf-8"), (0, op.author, id))
        elif heard and op.kind == SET:
            self.write(self.items[op.target], op.name, (op.seq, op.author, id))
        elif heard and op.kind == DELETE:
            self.items[op.target].visible = False
            if op.name:
                self.purges.setdefault(op.name, []).append(id)
                for item in self.stories[op.name]:
                    if item.visible and not self.precedes(id, item.id):
                        item.visible = False
        elif heard and op.kind == ERASE:
            self.erase(op)

    def write(self, item, name, key):
        if name not in item.fields or key > item.fields[name][0]:
            item.fields[name] = (key, False)

    def erase(self, op):
        target = self.ops[op.target]
        if target.author != op.author and not self.is_eraser(op.author):
            return
        if target.kind == INSERT:
            item = self.items[op.target]
            item.content_erased = True
            item.fields = {name: won for name, won in item.fields.items() if won[0][2] != item.id}
        elif target.kind == SET:
            item = self.items[target.target]
            key, _ = item.fields.get(target.name, ((0, b"", b""), False))
            if key[2] == op.target:
                item.fields[target.name] = (key, True)

    def is_purged(self, story, insert):
        return any(not self.precedes(purge, insert) for purge in self.purges.get(story, ()))

    def precedes(self, ancestor, id):
        seen, left = {id}, [id]
        while left:
            for dependency in self.ops[left.pop()].dependencies():
                if dependency == ancestor:
                    return True
                if dependency not in seen and self.depths[dependency] > self.depths[ancestor]:
                    seen.add(dependency)
                    left.append(dependency)
        return False

    def in_order(self):
        order, left = [], [NONE]
        while left:
            after = left.pop()
            if after != NONE:
                order.append(self.items[after])
            siblings = sorted(self.inserted_after.get(after, ()), key=lambda i: (i.insert.seq, i.insert.author, i.id))
            left += [item.id for item in siblings]  # the highest is taken first
        return order

    def state_digest(self):
        data = []
        for item in self.in_order():
            won = sorted((name, key[2], erased) for name, (key, erased) in item.fields.items() if key[2] != item.id)
            data.append(item.id + struct.pack("<BBI", item.visible, item.content_erased, len(won)))
            for name, winner, erased in won:
                data.append(struct.pack("<I", len(name)) + name + winner + bytes([erased]))
        return blake2b(b"musher state 1", b"".join(data))


# --- 9. Chain digest


def chain_start(log):
    return blake2b(b"musher chain 1", log)


def chain_next(before, rowid, id, signature, received_ms, source):
    return blake2b(b"musher chain 1",
                   before + struct.pack("<q", rowid) + id + signature + struct.pack("<q", received_ms) + source)


# --- vectors


def content_of(member):
    if member is None:
        return None
    if isinstance(member, str):
        return member.encode("utf-8")
    if "hex" in member:
        return bytes.fromhex(member["hex"])
    before, unit, times_, after = member["repeat"]
    return (before + unit * times_ + after).encode("utf-8")


def judge(vector, holds):
    """The verdict on a vector, and the op id where there is one."""
    claim = Claim(Op.parse(bytes.fromhex(vector["canonical"])), bytes.fromhex(vector["signature"]), content_of(vector["content"]),
                  bytes.fromhex(vector["salt"]) if vector["salt"] else NO_SALT,
                  bytes.fromhex(vector["claimed"]) if vector["claimed"] else None)
    id = check_alone(claim, bytes.fromhex(vector["document"]), {}, holds)
    kinds = {"insert": INSERT, "set": SET, "delete": DELETE, "erase": ERASE}
    facts = {bytes.fromhex(d["id"]): Facts(kinds[d["kind"]], bytes.fromhex(d["author"]), d["index"], d["depth"], d["name"].encode())
             for d in vector["dependencies"]}
    check_dependencies(claim.op, facts)
    check_content_is_there(claim, vector["erased"])
    return id


def run_vectors(folder):
    wrong = count = 0
    for file in ("good.jsonl", "bad.jsonl"):
        for line in (folder / file).open(encoding="utf-8"):
            vector = json.loads(line)
            for holds in (signature_holds, libsodium_holds):
                verdict, id = "ok", None
                try:
                    id = judge(vector, holds)
                except Refused as refused:
                    verdict = str(refused)
                count += 1
                if verdict != vector["expect"] or (id and id.hex() != vector.get("id")):
                    wrong += 1
                    print(f"{file}: {vector['name']}: {verdict} by {holds.__name__}, expected {vector['expect']}", file=sys.stderr)
    print(f"{count} verdicts, {wrong} wrong")
    return 1 if wrong or not count else 0


# --- a log


def text_bytes(value):
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value


def row_claim(row, document):
    """The op of a row of crdt_ops: the canonical bytes are rebuilt from the columns, in which zeros are NULL."""
    parents = row["parents"]
    op = Op(row["kind"], document, row["author"], row["idx"], row["prev"] or NONE, row["seq"], row["time_ms"],
            row["target"] or NONE, row["digest"] or NONE, [parents[i:i + 32] for i in range(0, len(parents), 32)],
            text_bytes(row["name"]), text_bytes(row["actor"]))
    content = None if row["content"] is None else text_bytes(row["content"])
    return Claim(Op.parse(op.canonical()), row["signature"], content, row["salt"] or NO_SALT, row["op_id"])


class Trust:
    """Section 7, by the rows of the table authors."""

    def __init__(self, records, ops):
        self.records, self.ops, self.heard = {r["author"]: r for r in records}, ops, {}
        for record in records:
            op, ids = ops.get(record["revoked_from"]), set()
            while op is not None and op.author == record["author"] and op.prev != NONE:
                ids.add(op.prev)
                op = ops.get(op.prev)
            self.heard[record["author"]] = ids

    def is_heard(self, id, op):
        record = self.records.get(op.author)
        if record is None:
            return False
        if record["trust"] == "allowed":
            return True
        return id in self.heard[op.author]

    def is_eraser(self, author):
        return author in self.records and bool(self.records[author]["eraser"])


def run_log(file, trust_mode):
    database = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)
    database.row_factory = sqlite3.Row
    database.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    meta = dict(database.execute("SELECT key, value FROM meta").fetchall())
    rows = database.execute("SELECT * FROM crdt_ops ORDER BY rowid").fetchall()
    erased = {row["target"] for row in rows if row["kind"] == ERASE}

    facts, ops, valid, invalid, good_keys = {}, {}, [], [], {}
    chain = chain_start(meta["log"])
    for row in rows:
        try:
            claim = row_claim(row, meta["document"])
            id = check_alone(claim, meta["document"], good_keys)
            depth = check_dependencies(claim.op, facts)
            check_content_is_there(claim, id in erased)
        except (Refused, TypeError, struct.error) as problem:
            verdict = str(problem) if isinstance(problem, Refused) else "malformed"
            invalid.append({"rowid": str(row["rowid"]), "op_id": row["op_id"].hex(), "verdict": verdict})
            continue
        op = claim.op
        facts[id] = Facts(op.kind, op.author, op.index, depth, op.name)
        ops[id] = op
        valid.append((id, op, depth, claim.content))
        chain = chain_next(chain, row["rowid"], id, claim.signature, row["received_ms"], text_bytes(row["source"]))

    trust = Trust(database.execute("SELECT * FROM authors").fetchall(), ops)
    document = Document() if trust_mode == "everyone" else Document(trust.is_heard, trust.is_eraser)
    for op in valid:
        document.apply(*op)
    needed = set().union(*(op.dependencies() for op in ops.values()))
    print(json.dumps({
        "document": meta["document"].hex(),
        "log": meta["log"].hex(),
        "ops": len(rows),
        "valid": len(valid),
        "invalid": invalid,
        "heads": sorted(id.hex() for id in ops.keys() - needed),
        "chain": chain.hex(),
        "state_digest": document.state_digest().hex(),
        "items": sum(item.visible for item in document.items.values()),
        "stories": sorted({item.insert.name.decode() for item in document.items.values() if item.visible}),
    }, indent=1, ensure_ascii=False))
    return 1 if invalid else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    vectors = commands.add_parser("vectors")
    vectors.add_argument("folder", type=pathlib.Path)
    log = commands.add_parser("log")
    log.add_argument("file", type=pathlib.Path)
    log.add_argument("--trust", choices=("table", "everyone"), default="table")
    options = parser.parse_args()
    if options.command == "vectors":
        return run_vectors(options.folder)
    return run_log(options.file, options.trust)


if __name__ == "__main__":
    sys.exit(main())
