// One write transaction: all or nothing, in its own eyes and everybody else's.

#include <catch2/catch.hpp>

#include "model/canonical_bytes.hpp"
#include "model/text.hpp"
#include "support/raw_database.hpp"
#include "support/scratch_log.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

constexpr std::chrono::seconds kWait{1};

VerifiedOp insert_op(std::uint8_t author = 1, const std::string& story = "478_story_sync") {
  Op op = plain_op(OpKind::insert);
  op.author = identity_of(author).author();
  op.name = story;
  return must(sign_op(identity_of(author), op, plain_content(OpKind::insert)));
}

QuarantinedOp kept_aside(const std::string& story, const std::string& source,
                         const std::string& reason = "author_unknown") {
  const VerifiedOp op = insert_op(1, story);
  return {0, reason, source, 7, canonical_bytes(op.op()), op.signature(), op.content(), op.salt()};
}

AuthorRecord alice(Trust trust = Trust::allowed) {
  return {identity_of(1).author(), "alice", trust, false, std::nullopt};
}

}  // namespace

TEST_CASE("write: what is appended is seen in the transaction at once, and by others after commit", "[oplog]") {
  const ScratchLog scratch;
  const auto log = scratch.open();
  const auto other = scratch.open(OpenMode::read);
  const VerifiedOp op = insert_op();
  auto write = must(log->begin_write(kWait));
  CHECK(must(write->append(op, Depth{1}, "client", 42, false)) == RowId{1});
  CHECK(must(write->find(op.id())));
  CHECK(must(write->heads()) == std::vector{Head{op.id(), Depth{1}}});
  CHECK(must(write->last_mark()).row == RowId{1});
  CHECK_FALSE(must(other->find(op.id())));
  must(write->commit());
  const auto found = must(other->find(op.id()));
  REQUIRE(found);
  CHECK(std::get<OpRow>(*found).source == "client");
  CHECK(std::get<OpRow>(*found).received_ms == 42);
}

TEST_CASE("write: a transaction that is dropped leaves nothing and uses up no row number", "[oplog]") {
  const ScratchLog scratch;
  const auto log = scratch.open();
  {
    auto write = must(log->begin_write(kWait));
    must(write->append(insert_op(), Depth{1}, "local", 0, false));
    must(write->set_author({1, "alice", "add", alice()}));
    must(write->quarantine_add(kept_aside("x", "client")));
  }
  CHECK(must(log->count()) == 0);
  CHECK(must(log->authors()).empty());
  CHECK(must(log->trust_changes()).empty());
  CHECK(must(log->quarantine()).empty());
  LogBuilder(*log, identity_of(1)).insert("first");
  CHECK(must(log->last_row()) == RowId{1});
}

TEST_CASE("write: one transaction at a time, also within one process", "[oplog]") {
  const ScratchLog scratch;
  const auto log = scratch.open();
  const auto other = scratch.open();
  auto write = must(log->begin_write(kWait));
  const auto second = log->begin_write(kWait);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == Errc::internal);
  const auto elsewhere = other->begin_write(std::chrono::milliseconds(0));
  REQUIRE_FALSE(elsewhere);
  CHECK(elsewhere.error().code == Errc::busy);
  write.reset();
  CHECK(log->begin_write(kWait));
  CHECK(other->begin_write(kWait));
}

TEST_CASE(
    "write: an op that is there already, hangs in the air or belongs elsewhere is refused and stops the transaction",
    "[oplog]") {
  const ScratchLog scratch;
  const auto log = scratch.open();
  const VerifiedOp op = insert_op();
  const auto append = [&](WriteTransaction& write, const VerifiedOp& what) {
    const auto appended = write.append(what, Depth{1}, "local", 0, false);
    REQUIRE_FALSE(appended);
    CHECK(appended.error().code == Errc::internal);
    return appended.error().what;
  };
  {
    auto write = must(log->begin_write(kWait));
    must(write->append(op, Depth{1}, "local", 0, false));
    CHECK(append(*write, op).find("it is in the log already") != std::string::npos);
    CHECK_FALSE(write->commit());  // half of it is not what anyone asked for
  }
  CHECK(must(log->count()) == 0);
  {
    auto write = must(log->begin_write(kWait));
    CHECK(append(*write, plain_signed(OpKind::set)).find("its dependency 0707") != std::string::npos);
    CHECK_FALSE(write->append(op, Depth{1}, "local", 0, false));
  }
  {
    auto write = must(log->begin_write(kWait));
    Op foreign = plain_op(OpKind::insert);
    foreign.document.bytes.fill(1);
    const auto made = must(sign_op(identity_of(1), foreign, plain_content(OpKind::insert)));
    CHECK(append(*write, made).find("it belongs to another document") != std::string::npos);
  }
  CHECK(must(log->count()) == 0);
}

