#!/usr/bin/python3
"""Makes tests/data/bad, good and incident: op logs with exactly one thing wrong, with nothing wrong, and those of the incident.

    make_fixtures.py [FOLDER]     into FOLDER instead of this script's own

expected.json in FOLDER says what verify-order finds in each. Needs python3-nacl.
"""
import copy
import json
import sqlite3
import sys
import tempfile
from pathlib import Path

from fixture_log import DELETE, ERASE, INSERT, SET, START_MS, ZERO32, Log, derived_bytes

HERE = Path(__file__).resolve().parent
HOUR_MS = 3600_000


class Fixtures:
    def __init__(self, folder):
        self.folder = folder
        self.expected = {}

    def bad(self, name, log, *findings, damage=(), derived_from=None, state=None, notes=None, raw=None):
        """findings: (code, row) or (code, row, more). state: a log whose state the next run finds. notes: one whose
        authors' last ops are noted."""
        path = self.folder / "bad" / (name + ".db")
        path.parent.mkdir(parents=True, exist_ok=True)
        log.write(path, damage, derived_from)
        entry = {"findings": [finding(*each) for each in findings]}
        if state:
            state.write_state(self.folder / "bad" / (name + ".state"))
            entry["state"] = name + ".state"
        if notes:
            notes.write_tip_notes(self.folder / "bad" / (name + ".notes"))
            entry["notes"] = name + ".notes"
        if raw:
            data = bytearray(path.read_bytes())
            raw(data)
            path.write_bytes(data)
        self.expected["bad/" + path.name] = entry

    def good(self, where, name, log, *findings):
        path = self.folder / where / (name + ".db")
        path.parent.mkdir(parents=True, exist_ok=True)
        log.write(path)
        self.expected[f"{where}/{path.name}"] = {"findings": [finding(*each) for each in findings]}


def finding(code, row=None, **more):
    return {"code": code, "rowid": None if row is None else str(row), **more}


def pipeline(name):
    """Eight ops of two authors on three stories, one after the other."""
    log = Log(name)
    sync = log.insert("alice", "478_story_sync", {"name": "Story sync", "stage": "1_backlog"})
    login = log.insert("alice", "479_login", {"name": "Login", "stage": "1_backlog"})
    log.set("alice", sync, "stage", "2_current")
    log.set("bob", login, "stage", "2_current")
    log.set("bob", sync, "agent", "coder-1")
    logs = log.insert("bob", "480_logs", {"name": "Logs"})
    log.set("alice", login, "stage", "3_qa")
    log.set("alice", logs, "stage", "1_backlog")
    return log


def row(log, number):
    return log.rows[number - 1]


def op(log, number):
    return row(log, number).op_id


def without(log, *numbers):
    """The same log with rows taken out; row numbers stay."""
    less = copy.deepcopy(log)
    less.rows = [each for each in less.rows if each.rowid not in numbers]
    return less


# --- the file


