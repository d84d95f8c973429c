"""Op logs for tests, written without any of musher's C++: ops are built, hashed and signed here by docs/format.md.

The schema is read from lib/oplog/schema.cpp, so that a fixture has the tables that musher makes. Everything is derived from
names and counters: the same script writes the same bytes.
"""
import hashlib
import json
import re
import sqlite3
import struct
from pathlib import Path

from nacl.signing import SigningKey

ROOT = Path(__file__).resolve().parents[2]
START_MS = 1775736000000  # 2026-04-09T12:00:00Z
INSERT, SET, DELETE, ERASE = 1, 2, 3, 4
ZERO32 = bytes(32)
APPLICATION_ID = 0x6D757368
MARK_EVERY = 256


def blake(person, data, key=b"", size=32):
    return hashlib.blake2b(data, digest_size=size, key=key, person=person).digest()


def derived_bytes(name, size=32):
    return hashlib.blake2b(name.encode(), digest_size=size, person=b"fixtures").digest()


def canonical_json(value):
    """RFC 8785 for what fixtures hold: ASCII names, no fractions."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def schema_sql():
    source = (ROOT / "lib/oplog/schema.cpp").read_text()
    found = re.search(r'kSchemaSql = R"sql\((.*?)\)sql"', source, re.S)
    if not found:
        raise SystemExit("lib/oplog/schema.cpp has no kSchemaSql")
    return found.group(1)


class Key:
    def __init__(self, name):
        self.name = name
        self.seed = derived_bytes("key " + name)
        self.signing = SigningKey(self.seed)
        self.public = bytes(self.signing.verify_key)

    def sign(self, domain, digest):
        return self.signing.sign(domain.ljust(16, b"\0") + digest).signature

    def key_file(self):
        return f"musher identity 1\nsecret {self.seed.hex()}\npublic {self.public.hex()}\n"


class Row:
    """One row of crdt_ops; the id and the signature follow from the other fields."""

    def __init__(self, **fields):
        self.__dict__.update(fields)

    def canonical(self, document):
        name, actor = self.name.encode(), self.actor.encode()
        return (
            struct.pack("<BB", 1, self.kind) + document + self.author + struct.pack("<Q", self.idx) + self.prev
            + struct.pack("<Qq", self.seq, self.time_ms) + self.target + self.digest
            + struct.pack("<BBB", len(self.parents), len(name), len(actor)) + b"".join(self.parents) + name + actor)

    def dependencies(self):
        return {dependency for dependency in [*self.parents, self.prev, self.target] if dependency != ZERO32}

    def sealed(self, document, key):
        self.op_id = blake(b"musher op 1", self.canonical(document))
        self.signature = key.sign(b"musher sign op 1", self.op_id)
        return self


class Log:
    """Rows in rowid order, and what a writer would derive from them."""

    def __init__(self, name, allowed=("alice", "bob"), document="pipeline"):
        self.document = derived_bytes("document " + document, 16)
        self.log_id = derived_bytes("log " + name, 16)
        self.name = name
        self.keys = {}
        self.rows = []
        self.trust = []  # (at_ms, action, author key, name, trust, eraser, revoked_from)
        for author in allowed:
            self.allow(author)

    # --- trust

    def key(self, author):
        if author not in self.keys:
            self.keys[author] = Key(author)
        return self.keys[author]

    def allow(self, author, eraser=0, at_ms=START_MS - 60_000):
        self.trust.append((at_ms, "add", self.key(author).public, author, "allowed", eraser, None))

    def revoke(self, author, at_ms, revoked_from):
        self.trust.append((at_ms, "revoke", self.key(author).public, author, "revoked", 0, revoked_from))

    # --- what the rows add up to

    def by_id(self):
        return {row.op_id: row for row in self.rows}

    def heads(self):
        named = set().union(*(row.dependencies() for row in self.rows)) if self.rows else set()
        return sorted(row.op_id for row in self.rows if row.op_id not in named)

    def tips(self):
        named = {(row.author, row.prev) for row in self.rows}
        return [row for row in self.rows if (row.author, row.op_id) not in named]

    def marks(self):
        chain, list_seq, marks = blake(b"musher chain 1", self.log_id), 0, []
        self.chain = {}
        for ops, row in enumerate(self.rows, 1):
            chain = blake(
                b"musher chain 1",
                chain + struct.pack("<q", row.rowid) + row.op_id + row.signature + struct.pack("<q", row.received_ms)
                + row.source.encode())
            self.chain[row.rowid] = chain
            if row.kind in (INSERT, DELETE):
                list_seq = max(list_seq, row.seq)
            if row.rowid % MARK_EVERY == 0 or row is self.rows[-1]:
                marks.append((row.rowid, chain, list_seq, ops))
        return marks

    # --- writing ops as an honest writer does, unless told otherwise

    def add(self, author, kind, *, target=ZERO32, name="", content=None, parents=None, prev=None, idx=None, seq=None,
            depth=None, actor="", time_ms=None, received_ms=None, source="local", erased=False, signed_by=None):
        key = self.key(author)
        known = self.by_id()
        number = len(self.rows) + 1
        if prev is None:
            mine = [row for row in self.tips() if row.author == key.public]
            prev = max(mine, key=lambda row: row.idx).op_id if mine else ZERO32
        if idx is None:
            idx = known[prev].idx + 1 if prev != ZERO32 else 1
        row = Row(
            kind=kind, author=key.public, idx=idx, prev=prev, target=target, name=name, actor=actor, source=source,
            parents=sorted(self.heads() if parents is None else parents), digest=ZERO32, content=None, salt=None,
            time_ms=START_MS + 1000 * number if time_ms is None else time_ms, rowid=number)
        row.received_ms = row.time_ms + 5 if received_ms is None else received_ms
        row.depth = 1 + max((known[d].depth for d in row.dependencies() if d in known), default=0) if depth is None else depth
        row.seq = self.next_seq(kind, target, name) if seq is None else seq
        if content is not None:
            row.content, row.salt = canonical_json(content), derived_bytes(f"salt {self.name} {number}", 16)
            row.digest = blake(b"musher content 1", row.content.encode(), key=row.salt)
            if erased:
                row.content = row.salt = None
        self.rows.append(row.sealed(self.document, self.key(signed_by) if signed_by else key))
        return row.op_id

    def next_seq(self, kind, target, name):
        if kind == ERASE:
            return 0
        if kind == SET:
            same = [row.seq for row in self.rows if row.kind == SET and row.target == target and row.name == name]
        else:
            same = [row.seq for row in self.rows if row.kind in (INSERT, DELETE)]
        return 1 + max(same, default=0)

    def insert(self, author, story, fields=None, **more):
        return self.add(author, INSERT, name=story, content=fields or {}, **more)

    def set(self, author, item, field, value, **more):
        return self.add(author, SET, target=item, name=field, content=value, **more)

    def purge(self, author, item, reason=None, **more):
        story = self.by_id()[item].name
        return self.add(author, DELETE, target=item, name=story, content=reason and {"reason": reason}, **more)

    def erase(self, author, op, reason=None, **more):
        """The erase op, and the content gone where it names it."""
        target = self.by_id().get(op)
        if target:
            target.content = target.salt = None
        return self.add(author, ERASE, target=op, content=reason and {"reason": reason}, **more)

    # --- the file

    def write(self, path, damage=(), derived_from=None):
        """damage: SQL run with the triggers away, which are put back after it."""
        path.unlink(missing_ok=True)
        schema = schema_sql()
        db = sqlite3.connect(path, isolation_level=None)
        db.execute("PRAGMA page_size = 512")
        db.execute("PRAGMA synchronous = OFF")
        db.executescript(schema)
        db.execute("BEGIN")
        self._fill(db, derived_from or self)
        db.execute("COMMIT")
        triggers = re.findall(r"CREATE TRIGGER.*?\nEND;", schema, re.S)
        if damage:
            db.execute("BEGIN")
            for trigger in triggers:
                db.execute("DROP TRIGGER " + trigger.split()[2])
            for statement in damage:
                db.execute(*([statement] if isinstance(statement, str) else statement))
            for trigger in triggers:
                db.execute(trigger)
            db.execute("COMMIT")
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("PRAGMA user_version = 1")
        db.execute("VACUUM")
        db.close()
        data = bytearray(path.read_bytes())
        data[18] = data[19] = 2  # WAL mode, as musher leaves its logs
        path.write_bytes(data)

    def _fill(self, db, derived):
        meta = {"document": self.document, "log": self.log_id, "format": 1, "created_ms": START_MS - 3600_000,
                "created_by": "make_fixtures.py"}
        db.executemany("INSERT INTO meta (key, value) VALUES (?, ?)", meta.items())
        for row in self.rows:
            db.execute(
                "INSERT INTO crdt_ops (rowid, op_id, author, idx, prev, kind, seq, target, parents, name, actor, digest, content,"
                " salt, time_ms, signature, depth, source, received_ms) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                (row.rowid, row.op_id, row.author, row.idx, null_if_zero(row.prev), row.kind, row.seq, null_if_zero(row.target),
                 b"".join(row.parents), row.name, row.actor, null_if_zero(row.digest), row.content, row.salt, row.time_ms,
                 row.signature, row.depth, row.source, row.received_ms))
        depths = {row.op_id: row.depth for row in derived.rows}
        db.executemany("INSERT INTO heads VALUES (?, ?)", [(head, depths[head]) for head in derived.heads()])
        db.executemany("INSERT INTO tips VALUES (?, ?, ?)", [(row.author, row.op_id, row.idx) for row in derived.tips()])
        db.executemany("INSERT INTO marks VALUES (?, ?, ?, ?)", derived.marks())
        for at_ms, action, author, name, trust, eraser, revoked_from in self.trust:
            db.execute("INSERT OR REPLACE INTO authors VALUES (?, ?, ?, ?, ?)", (author, name, trust, eraser, revoked_from))
            db.execute(
                "INSERT INTO trust_log (at_ms, who, action, author, name, trust, eraser, revoked_from) VALUES (?,?,?,?,?,?,?,?)",
                (at_ms, "root", action, author, name, trust, eraser, revoked_from))

    # --- what verify-order would have noted of this log

    def write_state(self, path):
        """path and path.key; the state of a first run."""
        marks = self.marks()
        trust = "".join(
            f"{at_ms} 4:root {len(action)}:{action} {author.hex()} {trust} {eraser} {revoked.hex() if revoked else '-'} {name}\n"
            for at_ms, action, author, name, trust, eraser, revoked in self.trust)
        last = self.rows[-1]
        text = (
            f"musher state 1\nlog {self.log_id.hex()}\ndocument {self.document.hex()}\n"
            f"made 2026-04-09T13:00:00.000Z {START_MS + 3600_000}\nruns 1\nops {len(self.rows)}\nrow {last.rowid}\n"
            f"op {last.op_id.hex()}\nchain {marks[-1][1].hex()}\n"
            f"trust {len(self.trust)} {plain_digest(trust.encode()).hex()}\n")
        depths = {row.op_id: row.depth for row in self.rows}
        text += "".join(f"head {head.hex()} {depths[head]}\n" for head in self.heads())
        for row in sorted(self.tips(), key=lambda row: (row.author, row.idx, row.op_id)):
            text += f"tip {row.author.hex()} {row.idx} {row.op_id.hex()}\n"
        distance = 1
        while last.rowid // distance > 64:
            distance *= 2
        for row in self.rows:
            if row.rowid % distance == 0:
                text += f"at {row.rowid} {self.chain[row.rowid].hex()}\n"
        key = Key("state of " + self.name)
        text += f"key {key.public.hex()}\n"
        text += f"signature {key.sign(b'musher state 1', plain_digest(text.encode())).hex()}\n"
        path.write_text(text)
        Path(str(path) + ".key").write_text(key.key_file())

    def write_tip_notes(self, folder):
        """What the machine of each author would have noted of its last op, before notes named their log."""
        (folder / "tips").mkdir(parents=True, exist_ok=True)
        for row in self.tips():
            body = f"{row.idx:020} {row.op_id.hex()}"
            (folder / "tips" / f"{self.document.hex()}-{row.author.hex()}").write_text(
                f"{body} {plain_digest(body.encode()).hex()}\n")


def plain_digest(data):
    return blake(b"musher content 1", data, key=bytes(16))


def null_if_zero(value):
    return None if value == ZERO32 else value