TEST_CASE("write: a transaction that has ended takes nothing more", "[oplog]") {
  const ScratchLog scratch;
  const auto log = scratch.open();
  auto write = must(log->begin_write(kWait));
  must(write->append(insert_op(), Depth{1}, "local", 0, false));
  must(write->commit());
  CHECK_FALSE(write->append(insert_op(2), Depth{1}, "local", 0, false));
  CHECK_FALSE(write->commit());
  CHECK(must(log->count()) == 1);
}

TEST_CASE("write: a log opened for reading does not write", "[oplog]") {
  const ScratchLog scratch;
  for (const OpenMode mode : {OpenMode::read, OpenMode::read_copy}) {
    const auto write = scratch.open(mode)->begin_write(kWait);
    REQUIRE_FALSE(write);
    CHECK(write.error().code == Errc::refused);
    CHECK(write.error().what == scratch.path().string() + " was opened for reading only");
  }
}

TEST_CASE(
    "write: an erase that takes effect drops content, later checkpoints and quarantined copies; a muted one nothing",
    "[oplog]") {
  const ScratchLog scratch;
  const auto log = scratch.open();
  LogBuilder builder(*log, identity_of(1));
  const OpId item = builder.insert("one");
  const OpId change = builder.set(item, "stage", R"("secret")");
  const OpId kept = builder.set(item, "agent", R"("coder")");
  const auto content_of = [&](const OpId& id) { return std::get<OpRow>(*must(log->find(id))).op.content; };
  {
    RawDatabase raw(scratch.path());
    raw.exec(
        "INSERT INTO checkpoints (row, chain, ops, state, author, signature, made_ms) VALUES (1, x'', 1, x'', x'', "
        "x'', 0), "
        "(2, x'', 2, x'', x'', x'', 0), (3, x'', 3, x'', x'', x'', 0)");
    auto write = must(log->begin_write(kWait));
    const auto row = std::get<OpRow>(*must(write->find(change)));
    must(write->quarantine_add(
        {0, "author_unknown", "peer:1", 0, canonical_bytes(row.op.op), row.op.signature, row.op.content, row.op.salt}));
    must(write->quarantine_add(kept_aside("other", "peer:1")));
    must(write->commit());
  }
  builder.add({.kind = OpKind::erase, .target = change, .content = R"({"reason":"muted"})", .erases_now = false});
  CHECK(content_of(change) == R"("secret")");
  CHECK(must(log->quarantine()).size() == 2);
  builder.erase(change);
  CHECK_FALSE(content_of(change));
  CHECK(content_of(kept) == R"("coder")");
  CHECK(must(log->quarantine()).size() == 1);
  CHECK(RawDatabase(scratch.path()).column("SELECT row FROM checkpoints") == std::vector<std::string>{"1"});
}

TEST_CASE("write: an erased text is in neither file once the WAL was emptied", "[oplog]") {
  const ScratchLog scratch;
  auto log = scratch.open();
  LogBuilder builder(*log, identity_of(1));
  const OpId item = builder.insert("one");
  const std::string secret = "correct horse battery staple";
  const OpId change = builder.set(item, "stage", "\"" + secret + "\"");
  CHECK(read_file(scratch.companion("-wal")).find(secret) != std::string::npos);
  builder.erase(change);
  const auto emptied = must(log->empty_wal(kWait));
  CHECK(emptied.done);
  CHECK(must(log->file_sizes()).wal == 0);
  log.reset();  // the database may be read as a file only when nobody here has it open
  CHECK(read_file(scratch.path()).find(secret) == std::string::npos);
}