def file_fixtures(f):
    def page_of(data, table, content):
        """The leaf of a table or index that holds these bytes, and where it begins."""
        for page in leaves(data, table):
            at = bytes(data[page:page + 512]).find(content)
            if at >= 0:
                return page, page + at
        raise SystemExit(f"no leaf of {table} holds {content.hex()}")

    def stomp_index_leaf(data):
        """An index loses an entry: one bit of an op id in it."""
        _, at = page_of(data, "crdt_ops_op_id", op(pipeline("sqlite-corrupt-index"), 3))
        data[at] ^= 0x40

    def stomp_table_leaf(data):
        """A page of rows becomes no page at all."""
        page, _ = page_of(data, "crdt_ops", op(pipeline("sqlite-corrupt-rows"), 4))
        data[page:page + 8] = b"\xff" * 8

    f.bad("sqlite-corrupt-index", pipeline("sqlite-corrupt-index"), ("sqlite-corrupt",), raw=stomp_index_leaf)
    f.bad("sqlite-corrupt-rows", pipeline("sqlite-corrupt-rows"), ("sqlite-corrupt",), ("sqlite-corrupt", 4), raw=stomp_table_leaf)
    f.bad("schema-altered", pipeline("schema-altered"), ("schema-altered",), damage=["CREATE TABLE notes (text TEXT)"])
    f.bad("schema-altered-index", pipeline("schema-altered-index"), ("schema-altered",),
          damage=["DROP INDEX crdt_ops_op_id", "CREATE INDEX crdt_ops_op_id ON crdt_ops (op_id)"])
    f.bad("schema-altered-name", pipeline("schema-altered-name"), ("schema-altered",), ("schema-altered",),
          damage=["CREATE TABLE sqlite0stat1 (text TEXT)"])
    drop_trigger(f.folder / "bad/schema-altered-name.db",  # named like statistics of ANALYZE, or nearly
                 "CREATE TRIGGER sqlite0stat_evil AFTER INSERT ON crdt_ops BEGIN DELETE FROM heads; END")
    log = pipeline("trigger-missing")
    f.bad("trigger-missing", log, ("trigger-missing",))
    drop_trigger(f.folder / "bad/trigger-missing.db", "DROP TRIGGER crdt_ops_no_delete")
    f.bad("schema-altered-trigger", pipeline("schema-altered-trigger"), ("schema-altered",))
    drop_trigger(f.folder / "bad/schema-altered-trigger.db", "DROP TRIGGER crdt_ops_no_delete",
                 "CREATE TRIGGER crdt_ops_no_delete BEFORE DELETE ON crdt_ops BEGIN SELECT 1; END")


def leaves(data, table):
    """Where the leaf pages of a table or index begin."""
    with tempfile.NamedTemporaryFile() as copy_of_it:
        plain = bytearray(data)
        plain[18] = plain[19] = 1  # no -wal
        Path(copy_of_it.name).write_bytes(plain)
        db = sqlite3.connect(copy_of_it.name)
        pages = db.execute("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY pageno", (table,)).fetchall()
        db.close()
    return [(page - 1) * 512 for (page,) in pages]


def drop_trigger(path, *statements):
    data = bytearray(path.read_bytes())
    data[18] = data[19] = 1  # no -wal while it is changed
    path.write_bytes(data)
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")
    for statement in statements:
        db.execute(statement)
    db.execute("VACUUM")
    db.close()
    data = bytearray(path.read_bytes())
    data[18] = data[19] = 2
    path.write_bytes(data)


# --- each row by itself


def row_fixtures(f):
    def set_column(name, code, number, column, value, more=()):
        log = pipeline(name)
        f.bad(name, log, (code, number), damage=[(f"UPDATE crdt_ops SET {column} = ? WHERE rowid = ?", (value, number)), *more])

    set_column("row-malformed", "row-malformed", 4, "signature", b"short")
    set_column("row-malformed-id", "row-malformed", 4, "op_id", b"no id")
    set_column("row-malformed-kind", "row-malformed", 8, "kind", 9)
    set_column("id-mismatch", "id-mismatch", 4, "time_ms", START_MS)
    set_column("id-mismatch-parents", "id-mismatch", 5, "parents", derived_bytes("some other parent"))
    set_column("id-mismatch-op-id", "id-mismatch", 4, "op_id", derived_bytes("another id"))
    set_column("digest-mismatch", "digest-mismatch", 4, "content", '"5_done"')
    set_column("digest-mismatch-salt", "digest-mismatch", 4, "salt", bytes(range(16)))

    log = pipeline("row-malformed-target")
    log.set("bob", op(log, 3), "stage", "4_merge")  # an item is an insert, and this is a set
    f.bad("row-malformed-target", log, ("row-malformed", 9))
    log = pipeline("row-malformed-story")
    log.add("bob", DELETE, target=op(log, 2), name="478_story_sync")  # a purge of one story that deletes the item of another
    f.bad("row-malformed-story", log, ("row-malformed", 9))

    log = pipeline("limit-exceeded")
    log.set("alice", op(log, 1), "x" * 129, 1)
    f.bad("limit-exceeded", log, ("limit-exceeded", 9))

    f.bad("wrong-document", pipeline("wrong-document"), ("wrong-document",),
          damage=[("UPDATE meta SET value = ? WHERE key = 'document'", (derived_bytes("document other", 16),))])

    f.bad("content-missing", pipeline("content-missing"), ("content-missing", 4),
          damage=["UPDATE crdt_ops SET content = NULL, salt = NULL WHERE rowid = 4"])
    log = pipeline("content-withheld")  # alice may not erase what bob wrote, and it came from her
    together = {"source": "peer:alice", "received_ms": START_MS + 9000}
    log.set("bob", op(log, 1), "stage", "3_qa", **together)
    log.erase("alice", op(log, 9), **together)
    f.bad("content-withheld", log, ("content-withheld", 9))

    broken = bytearray(row(pipeline("signature-invalid"), 4).signature)
    broken[5] ^= 1
    set_column("signature-invalid", "signature-invalid", 4, "signature", bytes(broken))
    log = pipeline("signature-invalid-forged")
    log.set("alice", op(log, 1), "stage", "5_done", signed_by="mallory")
    f.bad("signature-invalid-forged", log, ("signature-invalid", 9))


