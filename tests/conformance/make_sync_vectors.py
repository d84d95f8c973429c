#!/usr/bin/env python3
"""Makes the vectors of docs/sync.md, section 12, with a writer and a signer of its own.

  make_sync_vectors.py DIR               writes DIR/good.jsonl, bad.jsonl and handshake.jsonl; the same bytes in each run
  make_sync_vectors.py --check PAGE DIR  1 if the files or the examples of PAGE (docs/sync.md) are not what this makes
  make_sync_vectors.py --example         prints the examples of docs/sync.md
"""
import argparse
import hashlib
import json
import pathlib
import struct
import sys

from nacl.bindings import crypto_scalarmult, crypto_scalarmult_base
from nacl.signing import SigningKey

from make_vectors import ALICE, BOB, DOCUMENT, MIB, Vector, blake2b, id_of, public

TYPES = ["hello", "proof", "position", "resume", "tips", "reconcile", "want", "samples", "ops", "ack", "ask", "absent"]
LOG_A, LOG_B = bytes([0xA1] * 16), bytes([0xB2] * 16)
SECRET_A, SECRET_B = bytes([0xA7] * 32), bytes([0xB8] * 32)
EXCHANGE_A, EXCHANGE_B = crypto_scalarmult_base(SECRET_A), crypto_scalarmult_base(SECRET_B)
BINDING = bytes(range(32))
DIALER, LISTENER = 1, 2


# --- the layouts


def start(name):
    return bytes([TYPES.index(name) + 1])


def hello(key, log, exchange_key, bound=False, document=DOCUMENT, versions=(1, 1), magic=b"musher-sync"):
    return start("hello") + magic + bytes(versions) + document + log + public(key) + exchange_key + bytes([bound])


def mark(row, chain):
    return struct.pack("<q", row) + chain


def maybe(given):
    return b"\0" if given is None else b"\1" + mark(*given)


def tip(author, index, id):
    return author + struct.pack("<Q", index) + id


def tips(round, upto, entries, last=True, count=None):
    return (start("tips") + struct.pack("<I", round) + mark(*upto) + bytes([last])
            + struct.pack("<I", len(entries) if count is None else count) + b"".join(tip(*entry) for entry in entries))


def want(round, branches, last=True):
    return start("want") + struct.pack("<IBI", round, last, len(branches)) + b"".join(
        id + bytes([len(bases)]) + b"".join(tip(*base) for base in bases) for id, bases in branches)


def samples(round, id, entries):
    return start("samples") + struct.pack("<I", round) + id + bytes([len(entries)]) + b"".join(tip(*entry) for entry in entries)


def one_op(op):
    canonical, content = op.canonical(), op.content_bytes()
    text = struct.pack("<I", len(canonical)) + canonical + ALICE.sign(op.message()).signature
    return text + (b"\0" if content is None else b"\1" + op.salt + struct.pack("<I", len(content)) + content)


def ops(serial, upto, entries, count=None):
    return (start("ops") + struct.pack("<Q", serial) + maybe(upto) + struct.pack("<I", len(entries) if count is None else count)
            + b"".join(entries))


def ids(name, entries, count=None):
    return start(name) + struct.pack("<I", len(entries) if count is None else count) + b"".join(entries)


def transcript(dialer, listener, binding):
    both = dialer[-1] == 1 and listener[-1] == 1
    return dialer + listener + (binding if both else b"")


def digest(role, dialer, listener, binding):
    return blake2b(b"musher sync 1", bytes([role]) + transcript(dialer, listener, binding))


def message_key(role, secret, exchange_key, dialer, listener, binding):
    """Of the end of that role, for what it says; made by either end of its own secret and the other's key."""
    return blake2b(b"musher sync key", crypto_scalarmult(secret, exchange_key) + bytes([role]) + transcript(dialer, listener, binding))


def sealed(key, number, message):
    return message + hashlib.blake2b(struct.pack("<Q", number) + message, key=key, person=b"musher sync tag", digest_size=32).digest()[:16]


