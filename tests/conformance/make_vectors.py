#!/usr/bin/env python3
"""Makes the vectors of docs/format.md, section 12, with a signer of its own.

  make_vectors.py DIR               writes DIR/good.jsonl and DIR/bad.jsonl; the same bytes in each run
  make_vectors.py --check PAGE DIR  1 if the files or section 11 of PAGE (docs/format.md) are not what this makes
  make_vectors.py --example         prints section 11 of docs/format.md
"""
import argparse
import hashlib
import json
import pathlib
import struct
import sys

from nacl import bindings
from nacl.signing import SigningKey

ZEROS = bytes(32)
KINDS = {"insert": 1, "set": 2, "delete": 3, "erase": 4}
DOCUMENT = bytes([0xD0] * 16)
MIB = 1024 * 1024
L = 2**252 + 27742317777372353535851937790883648493
P = 2**255 - 19
IDENTITY = (1).to_bytes(32, "little")
ORDER_8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
SIGN_BIT = bytes(31) + b"\x80"


def id_of(number):
    return bytes([number] * 32)


def blake2b(purpose, data, key=b""):
    return hashlib.blake2b(data, digest_size=32, person=purpose.ljust(16, b"\0"), key=key).digest()


def number(value):
    return (value % L).to_bytes(32, "little")


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


# --- ops


ALICE = SigningKey(bytes([0x11] * 32))
BOB = SigningKey(bytes([0x22] * 32))


def public(key):
    return bytes(key.verify_key)


class Vector:
    """One op and what surrounds it. By default valid; a test changes what it is about."""

    def __init__(self, what, kind="set", expect="ok", **changes):
        self.what, self.expect = what, expect
        self.document, self.signer, self.raw, self.signature = DOCUMENT, ALICE, None, None
        self.claimed, self.erased, self.digest = None, False, None
        self.salt = hashlib.sha256(what.encode()).digest()[:16]
        self.op = {"version": 1, "kind": KINDS[kind], "document": DOCUMENT, "author": public(ALICE), "index": 1, "prev": ZEROS,
                   "seq": 0 if kind == "erase" else 1, "time_ms": 1790000000000, "target": ZEROS if kind == "insert" else id_of(7),
                   "parents": [], "name": {"insert": "478_story_sync", "set": "stage"}.get(kind, ""), "actor": "alice"}
        self.content = {"insert": '{"name":"Sync","stage":"1_upcoming"}', "set": '"2_current"'}.get(kind)
        self.dependencies = None
        for key, value in changes.items():
            if key in self.op:
                self.op[key] = value
            else:
                assert hasattr(self, key), key
                setattr(self, key, value)

    def content_bytes(self):
        content = self.content
        if content is None or isinstance(content, str):
            return None if content is None else content.encode("utf-8")
        if "hex" in content:
            return bytes.fromhex(content["hex"])
        before, unit, times, after = content["repeat"]
        return (before + unit * times + after).encode("utf-8")

    def canonical(self):
        if self.raw is not None:
            return self.raw
        op = self.op
        digest = self.digest
        if digest is None:
            content = self.content_bytes()
            digest = ZEROS if content is None else blake2b(b"musher content 1", content, self.salt)
        name = op["name"].encode("utf-8") if isinstance(op["name"], str) else op["name"]
        actor = op["actor"].encode("utf-8") if isinstance(op["actor"], str) else op["actor"]
        return (struct.pack("<BB16s32sQ32sQq32s32sBBB", op["version"], op["kind"], op["document"], op["author"], op["index"],
                            op["prev"], op["seq"], op["time_ms"], op["target"], digest, len(op["parents"]), len(name), len(actor))
                + b"".join(op["parents"]) + name + actor)

    def id(self):
        return blake2b(b"musher op 1", self.canonical())

    def message(self):
        return b"musher sign op 1" + self.id()

    def facts(self):
        """By default the target and parents are inserts of this story by Bob at depth 9, and prev is a set by the op's author."""
        if self.dependencies is not None:
            return self.dependencies
        facts = {}
        for id in self.op["parents"]:
            facts[id] = fact(id)
        if self.op["target"] != ZEROS:
            facts[self.op["target"]] = fact(self.op["target"])
        if self.op["prev"] != ZEROS:
            facts[self.op["prev"]] = fact(self.op["prev"], "set", self.op["author"], self.op["index"] - 1)
        return list(facts.values())

    def line(self):
        signature = self.signature if self.signature is not None else self.signer.sign(self.message()).signature
        content = self.content_bytes()
        salt = self.salt if content is not None or self.expect == "content_unexpected" else bytes(16)
        vector = {"name": self.what, "expect": self.expect, "document": self.document.hex(), "canonical": self.canonical().hex(),
                  "signature": signature.hex(), "content": self.content, "salt": salt.hex() if any(salt) else None,
                  "claimed": self.claimed.hex() if self.claimed else None, "dependencies": self.facts(), "erased": self.erased}
        if self.expect == "ok":
            vector["id"] = self.id().hex()
        return json.dumps(vector)