TEST_CASE("write: each change of trust is kept with who and when, and the last one counts", "[oplog]") {
  const ScratchLog scratch;
  const auto log = scratch.open();
  AuthorRecord revoked = alice(Trust::revoked);
  revoked.revoked_from = op_id_of(3);
  AuthorRecord bob{identity_of(2).author(), "bob", Trust::allowed, true, std::nullopt};
  for (const TrustChange& change : {TrustChange{10, "root", "add", alice()}, TrustChange{20, "root", "add", bob},
                                    TrustChange{30, "carol", "revoke", revoked}}) {
    auto write = must(log->begin_write(kWait));
    must(write->set_author(change));
    must(write->commit());
  }
  std::vector expected{revoked, bob};
  std::ranges::sort(expected, {}, &AuthorRecord::author);
  CHECK(must(log->authors()) == expected);
  const auto changes = must(log->trust_changes());
  REQUIRE(changes.size() == 3);
  CHECK(changes[0].after == alice());
  CHECK(changes[2].after == revoked);
  CHECK(changes[2].who == "carol");
  CHECK(changes[2].action == "revoke");
  CHECK(changes[2].at_ms == 30);
}

TEST_CASE("quarantine: keeps an op with everything that came with it, once for each reason", "[oplog]") {
  const ScratchLog scratch;
  const auto log = scratch.open();
  const QuarantinedOp op = kept_aside("478", "peer:aa");
  QuarantinedOp bare = kept_aside("479", "import", "content_missing");
  bare.content.reset();
  bare.salt = {};
  auto write = must(log->begin_write(kWait));
  must(write->quarantine_add(op));
  must(write->quarantine_add(op));
  must(write->quarantine_add(bare));
  QuarantinedOp forged = op;
  forged.reason = "bad_signature";
  must(write->quarantine_add(forged));
  must(write->commit());
  auto kept = must(log->quarantine());
  REQUIRE(kept.size() == 3);
  CHECK(kept[0].canonical == op.canonical);
  CHECK(kept[0].signature == op.signature);
  CHECK(kept[0].content == op.content);
  CHECK(kept[0].salt == op.salt);
  CHECK(kept[0].source == "peer:aa");
  CHECK(kept[0].received_ms == 7);
  CHECK(kept[1].reason == "content_missing");
  CHECK_FALSE(kept[1].content);
  CHECK(kept[2].reason == "bad_signature");
  write = must(log->begin_write(kWait));
  must(write->quarantine_remove(kept[0].id));
  must(write->commit());
  CHECK(must(log->quarantine()).size() == 2);
}

TEST_CASE("quarantine: a flood pushes out its own oldest ops and nobody else's", "[oplog]") {
  const ScratchLog scratch;
  const auto log = scratch.open();
  constexpr std::uint32_t kMost = 10'000;
  log->limit_quarantine({.ops = kMost});
  auto write = must(log->begin_write(kWait));
  QuarantinedOp op = kept_aside("478", "peer:honest");
  must(write->quarantine_add(op));
  op.source = "peer:flood";
  for (std::uint32_t i = 0; i < kMost + 500; ++i) {  // any bytes: an op that does not parse is kept as well
    op.canonical.assign(reinterpret_cast<const std::uint8_t*>(&i), reinterpret_cast<const std::uint8_t*>(&i + 1));
    must(write->quarantine_add(op));
  }
  op.source = "peer:late";
  op.canonical = {1};
  must(write->quarantine_add(op));
  must(write->commit());
  const auto kept = must(log->quarantine());
  CHECK(kept.size() == kMost);
  CHECK(kept.front().source == "peer:honest");
  CHECK(kept.back().source == "peer:late");
  std::uint32_t oldest = 0;
  std::memcpy(&oldest, kept[1].canonical.data(), sizeof oldest);
  CHECK(oldest == 502);
}