def sign(key, hashed):
    return key.sign(b"musher sync 1".ljust(16, b"\0") + hashed).signature


# --- good messages


CHAIN = hashlib.sha256(b"a chain digest").digest()
A, B = public(ALICE), public(BOB)


def insert(what="an insert", **changes):
    return Vector(what, "insert", **changes)


def json_mark(given):
    return None if given is None else {"row": given[0], "chain": given[1].hex()}


def json_tips(entries):
    return [{"author": author.hex(), "index": index, "id": id.hex()} for author, index, id in entries]


def json_op(op):
    content = op.content_bytes()
    return {"canonical": op.canonical().hex(), "signature": ALICE.sign(op.message()).signature.hex(),
            "salt": None if content is None else op.salt.hex(), "content": None if content is None else content.decode()}


def good_vectors():
    lines = []

    def good(name, message, **fields):
        lines.append({"name": name, "message": message.hex(), "type": TYPES[message[0] - 1], "fields": fields})

    def good_hello(name, key, log, exchange_key, **more):
        versions, bound = more.get("versions", (1, 1)), more.get("bound", False)
        good(name, hello(key, log, exchange_key, **more), version_min=versions[0], version_max=versions[1], document=DOCUMENT.hex(),
             log=log.hex(), author=public(key).hex(), exchange_key=exchange_key.hex(), bound=bound)

    good_hello("a hello", ALICE, LOG_A, EXCHANGE_A)
    good_hello("a hello of an end that sees TLS", BOB, LOG_B, EXCHANGE_B, bound=True)
    good_hello("a hello of versions to come", BOB, LOG_B, EXCHANGE_B, versions=(2, 255))
    good("a proof", start("proof") + bytes(range(64)), signature=bytes(range(64)).hex())
    good("no position", start("position") + maybe(None), heard=None)
    for row in (0, 1, 2**63 - 1):
        good(f"a position at row {row}", start("position") + maybe((row, CHAIN)), heard=json_mark((row, CHAIN)))
    good("a resume", start("resume"))
    good("a reconcile", start("reconcile"))
    entries = [(A, 1, id_of(1)), (B, 2**63 - 1, id_of(2))]
    good("tips", tips(1, (7, CHAIN), entries), round=1, upto=json_mark((7, CHAIN)), last=True, tips=json_tips(entries))
    good("no tips", tips(2**32 - 1, (0, CHAIN), []), round=2**32 - 1, upto=json_mark((0, CHAIN)), last=True, tips=[])
    good("a part of tips", tips(2, (7, CHAIN), entries[:1], last=False), round=2, upto=json_mark((7, CHAIN)), last=False, tips=json_tips(entries[:1]))
    bases = [(B, 9, id_of(9))] * 64
    branches = [(id_of(1), []), (id_of(2), bases)]
    good("a want", want(1, branches), round=1, last=True,
         branches=[{"tip": id.hex(), "bases": json_tips(given)} for id, given in branches])
    good("a want of nothing", want(1, []), round=1, last=True, branches=[])
    some = [(A, 72 - n, id_of(n)) for n in range(72)]
    good("72 samples", samples(3, id_of(5), some), round=3, tip=id_of(5).hex(), ops=json_tips(some))
    good("no samples", samples(3, id_of(5), []), round=3, tip=id_of(5).hex(), ops=[])
    given = [insert(), Vector("a set"), Vector("a purge", "delete", name="478_story_sync", content='{"reason":"done"}'),
             Vector("an erase without a reason", "erase"), Vector("an erased set", content=None, digest=id_of(9)),
             Vector("a set of 64 parents", parents=[id_of(n) for n in range(1, 65)])]
    good("ops", ops(1, None, [one_op(op) for op in given]), serial=1, upto=None, ops=[json_op(op) for op in given])
    good("ops with a mark", ops(2, (9, CHAIN), [one_op(given[0])]), serial=2, upto=json_mark((9, CHAIN)), ops=[json_op(given[0])])
    good("a mark alone", ops(3, (9, CHAIN), []), serial=3, upto=json_mark((9, CHAIN)), ops=[])
    good("an ack", start("ack") + struct.pack("<Q", 2**32 + 1), serial=2**32 + 1)
    good("an ask", ids("ask", [id_of(1), id_of(2)]), ids=[id_of(1).hex(), id_of(2).hex()])
    good("an absent", ids("absent", [id_of(1)]), ids=[id_of(1).hex()])
    return lines