# --- rows against each other


def order_fixtures(f):
    log = pipeline("rowid-gap")
    f.bad("rowid-gap", log, ("rowid-gap", 4, ), damage=["DELETE FROM crdt_ops WHERE rowid = 4"])
    f.bad("rowid-gap-first", pipeline("rowid-gap-first"), ("rowid-gap", 1), damage=["DELETE FROM crdt_ops WHERE rowid <= 2"])
    log = Log("rowid-gap-head")  # the lost row was one of two heads: nobody names it
    first = log.insert("alice", "478_story_sync", {"stage": "1_backlog"})
    log.set("bob", first, "agent", "coder-1")
    log.set("alice", first, "stage", "2_current", parents=[first])
    f.bad("rowid-gap-head", log, ("rowid-gap", 2), damage=["DELETE FROM crdt_ops WHERE rowid = 2"])

    cut = ["DELETE FROM crdt_ops WHERE rowid > 6"]
    log = pipeline("tail-missing")
    f.bad("tail-missing", log, ("tail-missing", 7, ), damage=cut)
    log = pipeline("tail-missing-rebuilt")  # and the derived tables made to fit what is left
    f.bad("tail-missing-rebuilt", log, ("tail-missing", 7), damage=cut, derived_from=without(log, 7, 8))
    log = pipeline("tail-missing-state")
    f.bad("tail-missing-state", log, ("tail-missing", 7), damage=cut, state=log)
    log = pipeline("own-ops-elsewhere")  # an old copy, in itself as it should be
    f.bad("own-ops-elsewhere", without(log, 8), ("own-ops-elsewhere", None), notes=log)
    f.bad("tail-missing-everything", pipeline("tail-missing-everything"), ("tail-missing", 1), damage=["DELETE FROM crdt_ops"])

    log = pipeline("dependency-missing")
    log.set("alice", op(log, 1), "stage", "4_merge", parents=[op(log, 8), derived_bytes("an op of nobody")])
    f.bad("dependency-missing", log, ("dependency-missing", 9))

    log = pipeline("dependency-later")  # rows 6 and 7 change places: 7 names 6
    log.rows[5], log.rows[6] = log.rows[6], log.rows[5]
    log.rows[5].rowid, log.rows[6].rowid = 6, 7
    f.bad("dependency-later", log, ("dependency-later", 7))

    f.bad("depth-mismatch", pipeline("depth-mismatch"), ("depth-mismatch", 4), damage=["UPDATE crdt_ops SET depth = 7 WHERE rowid = 4"])

    log = pipeline("seq-out-of-bounds")
    log.set("alice", op(log, 1), "stage", "6_archived", seq=2**62)
    f.bad("seq-out-of-bounds", log, ("seq-out-of-bounds", 9))
    log = pipeline("seq-out-of-bounds-zero")
    log.set("alice", op(log, 1), "stage", "6_archived", seq=0)
    f.bad("seq-out-of-bounds-zero", log, ("seq-out-of-bounds", 9))

    log = Log("many-heads", allowed=[f"agent-{n:02}" for n in range(65)])
    for n in range(65):
        log.insert(f"agent-{n:02}", f"{n}_story", parents=[], seq=1)
    f.bad("many-heads", log, ("many-heads",))