def fact(id, kind="insert", author=public(BOB), index=1, depth=9, name="478_story_sync"):
    return {"id": id.hex(), "kind": kind, "author": author.hex(), "index": index, "depth": depth, "name": name if kind == "insert" else ""}


# --- hostile signatures


def wide(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % L


def plus(a, b):
    return bindings.crypto_core_ed25519_add(a, b)


def base_times(scalar):
    return bindings.crypto_scalarmult_ed25519_base_noclamp(number(scalar))


class HostileSigner:
    """A key whose secret number is known, so that any R can be signed for."""

    def __init__(self, torsion=None):
        self.secret = wide(b"make_vectors: secret")
        self.nonce = wide(b"make_vectors: nonce")
        self.public = base_times(self.secret)
        if torsion is not None:
            self.public = plus(self.public, torsion)

    def sign(self, vector, r=None, nonce=None):
        """nonce: the multiple of the base point in r."""
        r = base_times(self.nonce) if r is None else r
        nonce = self.nonce if nonce is None else nonce
        h = wide(r, vector.op["author"], vector.message())
        return r + number(nonce + h * self.secret)


def multiples_of_torsion():
    point, points = ORDER_8, []
    for _ in range(7):
        points.append(point)
        point = plus(point, ORDER_8)
    assert point == ORDER_8 or points[-1] != IDENTITY
    return points  # of order 8, 4, 8, 2, 8, 4, 8


def small_order_encodings():
    """Every encoding, canonical or not, of the points whose order divides 8."""
    found = []
    for point in [IDENTITY, *multiples_of_torsion()]:
        y = int.from_bytes(point, "little") & (2**255 - 1)
        for same in (y, y + P):
            if same < 2**255:
                for sign in (0, 1):
                    found.append((same | sign << 255).to_bytes(32, "little"))
    return sorted(set(found))


def signature_vectors():
    signer = HostileSigner()
    vectors = []

    def add(name, expect, make, author=None, **changes):
        vector = Vector(name, expect=expect, author=author or signer.public, **changes)
        vector.signature = make(vector)
        vectors.append(vector)

    good = signer.sign
    add("a signer of one's own makes a good signature", "ok", good)

    def plus_order(times):
        def make(vector):
            signature = good(vector)
            return signature[:32] + (int.from_bytes(signature[32:], "little") + times * L).to_bytes(32, "little")
        return make

    for times in (1, 2, 7, 14):
        add(f"s + {times} L", "bad_signature", plus_order(times))
    add("s is L", "bad_signature", lambda v: good(v)[:32] + L.to_bytes(32, "little"))
    add("s is 2^256-1", "bad_signature", lambda v: good(v)[:32] + b"\xff" * 32)
    for k, torsion in enumerate(multiples_of_torsion(), 1):
        add(f"R has a part of small order, {k} T", "bad_signature",
            lambda v, t=torsion: signer.sign(v, plus(base_times(signer.nonce), t)))
    for encoding in small_order_encodings():
        add(f"R is of small order, encoded {encoding.hex()[:8]}..{encoding.hex()[-4:]}, s = h a", "bad_signature",
            lambda v, r=encoding: signer.sign(v, r, 0))
    add("R is the identity, s = 0", "bad_signature", lambda v: IDENTITY + bytes(32))
    add("zeros", "bad_signature", lambda v: bytes(64))
    add("R is not on the curve", "bad_signature", lambda v: signer.sign(v, (2).to_bytes(32, "little")))
    add("R is negated", "bad_signature", lambda v: xor(good(v), SIGN_BIT + bytes(32)))
    add("R and s are exchanged", "bad_signature", lambda v: good(v)[32:] + good(v)[:32])
    add("a bit of R is flipped", "bad_signature", lambda v: xor(good(v), b"\x01" + bytes(63)))
    add("a bit of s is flipped", "bad_signature", lambda v: xor(good(v), bytes(32) + b"\x01" + bytes(31)))
    add("signed for another op", "bad_signature", lambda v: good(Vector("other", author=signer.public)))
    add("signed without the domain", "bad_signature", lambda v: ALICE.sign(v.id()).signature, author=public(ALICE))
    add("signed in the domain of a statement", "bad_signature", lambda v: ALICE.sign(b"musher test 1\0\0\0" + v.id()).signature,
        author=public(ALICE))
    add("signed over the canonical bytes", "bad_signature", lambda v: ALICE.sign(b"musher sign op 1" + v.canonical()).signature,
        author=public(ALICE))
    add("signed by another key", "bad_signature", lambda v: BOB.sign(v.message()).signature, author=public(ALICE))

    for encoding in small_order_encodings():
        add(f"author key of small order, encoded {encoding.hex()[:8]}..{encoding.hex()[-4:]}", "bad_author_key",
            lambda v: base_times(signer.nonce) + number(signer.nonce), author=encoding)
    for k, torsion in enumerate(multiples_of_torsion(), 1):
        mixed = HostileSigner(torsion)
        add(f"author key of mixed order, A + {k} T", "bad_author_key", mixed.sign, author=mixed.public)
    for y in range(P + 2, 2**255):  # the rest of the second encodings; some are on the curve
        for sign in (0, 1):
            author = (y | sign << 255).to_bytes(32, "little")
            add(f"author key with y = p + {y - P}, sign {sign}", "bad_author_key", good, author=author)
    add("author key not on the curve", "bad_author_key", good, author=(2).to_bytes(32, "little"))
    add("author key of ones", "bad_author_key", good, author=b"\xff" * 32)
    return vectors


# --- the rules in order


def good_vectors():
    parents = [id_of(n) for n in range(1, 65)]
    long_text = "é" * 64
    return [
        Vector("an insert at the head, by an author's first op", "insert"),
        Vector("an insert after another item", "insert", target=id_of(7), seq=10),
        Vector("an insert without fields", "insert", content="{}"),
        Vector("an insert of the story story_id", "insert", name="story_id"),
        Vector("an insert whose nested object has a member story_id", "insert", content='{"a":{"":1,"story_id":2}}'),
        Vector("an insert with a field name of 128 bytes", "insert", content='{"' + "f" * 128 + '":1}'),
        Vector("a set"),
        Vector("a set with prev", index=2, prev=id_of(3)),
        Vector("a set of a story that is only in the log as its insert", dependencies=[fact(id_of(7), depth=1)], seq=2),
        Vector("a set with one parent", parents=[id_of(7)]),
        Vector("a set whose parent is its prev and target's neighbour", parents=[id_of(3), id_of(4)], index=2, prev=id_of(3),
               dependencies=[fact(id_of(3), "set", public(ALICE), 1, 4), fact(id_of(4), "erase"), fact(id_of(7))]),
        Vector("64 parents", parents=parents),
        Vector("a seq as high as the depth", seq=10),
        Vector("an index far on", index=2**62, prev=id_of(3)),
        Vector("the greatest index", index=2**63 - 1, prev=id_of(3),
               dependencies=[fact(id_of(7)), fact(id_of(3), "set", public(ALICE), 2**63 - 2)]),
        Vector("a time before 1970", time_ms=-1),
        Vector("the earliest time", time_ms=-2**63),
        Vector("the latest time", time_ms=2**63 - 1),
        Vector("a name of 127 bytes", name="n" * 127),
        Vector("a name of 128 bytes", name="n" * 128),
        Vector("a name of 128 bytes in 64 characters", name=long_text),
        Vector("an actor of 127 bytes", actor="a" * 127),
        Vector("an actor of 128 bytes", actor=long_text),
        Vector("no actor", actor=""),
        Vector("names with marks of direction, quotes and shell signs", name="\u202e$(rm -rf /)\u2066'\"%s\\", actor="../../\u200b😀"),
        Vector("a name that is not normalised", name="e\u0301"),
        Vector("a field called Story_id", name="Story_id"),
        Vector("content null", content="null"),
        Vector("content false", content="false"),
        Vector("content 0", content="0"),
        Vector("content 2^53-1", content="9007199254740991"),
        Vector("content -(2^53-1)", content="-9007199254740991"),
        Vector("content 1e+21", content="1e+21"),
        Vector("content 1e-7", content="1e-7"),
        Vector("content 0.000001", content="0.000001"),
        Vector("content 5e-324", content="5e-324"),
        Vector("content 1.7976931348623157e+308", content="1.7976931348623157e+308"),
        Vector("content with every escape", content=r'"\u0000\u0001\b\t\n\u000b\f\r\u001f\"\\/' + '\x7f\u2028"'),
        Vector("content outside the basic plane", content='"😀\U0010ffff"'),
        Vector("members in the order of UTF-16, which is not that of UTF-8", content='{"":0,"\\r":1,"1":2,"a":3,"a!":4,"é":5,"😀":6,"\ufb33":7}'),
        Vector("content of 32 levels", content="[" * 32 + "]" * 32),
        Vector("33 brackets in a string", content='"' + "[" * 33 + '"'),
        Vector("content of exactly 1 MiB", content={"repeat": ['"', "x", MIB - 2, '"']}),
        Vector("content of exactly 1 MiB in an insert", "insert", content={"repeat": ['{"text":"', "é", (MIB - 11) // 2, 'x"}']}),
        Vector("a set without content, which an erase took away", content=None, digest=id_of(9), erased=True),
        Vector("an insert without content, which an erase took away", "insert", content=None, digest=id_of(9), erased=True),
        Vector("a delete", "delete"),
        Vector("a delete with a reason", "delete", content='{"reason":"done"}'),
        Vector("a delete with an empty reason", "delete", content='{"reason":""}'),
        Vector("a purge", "delete", name="478_story_sync", content='{"reason":"would not die"}'),
        Vector("a purge without a reason", "delete", name="478_story_sync"),
        Vector("an erase of an insert", "erase"),
        Vector("an erase of a set", "erase", dependencies=[fact(id_of(7), "set")]),
        Vector("an erase of a delete, with a reason", "erase", dependencies=[fact(id_of(7), "delete")], content='{"reason":"law"}'),
        Vector("an op that was named by its id", claimed="self"),
    ]


def layout_vectors():
    valid = Vector("").canonical()

    def cut(name, raw, expect="malformed"):
        return Vector(name, expect=expect, raw=raw, signature=bytes(64), content=None, dependencies=[])

    def with_byte(at, value):
        return valid[:at] + bytes([value]) + valid[at + 1:]

    return [
        cut("no bytes", b""),
        cut("one byte", valid[:1]),
        cut("two bytes", valid[:2]),
        cut("one byte less than the fixed part", valid[:172]),
        cut("the fixed part alone", valid[:173]),
        cut("the last byte is missing", valid[:-1]),
        cut("a byte more", valid + b"\0"),
        cut("a parents count that lies", with_byte(170, 1)),
        cut("a name length that lies", with_byte(171, valid[171] + 1)),
        cut("an actor length that lies", with_byte(172, valid[172] - 1)),
        cut("version 0", with_byte(0, 0), "unknown_version"),
        cut("version 2", with_byte(0, 2), "unknown_version"),
        cut("version 2 of three bytes", b"\x02\x09\x00", "unknown_version"),
        cut("kind 0", with_byte(1, 0), "unknown_kind"),
        cut("kind 5", with_byte(1, 5), "unknown_kind"),
        cut("kind 255 of two bytes", b"\x01\xff", "unknown_kind"),
    ]


def form_vectors():
    def bad(what, expect, kind="set", **changes):
        return Vector(what, kind, expect, **changes)

    parents = [id_of(n) for n in range(1, 66)]
    vectors = [
        bad("an op of another document", "wrong_document", document=bytes(16)),
        bad("65 parents", "oversized", parents=parents),
        bad("a name of 129 bytes", "oversized", name="n" * 129),
        bad("a story id of 129 bytes", "oversized", kind="insert", name="n" * 129),
        bad("an actor of 129 bytes", "oversized", actor="a" * 129),
        bad("a name of 255 bytes", "oversized", name="n" * 255),
        bad("content of 1 MiB and a byte", "oversized", content={"repeat": ['"', "x", MIB - 1, '"']}),
        bad("content of 33 levels", "oversized", content="[" * 33 + "]" * 33),
        bad("100,000 brackets", "oversized", content={"repeat": ["", "[", 100000, ""]}),
        bad("33 levels that are no JSON", "oversized", content={"hex": (b"{" * 33 + b"\xff").hex()}),
        bad("33 brackets behind a string that ends in an escaped backslash", "oversized", content='"\\\\"' + "[" * 33),
        bad("33 brackets in a string that does not end", "bad_content", content='"\\"' + "[" * 33),
        bad("40 pairs of brackets, one behind the other", "bad_content", content="]]" + "[]" * 40),
        bad("index 0", "bad_fields", index=0),
        bad("index 0 with prev", "bad_fields", index=0, prev=id_of(3), dependencies=[fact(id_of(7))]),
        bad("index 2 without prev", "bad_fields", index=2),
        bad("index 1 with prev", "bad_fields", prev=id_of(3)),
        bad("index 2^63", "bad_fields", index=2**63, prev=id_of(3)),
        bad("seq 0 in an insert", "bad_fields", kind="insert", seq=0),
        bad("seq 0 in a set", "bad_fields", seq=0),
        bad("seq 0 in a delete", "bad_fields", kind="delete", seq=0),
        bad("seq 1 in an erase", "bad_fields", kind="erase", seq=1),
        bad("seq 2^63", "bad_fields", seq=2**63),
        bad("seq 2^64-1", "bad_fields", seq=2**64 - 1),
        bad("a set without target", "bad_fields", target=ZEROS),
        bad("a delete without target", "bad_fields", kind="delete", target=ZEROS),
        bad("an erase without target", "bad_fields", kind="erase", target=ZEROS),
        bad("an insert without content digest", "bad_fields", kind="insert", content=None),
        bad("a set without content digest", "bad_fields", content=None),
        bad("parents in descending order", "bad_parents", parents=[id_of(2), id_of(1)]),
        bad("a parent twice", "bad_parents", parents=[id_of(1), id_of(1)]),
        bad("a parent of zeros", "bad_parents", parents=[ZEROS]),
        bad("a parent of zeros before another", "bad_parents", parents=[ZEROS, id_of(1)]),
        bad("parents that ascend as signed bytes only", "bad_parents", parents=[id_of(0x80), id_of(0x7F)]),
        bad("an insert without a story id", "bad_name", kind="insert", name=""),
        bad("a set without a field", "bad_name", name=""),
        bad("a set of story_id", "bad_name", name="story_id"),
        bad("an erase with a name", "bad_name", kind="erase", name="478_story_sync"),
    ]
    texts = [("a NUL", b"a\0b"), ("a line feed", b"a\nb"), ("an escape character", b"\x1b[31m"), ("DEL", b"\x7f"), ("U+0080", b"\xc2\x80"),
             ("U+009F", b"\xc2\x9f"), ("a byte FF", b"\xff"), ("an overlong slash", b"\xc0\xaf"), ("a surrogate", b"\xed\xa0\x80"),
             ("a code point past U+10FFFF", b"\xf4\x90\x80\x80"), ("a cut sequence", b"\xe2\x82")]
    for what, text in texts:
        vectors.append(bad(f"{what} in the field", "bad_name", name=text))
        vectors.append(bad(f"{what} in the actor", "bad_actor", actor=text))
    vectors += [
        bad("a line feed in a story id", "bad_name", kind="insert", name="a\nb"),
        bad("a line feed in the story of a purge", "bad_name", kind="delete", name="a\nb"),
        bad("content without a content digest", "content_unexpected", kind="delete", content='{"reason":"done"}', digest=ZEROS),
        bad("a salt without content", "content_unexpected", content=None, digest=id_of(9), erased=True),
        bad("content without a salt", "bad_content", salt=bytes(16)),
        bad("no text", "bad_content", content=""),
    ]
    spellings = [' 1', '1 ', '1.0', '1e0', '-0', '0.10', '1E+21', '1e21', '01', '+1', '.5', '1.', '1e400', '-1e400', 'NaN', 'Infinity', '1e-400',
                 '9007199254740992', '-9007199254740992', '9007199254740993', '100000000000000000000', '1e20', '0.1000000000000000055',
                 '0.0000001', '"\\u0041"', '"\\/"', '"\\u000A"', '"\\u000a"', '"\\u001F"', '"\\u007f"', '"\\ud83d\\ude00"', '"\\ud800"', '"\\udc00\\ud800"',
                 '"\\x41"', '"a\nb"', '"', "'a'", '[1,]', '[1 ,2]', '[', '{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '{"b":1,"a":2}', '{"a": 1}',
                 '{"\ufb33":7,"😀":6}', '{a:1}', '{"a"}', '{"a":1,}', 'nul', 'True', '1 2', '{}{}', '\ufeff{}', '{}\0', '//x\n1']
    for spelling in spellings:
        vectors.append(bad(f"content {json.dumps(spelling)}", "bad_content", content=spelling))
    for what, text in [("a byte FF", b'"\xff"'), ("a surrogate", b'"\xed\xa0\x80"'), ("an overlong quote", b'"\xc0\xa2"'), ("a cut sequence", b'"\xe2\x82"')]:
        vectors.append(bad(f"content with {what}", "bad_content", content={"hex": text.hex()}))
    for content in ['null', '[]', '"x"', '1', '{"story_id":"x"}', '{"":1}', '{"a\\nb":1}', '{"\x7f":1}', '{"\u0085":1}', '{"' + "f" * 129 + '":1}']:
        vectors.append(bad(f"an insert with content {content[:20]}", "bad_content", kind="insert", content=content))
    for kind in ("delete", "erase"):
        for content in ['{}', 'null', '"done"', '{"reason":1}', '{"reason":null}', '{"why":"x"}', '{"reason":"x","z":1}', '{"a":1,"reason":"x"}']:
            article = "an" if kind == "erase" else "a"
            vectors.append(bad(f"{article} {kind} with content {content}", "bad_content", kind=kind, content=content))
    vectors += [
        bad("content that is not what was signed", "digest_mismatch", digest=id_of(9)),
        bad("content digested without its salt", "digest_mismatch", digest=blake2b(b"musher content 1", b'"2_current"')),
        bad("content digested for another purpose", "digest_mismatch", digest=blake2b(b"musher op 1", b'"2_current"')),
        bad("an op that was named by another id", "id_mismatch", claimed=id_of(9)),
    ]
    return vectors


def dependency_vectors():
    def bad(what, expect, kind="set", **changes):
        return Vector(what, kind, expect, **changes)

    mine = public(ALICE)
    second = {"index": 2, "prev": id_of(3)}
    target = fact(id_of(7))
    vectors = [
        bad("the target is not there", "waiting", dependencies=[]),
        bad("prev is not there", "waiting", **second, dependencies=[target]),
        bad("a parent is not there", "waiting", parents=[id_of(5)], dependencies=[target]),
        bad("prev is by another author", "prev_mismatch", **second, dependencies=[target, fact(id_of(3), "set", public(BOB), 1)]),
        bad("prev has the same index", "prev_mismatch", **second, dependencies=[target, fact(id_of(3), "set", mine, 2)]),
        bad("prev has an index of two less", "prev_mismatch", index=3, prev=id_of(3), dependencies=[target, fact(id_of(3), "set", mine, 1)]),
        bad("the target of an insert is a set", "target_mismatch", kind="insert", target=id_of(7), dependencies=[fact(id_of(7), "set")]),
        bad("the target of an insert is an erase", "target_mismatch", kind="insert", target=id_of(7), dependencies=[fact(id_of(7), "erase")]),
        bad("the target of an erase is an erase", "target_mismatch", kind="erase", dependencies=[fact(id_of(7), "erase")]),
        bad("a purge of another story", "story_mismatch", kind="delete", name="478_story_sink"),
        bad("a purge whose name differs in case", "story_mismatch", kind="delete", name="478_Story_sync"),
        bad("a seq above the depth", "seq_out_of_bounds", seq=11),
        bad("a seq of 2^63-1", "seq_out_of_bounds", seq=2**63 - 1),
        bad("a seq of 2 in a first op without dependencies", "seq_out_of_bounds", kind="insert", seq=2),
        bad("no content, and no erase", "content_missing", content=None, digest=id_of(9)),
        bad("no content in an insert, and no erase", "content_missing", kind="insert", content=None, digest=id_of(9)),
        bad("no reason where there was one, and no erase", "content_missing", kind="delete", digest=id_of(9)),
    ]
    for kind in ("set", "delete"):
        for other in ("set", "delete", "erase"):
            vectors.append(bad(f"the target of a {kind} is {'an' if other == 'erase' else 'a'} {other}", "target_mismatch", kind=kind,
                               dependencies=[fact(id_of(7), other)]))
    return vectors


def order_vectors():
    """Ops that break every rule from one on: the first gives the verdict."""
    prev = {"index": 2, "prev": id_of(3)}
    breaks = [
        ("seq_out_of_bounds", {"seq": 99}),
        ("story_mismatch", {"name": "another"}),
        ("target_mismatch", {"dependencies": [fact(id_of(7), "set"), fact(id_of(3), "set", public(ALICE), 1)]}),
        ("prev_mismatch", {"dependencies": [fact(id_of(7), "set"), fact(id_of(3), "set", public(BOB), 1)]}),
        ("waiting", {"dependencies": [fact(id_of(7), "set")]}),
        ("bad_signature", {"signature": bytes(64)}),
        ("bad_author_key", {"author": IDENTITY}),
        ("id_mismatch", {"claimed": id_of(9)}),
        ("digest_mismatch", {"digest": id_of(9)}),
        ("bad_content", {"content": "null"}),
        ("content_unexpected", {"digest": ZEROS}),
        ("bad_actor", {"actor": "\n"}),
        ("bad_name", {"name": "\n"}),
        ("bad_parents", {"parents": [ZEROS]}),
        ("bad_fields", {"seq": 0}),
        ("oversized", {"actor": "\n" * 129}),
        ("wrong_document", {"document": bytes(16)}),
    ]
    vectors, changes = [], {**prev, "content": '{"reason":"x"}'}
    for verdict, change in breaks:
        changes = {**changes, **change}
        vectors.append(Vector(f"every rule is broken from {verdict} on", "delete", verdict, **changes))
    return vectors


def files():
    good = [v for v in good_vectors() + signature_vectors() if v.expect == "ok"]
    bad = layout_vectors() + form_vectors() + [v for v in signature_vectors() if v.expect != "ok"] + dependency_vectors() + order_vectors()
    for vector in good:
        if vector.claimed == "self":
            vector.claimed = vector.id()
    for vectors in (good, bad):
        names = [v.what for v in vectors]
        assert len(set(names)) == len(names), sorted(n for n in names if names.count(n) > 1)
    assert all(v.expect != "ok" for v in bad)
    return {"good.jsonl": "".join(v.line() + "\n" for v in good), "bad.jsonl": "".join(v.line() + "\n" for v in bad)}


# --- the example of docs/format.md


def example():
    vector = Vector("example", index=2, prev=id_of(0xAB), target=id_of(0xAB), parents=[id_of(0xCD)], seq=1)
    canonical = vector.canonical()
    signature = ALICE.sign(vector.message()).signature

    def block(data):
        text = data.hex()
        return "\n".join(("               " if at else "") + text[at:at + 64] for at in range(0, len(text), 64))

    lines = ["    canonical: " + block(canonical).replace("\n", "\n    ")]
    lines += [f"    op id:     {vector.id().hex()}", "    signature: " + block(signature).replace("\n", "\n    "),
              f"    salt:      {vector.salt.hex()}", f"    content:   {vector.content}"]
    rows = [(0, 1, "version", "1"), (1, 1, "kind", "set"), (2, 16, "document", "random in a real one"), (18, 32, "author", "the key of a seed of 32 bytes 11"),
            (50, 8, "index", "2"), (58, 32, "prev", "the author's first op"), (90, 8, "seq", "1: the first set of this field"),
            (98, 8, "time_ms", "1790000000000: 2026-09-21T14:13:20Z"), (106, 32, "target", "the item: here the same op as prev"),
            (138, 32, "content digest", "of `\"2_current\"`, with the salt"), (170, 1, "parents count", "1"), (171, 1, "name length", "5"),
            (172, 1, "actor length", "5"), (173, 32, "parents", "one head"), (205, 5, "name", "stage"), (210, 5, "actor", "alice")]
    table = ["| offset | size | bytes | field | here |", "|---|---|---|---|---|"]
    for at, size, name, meaning in rows:
        table.append(f"| {at} | {size} | `{canonical[at:at + size].hex()}` | {name} | {meaning} |")
    return "\n".join(lines + [""] + table)


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
        print(f"{file} is not what make_vectors.py makes", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