# --- bad messages


def bad_vectors():
    lines = []

    def bad(name, expect, message):
        lines.append({"name": name, "message": message.hex() if isinstance(message, bytes) else message, "expect": expect})

    def repeat(before, unit, times, after=b""):
        return {"repeat": [before.hex(), unit.hex(), times, after.hex()]}

    op = one_op(Vector("a set"))
    whole = {"hello": hello(ALICE, LOG_A, EXCHANGE_A), "proof": start("proof") + bytes(64), "position": start("position") + maybe((1, CHAIN)),
             "tips": tips(1, (7, CHAIN), [(A, 1, id_of(1))]), "want": want(1, [(id_of(1), [(A, 1, id_of(1))])]),
             "samples": samples(1, id_of(1), [(A, 1, id_of(1))]), "ops": ops(1, (1, CHAIN), [op]), "ack": start("ack") + bytes(8),
             "ask": ids("ask", [id_of(1)]), "absent": ids("absent", [id_of(1)]), "resume": start("resume"), "reconcile": start("reconcile")}
    bad("nothing", "empty", b"")
    bad("over 4 MiB", "oversized", repeat(ops(1, None, [], count=1), b"\0", 4 * MIB))
    for number in (0, 13, 255):
        bad(f"type {number}", "unknown_type", bytes([number]))
    bad("a greeting that is another's", "bad_magic", hello(ALICE, LOG_A, EXCHANGE_A, magic=b"Musher-sync"))
    for name, message in whole.items():
        bad(f"{name} with a byte behind it", "longer", message + b"\0")
        if len(message) > 1:
            bad(f"{name} without its last byte", "ends_early", message[:-1])
            bad(f"{name}, its type alone", "ends_early", message[:1])
    bad("hello with bound 2", "bad_flag", whole["hello"][:-1] + b"\2")
    bad("position with a flag of 2", "bad_flag", start("position") + b"\2" + mark(1, CHAIN))
    bad("position with a flag of 255", "bad_flag", start("position") + b"\xff")
    bad("tips with last 2", "bad_flag", whole["tips"][:45] + b"\2" + whole["tips"][46:])
    bad("want with last 2", "bad_flag", whole["want"][:5] + b"\2" + whole["want"][6:])
    bad("ops with a mark flag of 2", "bad_flag", whole["ops"][:9] + b"\2" + whole["ops"][10:])
    content_flag = 54 + 4 + len(Vector("a set").canonical()) + 64
    bad("an op with a content flag of 2", "bad_flag", whole["ops"][:content_flag] + b"\2" + whole["ops"][content_flag + 1:])
    bad("position at row -1", "past_2^63-1", start("position") + b"\1" + b"\xff" * 8 + CHAIN)
    bad("tips up to row 2^63", "past_2^63-1", whole["tips"][:5] + struct.pack("<Q", 2**63) + whole["tips"][13:])
    bad("a tip with index 2^63", "past_2^63-1", tips(1, (7, CHAIN), [(A, 2**63, id_of(1))]))
    bad("a base with index 2^64-1", "past_2^63-1", want(1, [(id_of(1), [(A, 2**64 - 1, id_of(1))])]))
    bad("tips that are fewer than they say", "ends_early", tips(1, (7, CHAIN), [(A, 1, id_of(1))], count=2))
    bad("tips that are more than they say", "longer", tips(1, (7, CHAIN), [(A, 1, id_of(1)), (A, 2, id_of(2))], count=1))
    bad("2^32-1 tips", "past_limit", tips(1, (7, CHAIN), [], count=2**32 - 1))
    bad("32,769 tips", "past_limit", repeat(tips(1, (7, CHAIN), [], count=32769), tip(A, 1, id_of(1)), 32769))
    bad("8,193 branches", "past_limit", repeat(start("want") + struct.pack("<IBI", 1, 1, 8193), id_of(1) + b"\0", 8193))
    bad("65 bases", "past_limit", want(1, [(id_of(1), [(A, 1, id_of(1))] * 65)]))
    bad("73 samples", "past_limit", samples(1, id_of(1), [(A, 1, id_of(1))] * 73))
    bad("257 ops", "past_limit", repeat(ops(1, None, [], count=257), op, 257))
    bad("ops that are fewer than they say", "ends_early", ops(1, None, [op], count=2))
    bad("2^32-1 ops", "past_limit", ops(1, None, [], count=2**32 - 1))
    for name in ("ask", "absent"):
        bad(f"{name} of 1,025", "past_limit", repeat(ids(name, [], count=1025), id_of(1), 1025))
        bad(f"{name} of 2^32-1", "past_limit", ids(name, [], count=2**32 - 1))

    def raw_op(canonical, tail=bytes(64) + b"\0", size=None):
        return ops(1, None, [struct.pack("<I", len(canonical) if size is None else size) + canonical + tail], count=1)

    canonical = Vector("a set").canonical()
    bad("an op of 2,478 bytes", "past_limit", raw_op(canonical.ljust(2478, b"\0")))
    bad("an op of 4 GiB", "past_limit", raw_op(canonical, size=2**32 - 1))
    bad("an op whose size is past the message", "ends_early", raw_op(canonical, size=2000))
    bad("an op of no bytes", "bad_op", raw_op(b"", tail=bytes(64) + b"\0" + bytes(173)))
    bad("an op of version 2", "bad_op", raw_op(b"\2" + canonical[1:]))
    bad("an op of kind 5", "bad_op", raw_op(canonical[:1] + b"\5" + canonical[2:]))
    bad("an op with a byte more", "bad_op", raw_op(canonical + b"\0"))
    bad("an op with a name length that lies", "bad_op", raw_op(canonical[:171] + b"\x06" + canonical[172:]))
    bad("content of 1 MiB and a byte", "past_limit",
        repeat(raw_op(canonical, tail=bytes(64) + b"\1" + bytes(16) + struct.pack("<I", MIB + 1)), b" ", MIB + 1))
    bad("content whose size is past the message", "ends_early", raw_op(canonical, tail=bytes(64) + b"\1" + bytes(16) + struct.pack("<I", 9) + b"1"))
    return lines