# --- each author's chain, and counters


def author_fixtures(f):
    log = pipeline("index-gap")
    log.set("alice", op(log, 1), "stage", "4_merge", idx=7)
    f.bad("index-gap", log, ("index-gap", 9, ))
    log = pipeline("index-back")
    log.set("alice", op(log, 1), "stage", "4_merge", idx=3)
    f.bad("index-back", log, ("index-back", 9))
    log = pipeline("index-back-to-one")
    log.set("alice", op(log, 1), "stage", "4_merge", idx=1)
    f.bad("index-back-to-one", log, ("index-back", 9))
    log = pipeline("prev-mismatch")
    log.set("alice", op(log, 1), "stage", "4_merge", prev=op(log, 6), idx=4)  # row 6 is bob's
    f.bad("prev-mismatch", log, ("prev-mismatch", 9))
    log = pipeline("prev-mismatch-none")
    log.set("alice", op(log, 1), "stage", "4_merge", prev=ZERO32, idx=6)
    f.bad("prev-mismatch-none", log, ("prev-mismatch", 9))

    log = pipeline("equivocation")  # a copied disk image: alice's key writes on from row 7 a second time
    log.set("alice", op(log, 2), "stage", "4_merge", prev=op(log, 7), parents=[op(log, 7)])
    f.bad("equivocation", log, ("equivocation", 9))
    log = Log("equivocation-first")
    log.insert("alice", "478_story_sync")
    log.insert("alice", "479_login", prev=ZERO32, parents=[], seq=1)
    f.bad("equivocation-first", log, ("equivocation", 2))

    log = pipeline("seq-regression")
    log.set("bob", op(log, 1), "stage", "2_current", seq=1)
    f.bad("seq-regression", log, ("seq-regression", 9, ), )
    log = pipeline("seq-regression-list")
    log.insert("bob", "481_search", seq=3)
    f.bad("seq-regression-list", log, ("seq-regression", 9))


# --- trust, derived tables, story, clock


def trust_fixtures(f):
    log = pipeline("author-unknown")
    log.set("mallory", op(log, 1), "stage", "5_done", source="peer:mallory")
    f.bad("author-unknown", log, ("author-unknown", 9))
    log = pipeline("author-revoked")
    log.revoke("bob", START_MS + HOUR_MS, op(log, 6))
    log.set("bob", op(log, 1), "stage", "5_done", time_ms=START_MS + 2 * HOUR_MS, source="import")
    f.bad("author-revoked", log, ("author-revoked", 9))


def derived_fixtures(f):
    f.bad("derived-stale-heads", pipeline("derived-stale-heads"), ("derived-stale", 8), damage=["DELETE FROM heads"])
    f.bad("derived-stale-heads-depth", pipeline("derived-stale-heads-depth"), ("derived-stale", 8), damage=["UPDATE heads SET depth = 3"])
    f.bad("derived-stale-tips", pipeline("derived-stale-tips"), ("derived-stale", 6), damage=["DELETE FROM tips WHERE idx = 3"])
    f.bad("derived-stale-marks", pipeline("derived-stale-marks"), ("derived-stale", 8), damage=["UPDATE marks SET list_seq = 9"])
    f.bad("derived-stale-no-marks", pipeline("derived-stale-no-marks"), ("derived-stale", 8), damage=["DELETE FROM marks"])
    f.bad("derived-stale-received", pipeline("derived-stale-received"), ("derived-stale", 8),
          damage=["UPDATE crdt_ops SET received_ms = received_ms + 1 WHERE rowid = 4"])
    f.bad("derived-stale-source", pipeline("derived-stale-source"), ("derived-stale", 8),
          damage=["UPDATE crdt_ops SET source = 'client' WHERE rowid = 4"])
    f.bad("derived-stale-log-id", pipeline("derived-stale-log-id"), ("derived-stale", 8),
          damage=[("UPDATE meta SET value = ? WHERE key = 'log'", (derived_bytes("log other", 16),))])
    f.bad("derived-stale-authors", pipeline("derived-stale-authors"), ("derived-stale",), damage=["UPDATE authors SET eraser = 1 WHERE name = 'bob'"])
    f.bad("derived-stale-sequence", pipeline("derived-stale-sequence"), ("derived-stale",),
          damage=["DELETE FROM sqlite_sequence WHERE name = 'crdt_ops'"])
    log = pipeline("derived-stale-by-hand")  # a good op, put in by hand: nothing was derived from it
    log.set("bob", op(log, 1), "agent", "coder-2")
    f.bad("derived-stale-by-hand", log, ("derived-stale", 6), ("derived-stale", 8), ("derived-stale", 9), derived_from=without(log, 9))