TEST_CASE("quarantine: what another process put there since counts", "[oplog]") {
  const ScratchLog scratch;
  const auto one = scratch.open(), other = scratch.open();
  QuarantinedOp op = kept_aside("478", "peer:aa");
  std::uint8_t made = 0;
  const auto add = [&](SqliteOpLog& log, int count) {
    log.limit_quarantine({.ops = 10});
    auto write = must(log.begin_write(kWait));
    std::size_t gone = 0;
    for (int i = 0; i < count; ++i) {
      op.canonical = {++made};
      gone += must(write->quarantine_add(op)).size();
    }
    must(write->commit());
    return gone;
  };
  CHECK(add(*one, 6) == 0);
  CHECK(add(*one, 1) == 0);
  CHECK(add(*other, 2) == 0);
  CHECK(add(*one, 1) == 0);
  CHECK(add(*one, 1) == 1);
  {
    auto write = must(other->begin_write(kWait));
    for (const QuarantinedOp& each : must(write->quarantine())) must(write->quarantine_remove(each.id));
    must(write->commit());
  }
  CHECK(add(*one, 10) == 0);
  {
    auto write = must(one->begin_write(kWait));
    op.canonical = {99};
    must(write->quarantine_add(op));  // and rolled back
  }
  CHECK(add(*one, 1) == 1);
  CHECK(must(one->quarantine_count()) == 10);
}

TEST_CASE("quarantine: big ops are bounded by their bytes", "[oplog]") {
  const ScratchLog scratch;
  const auto log = scratch.open();
  auto write = must(log->begin_write(kWait));
  QuarantinedOp op = kept_aside("478", "peer:small");
  must(write->quarantine_add(op));
  op.source = "peer:big";
  op.content = std::string(1024 * 1024, 'x');
  for (std::uint8_t i = 0; i < 80; ++i) {
    op.canonical = {i};
    must(write->quarantine_add(op));
  }
  std::size_t bytes = 0;
  const auto kept = must(write->quarantine());
  for (const QuarantinedOp& each : kept) bytes += each.canonical.size() + each.content.value_or("").size();
  CHECK(bytes <= QuarantineLimits{}.bytes);
  CHECK(kept.size() == 32);
  CHECK(kept.front().source == "peer:small");
}

TEST_CASE("write: rows with numbers that nobody gives out stop every writer, who says so", "[oplog]") {
  const ScratchLog scratch;
  const auto log = scratch.open();
  LogBuilder(*log, identity_of(1)).insert("1_story");
  const auto [number, what] = GENERATE(table<const char*, const char*>(
      {{"-1", "it has a row -1, and rows are numbered from 1"},
       {"0", "it has a row 0, and rows are numbered from 1"},
       {"-9223372036854775808", "it has a row -9223372036854775808, and rows are numbered from 1"},
       {"9223372036854775807", "its last row number, 9223372036854775807, has been used, so that none is left"}}));
  CAPTURE(number);
  {
    RawDatabase raw(scratch.path());
    raw.drop_triggers();
    raw.exec(std::string("UPDATE crdt_ops SET rowid = ") + number);
    if (number == std::string("9223372036854775807")) {  // AUTOINCREMENT remembers it
      raw.exec(
          "UPDATE crdt_ops SET rowid = 1; UPDATE sqlite_sequence SET seq = 9223372036854775807 WHERE name = "
          "'crdt_ops'");
    }
  }
  const auto write = log->begin_write(kWait);
  REQUIRE_FALSE(write);
  CHECK(write.error().code == Errc::damaged);
  CHECK(write.error().what == "cannot write to " + log->info().path + ": " + what);
  CHECK(write.error().hint == "musher verify-order --log " + log->info().path);
}

TEST_CASE("write: an op that SQLite stores under another number than the next is not reported as written", "[oplog]") {
  const ScratchLog scratch;
  const auto log = scratch.open();
  LogBuilder(*log, identity_of(1)).insert("one");
  RawDatabase(scratch.path()).exec("INSERT INTO sqlite_sequence VALUES ('crdt_ops', 40)");  // SQLite heeds the first
  auto write = must(log->begin_write(kWait));
  const VerifiedOp op = insert_op(2);
  const auto row = write->append(op, Depth{1}, "local", 0, false);
  REQUIRE_FALSE(row);
  CHECK(row.error().code == Errc::damaged);
  CHECK(row.error().what ==
        "cannot write to " + log->info().path + ": SQLite did not store op " + to_hex(op.id().hash) + " as row 41");
  CHECK_FALSE(write->commit());
  write.reset();
  CHECK(must(log->count()) == 1);
}