# --- handshakes


def handshake(dialer_bound, listener_bound):
    dialer, listener = hello(ALICE, LOG_A, EXCHANGE_A, dialer_bound), hello(BOB, LOG_B, EXCHANGE_B, listener_bound)
    binding = BINDING if dialer_bound or listener_bound else None
    ends = {}
    for name, role, key, said, secret, other in (("dialer", DIALER, ALICE, dialer, SECRET_A, EXCHANGE_B),
                                                 ("listener", LISTENER, BOB, listener, SECRET_B, EXCHANGE_A)):
        hashed = digest(role, dialer, listener, binding)
        own = message_key(role, secret, other, dialer, listener, binding)
        ends[name] = {"seed": bytes(key).hex(), "secret": secret.hex(), "hello": said.hex(), "digest": hashed.hex(),
                      "proof": (start("proof") + sign(key, hashed)).hex(), "message_key": own.hex(),
                      "sealed": [sealed(own, 0, start("position") + maybe(None)).hex(), sealed(own, 1, start("resume")).hex()]}
    return {"binding": None if binding is None else binding.hex(), **ends}


def handshake_vectors():
    return [{"name": "no TLS", **handshake(False, False)}, {"name": "both ends see TLS", **handshake(True, True)},
            {"name": "TLS ends at a proxy", **handshake(True, False)}]