def story_fixtures(f):
    log = pipeline("came-back")
    seen_by_bob = [op(log, 8)]
    log.purge("alice", op(log, 1), "would not die")
    log.insert("bob", "478_story_sync", {"stage": "2_current"}, parents=seen_by_bob, seq=4)
    f.bad("came-back", log, ("came-back", 10))
    log = pipeline("came-back-before")  # the same, arriving in the other order
    seen_by_both = [op(log, 8)]
    log.insert("bob", "478_story_sync", {"stage": "2_current"}, parents=seen_by_both, seq=4)
    log.purge("alice", op(log, 1), "would not die", parents=seen_by_both, seq=4)
    f.bad("came-back-before", log, ("came-back", 9))
    log = pipeline("duplicate-story")
    log.insert("bob", "479_login", {"stage": "1_backlog"})
    f.bad("duplicate-story", log, ("duplicate-story", 9))


def clock_fixtures(f):
    log = pipeline("clock-ahead")
    log.set("bob", op(log, 1), "stage", "3_qa", time_ms=START_MS + 24 * HOUR_MS, received_ms=START_MS + 9000)
    f.bad("clock-ahead", log, ("clock-ahead", 9))
    log = pipeline("clock-ahead-here")
    log.set("bob", op(log, 1), "stage", "3_qa", time_ms=START_MS + 9000, received_ms=START_MS + 400_000 * HOUR_MS)
    f.bad("clock-ahead-here", log, ("clock-ahead", 9))


# --- against the state of an earlier run


def state_fixtures(f):
    log = pipeline("log-rolled-back")
    f.bad("log-rolled-back", without(log, 6, 7, 8), ("log-rolled-back", 5), state=log)
    on = without(log, 6, 7, 8)  # and the old copy was written to since
    for n in range(5):
        on.set("bob", op(log, 1), "retry_count", n)
    f.bad("log-rolled-back-went-on", on, ("log-rolled-back", 6), state=log)

    log = pipeline("row-replaced")  # who brought row 4 was changed, and the marks made to fit
    changed = copy.deepcopy(log)
    row(changed, 4).source = "client"
    f.bad("row-replaced", changed, ("row-replaced", 4), state=log)
    changed = copy.deepcopy(log)
    changed.trust[1] = (*changed.trust[1][:5], 1, None)
    f.bad("row-replaced-trust", changed, ("row-replaced",), state=log)
    log = pipeline("wrong-document-state")
    other = pipeline("wrong-document-state")
    other.document = derived_bytes("document other", 16)
    for each in other.rows:
        each.sealed(other.document, other.key("alice" if each.author == other.key("alice").public else "bob"))
    # The ids differ now, so the links between them do: a log of another document under the old log id.
    relinked = relink(other)
    f.bad("wrong-document-state", relinked, ("wrong-document",), state=log)


def relink(log):
    again = Log(log.name)
    again.document = log.document
    ids = {}
    old = pipeline(log.name)
    for each in old.rows:
        author = "alice" if each.author == old.key("alice").public else "bob"
        again.add(author, each.kind, target=ids.get(each.target, ZERO32), name=each.name,
                  content=json.loads(each.content) if each.content else None)
        ids[each.op_id] = again.rows[-1].op_id
    return again


# --- nothing wrong


def good_fixtures(f):
    f.good("good", "pipeline", pipeline("pipeline"))

    log = Log("concurrent")  # two nodes that met twice
    first = log.insert("alice", "478_story_sync", {"stage": "1_backlog"})
    a = log.set("alice", first, "stage", "2_current", parents=[first])
    a = log.set("alice", first, "stage", "3_qa", parents=[a])
    b = log.set("bob", first, "stage", "2_current", parents=[first], seq=1, source="peer:bob")
    b = log.insert("bob", "479_login", parents=[b], seq=2, source="peer:bob")
    a = log.insert("alice", "480_logs", parents=[a], seq=2)
    log.set("bob", first, "stage", "4_merge", parents=[b, a], seq=3, source="peer:bob")
    log.set("alice", first, "stage", "5_done")
    f.good("good", "concurrent", log)

    log = pipeline("erased")
    log.allow("carol", eraser=1)
    log.erase("alice", op(log, 1), "a name in it")
    log.erase("carol", op(log, 4))
    log.set("bob", op(log, 1), "stage", "3_qa")
    f.good("good", "erased", log)

    log = pipeline("purged-and-back")
    purge = log.purge("alice", op(log, 1), "stuck")
    log.purge("bob", op(log, 6))
    log.insert("bob", "478_story_sync", {"stage": "1_backlog"})
    assert purge in {each for r in log.rows[9:] for each in r.dependencies()}
    log.insert("alice", "480_logs", {"stage": "1_backlog"})
    f.good("good", "purged-and-back", log)

    log = pipeline("muted")  # mallory's op came in because bob's builds on it; bob was revoked later
    theirs = log.set("mallory", op(log, 1), "stage", "5_done", source="peer:mallory")
    log.set("bob", op(log, 1), "stage", "3_qa", parents=[theirs], source="peer:bob")
    log.revoke("bob", START_MS + HOUR_MS, op(log, 6))
    log.set("alice", op(log, 1), "stage", "4_merge", time_ms=START_MS + 2 * HOUR_MS)
    f.good("good", "muted", log)

    log = Log("two-marks")  # more rows than one mark covers
    item = log.insert("alice", "478_story_sync", {"stage": "1_backlog"})
    for n in range(600):
        log.set("bob" if n % 7 else "alice", item, "retry_count", n, parents=[log.rows[-1].op_id], seq=n + 1)
    f.good("good", "two-marks", log)


# --- the incident


def incident_fixtures(f):
    log = Log("naive", allowed=["server"])
    for n in range(6):
        last = log.insert("server", f"{473 + n}_story", {"name": f"Story {473 + n}", "stage": "1_backlog"})
    log.set("server", last, "stage", "2_current")
    f.good("incident", "naive", log)

    # Row 7 to 9 write the stage three times. Then the server replays ORDER BY seq, loses them, and counts from 1 again.
    log = Log("restarted-writer", allowed=["server"])
    for n in range(6):
        last = log.insert("server", f"{473 + n}_story", {"name": f"Story {473 + n}", "stage": "1_backlog"})
    for stage in ("2_current", "3_qa", "4_merge"):
        log.set("server", last, "stage", stage)
    regressions = []
    for seq, stage in enumerate(("2_current", "3_qa", "4_merge", "5_done"), 1):
        log.set("server", last, "stage", stage, seq=seq)
        if seq <= 3:
            regressions.append(("seq-regression", 9 + seq, ))
    f.good("incident", "restarted-writer", log)
    f.expected["incident/restarted-writer.db"] = {"findings": [
        finding("seq-regression", 9 + seq, story_id="478_story", field="stage", expected="4", found=str(seq)) for seq in (1, 2, 3)]}


def main(folder):
    fixtures = Fixtures(folder)
    for make in (file_fixtures, row_fixtures, order_fixtures, author_fixtures, trust_fixtures, derived_fixtures, story_fixtures,
                 clock_fixtures, state_fixtures, good_fixtures, incident_fixtures):
        make(fixtures)
    text = json.dumps(fixtures.expected, indent=1, sort_keys=True)
    (folder / "expected.json").write_text(text + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