def files():
    made = {"good.jsonl": good_vectors(), "bad.jsonl": bad_vectors(), "handshake.jsonl": handshake_vectors()}
    for lines in made.values():
        names = [line["name"] for line in lines]
        assert len(set(names)) == len(names), sorted(n for n in names if names.count(n) > 1)
    return {name: "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines) for name, lines in made.items()}


# --- the examples of docs/sync.md


def table(message, rows):
    lines, at = ["| offset | size | bytes | field | here |", "|---|---|---|---|---|"], 0
    for size, name, meaning in rows:
        lines.append(f"| {at} | {size} | `{message[at:at + size].hex()}` | {name} | {meaning} |")
        at += size
    assert at == len(message), (at, len(message))
    return lines


def block(name, data):
    text = data.hex()
    parts = [text[at:at + 64] for at in range(0, len(text), 64)]
    return [f"    {name + ':':<17}{parts[0]}"] + [" " * 21 + part for part in parts[1:]]


def example():
    made = handshake(False, False)
    dialer, listener = made["dialer"], made["listener"]
    lines = []
    shown = [("seed", "seed"), ("secret", "secret"), ("hello", "hello")]
    wanted = [(f"{name} {what}", end[member]) for what, member in shown for name, end in (("dialer", dialer), ("listener", listener))]
    for name, end in (("dialer", dialer), ("listener", listener)):
        wanted += [(f"{name} digest", end["digest"]), (f"{name} proof", end["proof"])]
    for name, end in (("dialer", dialer), ("listener", listener)):
        wanted += [(f"{name} key", end["message_key"]), ("its position", end["sealed"][0]), ("and resume", end["sealed"][1])]
    for name, hexed in wanted:
        lines += block(name, bytes.fromhex(hexed))
    lines += ["", "The dialer's hello:", ""]
    lines += table(bytes.fromhex(dialer["hello"]), [
        (1, "type", "hello"), (11, "magic", "musher-sync"), (1, "version_min", "1"), (1, "version_max", "1"), (16, "document", "random in a real one"),
        (16, "log", "the same"), (32, "author", "the key of the seed above"), (32, "exchange key", "of the secret above, random in a real one"), (1, "bound", "no TLS")])
    op = Vector("example", index=2, prev=id_of(0xAB), target=id_of(0xAB), parents=[id_of(0xCD)], seq=1)
    message = ops(1, (2, CHAIN), [one_op(op)])
    lines += ["", "The op of docs/format.md section 11, with the mark that its row gives the receiver:", ""] + block("ops", message) + [""]
    size = len(op.canonical())
    lines += table(message, [
        (1, "type", "ops"), (8, "serial", "the first of this connection"), (1, "has mark", "yes"), (8, "row", "2"), (32, "chain digest", "at row 2"),
        (4, "count", "1"), (4, "size", str(size)), (size, "canonical", "a set"), (64, "signature", ""), (1, "has content", "yes"),
        (16, "salt", ""), (4, "size", str(len(op.content_bytes()))), (len(op.content_bytes()), "content", f"`{op.content}`")])
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, nargs="?", metavar="DIR")
    parser.add_argument("--check", type=pathlib.Path, metavar="PAGE")
    parser.add_argument("--example", action="store_true")
    options = parser.parse_args()
    if options.example:
        print(example())
        return 0
    if options.folder is None:
        parser.error("which folder?")
    stale = []
    for name, text in files().items():
        file = options.folder / name
        if not options.check:
            file.write_text(text, encoding="utf-8")
        elif not file.exists() or file.read_text(encoding="utf-8") != text:
            stale.append(file)
    if options.check and example() not in options.check.read_text(encoding="utf-8"):
        stale.append(options.check)
    for file in stale:
        print(f"{file} is not what make_sync_vectors.py makes", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
