// The door for ops that others wrote: what enters, what waits, what is refused.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <thread>

#include "crypto/descriptor.hpp"
#include "crypto/hashing.hpp"
#include "model/text.hpp"
#include "oplog/sqlite_op_log.hpp"
#include "replica/tip_note.hpp"
#include "replica/trust.hpp"
#include "support/temp_folder.hpp"
#include "support/test_node.hpp"
#include "support/wait_until.hpp"
#include "support/workshop.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

const DocumentId kDocument{{7}};

std::string waiting_reason(const Verdict& verdict) {
  const auto* waiting = std::get_if<Waiting>(&verdict);
  return waiting != nullptr ? waiting->reason : "not waiting";
}

}  // namespace

TEST_CASE("admit: an op of a trusted author enters and is durable, and a known one changes nothing") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  TestNode there(workshop.folder(), "there", kDocument);
  here.trust(there, "there");
  const OpRow op = there.insert("1_story");
  CHECK(std::holds_alternative<Admitted>(here.receive(op)));
  CHECK(std::holds_alternative<AlreadyKnown>(here.receive(op)));
  CHECK(here.rows().size() == 1);
  CHECK(here.rows().front().source == "import");
  CHECK(here.shows("1_story"));
}

TEST_CASE("admit: an op that comes before its dependency waits, and enters with it") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  TestNode there(workshop.folder(), "there", kDocument);
  here.trust(there, "there");
  const OpRow insert = there.insert("1_story");
  const OpRow set = there.write({OpKind::set, insert.id, "stage", "\"2_current\"", {}});
  CHECK(waiting_reason(here.receive(set)) == "dependency_missing");
  CHECK(here.rows().empty());
  const Verdict verdict = here.receive(insert);
  REQUIRE(std::holds_alternative<Admitted>(verdict));
  CHECK(std::get<Admitted>(verdict).released == 1);
  CHECK(here.rows().size() == 2);
  CHECK(here.rows().front().id == insert.id);
  CHECK(here.quarantine_reasons().empty());
}

TEST_CASE("admit: an unknown author's op waits in quarantine until trust add lets it in") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  TestNode stranger(workshop.folder(), "stranger", kDocument);
  const OpRow op = stranger.insert("1_story");
  CHECK(waiting_reason(here.receive(op)) == "author_unknown");
  CHECK(here.quarantine_reasons() == std::vector<std::string>{"author_unknown"});
  CHECK_FALSE(here.shows("1_story"));
  const auto trusted = trust_add(here.replica(), stranger.author(), "stranger", false);
  REQUIRE(trusted);
  CHECK(trusted->released == 1);
  CHECK(here.shows("1_story"));
  CHECK(here.quarantine_reasons().empty());
}

TEST_CASE("admit: an unknown author's op that a trusted one builds on enters muted, and nobody is dead-locked") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  TestNode friendly(workshop.folder(), "friendly", kDocument);
  TestNode stranger(workshop.folder(), "stranger", kDocument);
  here.trust(friendly, "friendly");
  friendly.trust(stranger, "stranger");
  const OpRow strange = stranger.insert("1_strange");
  friendly.receive(strange);
  const OpRow built_on = friendly.insert("2_friendly");
  CHECK(waiting_reason(here.receive(strange)) == "author_unknown");
  const Verdict verdict = here.receive(built_on);
  REQUIRE(std::holds_alternative<Admitted>(verdict));
  CHECK(std::get<Admitted>(verdict).released == 1);
  CHECK(here.shows("2_friendly"));
  CHECK_FALSE(here.shows("1_strange"));
  here.trust(stranger, "stranger");
  CHECK(here.shows("1_strange"));
  CHECK(here.document().document().state_digest() == friendly.document().document().state_digest());
}

TEST_CASE("admit: a forged signature is refused and kept in quarantine with its reason") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  TestNode there(workshop.folder(), "there", kDocument);
  here.trust(there, "there");
  OpRow forged = there.insert("1_story");
  forged.op.signature.bytes[40] ^= 1;
  const Verdict verdict = here.receive(forged);
  REQUIRE(std::holds_alternative<Reject>(verdict));
  CHECK(std::get<Reject>(verdict) == Reject::bad_signature);
  CHECK(here.quarantine_reasons() == std::vector<std::string>{"bad_signature"});
  CHECK(here.rows().empty());
}

TEST_CASE("admit: an op of another document is refused") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  TestNode other(workshop.folder(), "other", DocumentId{{8}});
  here.trust(other, "other");
  const Verdict verdict = here.receive(other.insert("1_story"));
  REQUIRE(std::holds_alternative<Reject>(verdict));
  CHECK(std::get<Reject>(verdict) == Reject::wrong_document);
}

TEST_CASE("admit: an op whose content is gone enters only together with an erase of it") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  TestNode there(workshop.folder(), "there", kDocument);
  here.trust(there, "there");
  const OpRow insert = there.insert("1_story");
  const OpRow secret = there.write({OpKind::set, insert.id, "name", "\"a secret\"", {}});
  const OpRow erase = there.write({OpKind::erase, secret.id, "", std::nullopt, {}});
  OpRow emptied = secret;
  emptied.op.content.reset();
  emptied.op.salt = {};
  here.receive(insert);
  CHECK(waiting_reason(here.receive(emptied)) == "content_missing");
  CHECK(here.rows().size() == 1);
  CHECK(std::holds_alternative<Admitted>(here.receive(erase)));
  CHECK(here.rows().size() == 3);
  const auto fields = here.document().document().story("1_story").front().fields;
  REQUIRE(fields.size() == 2);
  CHECK(fields[0].name == "name");
  CHECK(fields[0].erased);
  CHECK_FALSE(fields[0].value);
}

TEST_CASE("admit: an erase drops the content of its author's op in the same transaction") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  TestNode there(workshop.folder(), "there", kDocument);
  here.trust(there, "there");
  const OpRow insert = there.insert("1_story");
  const OpRow secret = there.write({OpKind::set, insert.id, "name", "\"a secret\"", {}});
  here.receive(insert);
  here.receive(secret);
  here.receive(there.write({OpKind::erase, secret.id, "", std::nullopt, {}}));
  CHECK_FALSE(here.rows()[1].op.content);
  CHECK(here.document().document().state_digest() == there.document().document().state_digest());
}

TEST_CASE(
    "admit: an op that waits for one reason and then another is kept and enters once, and trust can be changed "
    "afterwards") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  TestNode friendly(workshop.folder(), "friendly", kDocument);
  TestNode stranger(workshop.folder(), "stranger", kDocument);
  here.trust(friendly, "friendly");
  stranger.trust(friendly, "friendly");
  const OpRow insert = friendly.insert("1_story");
  stranger.receive(insert);
  const OpRow set = stranger.write({OpKind::set, insert.id, "stage", "\"2_current\"", {}});
  CHECK(waiting_reason(here.receive(set)) == "dependency_missing");
  CHECK(std::holds_alternative<Admitted>(here.receive(insert)));
  CHECK(waiting_reason(here.receive(set)) == "author_unknown");
  CHECK(here.quarantine_reasons().size() == 1);
  const auto trusted = trust_add(here.replica(), stranger.author(), "stranger", false);
  INFO((trusted ? "" : trusted.error().what));
  REQUIRE(trusted);
  CHECK(trusted->released == 1);
  CHECK(here.rows().size() == 2);
  CHECK(here.quarantine_reasons().empty());
  REQUIRE(trust_revoke(here.replica(), stranger.author(), std::nullopt));
}

TEST_CASE("trust: a copy in quarantine of an op that is in the log is thrown away, and stops nothing") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  TestNode there(workshop.folder(), "there", kDocument);
  const OpRow op = there.insert("1_story");
  here.receive(op);
  auto log = here.replica().log().begin_write(std::chrono::seconds(10));
  REQUIRE(log);
  auto stored = (*log)->quarantine();
  REQUIRE(stored);
  stored->front().reason = "dependency_missing";
  REQUIRE((*log)->quarantine_add(stored->front()));
  REQUIRE((*log)->commit());
  log->reset();
  here.trust(there, "there");
  CHECK(here.rows().size() == 1);
  CHECK(here.quarantine_reasons().empty());
}

TEST_CASE("admit: a copy without content does not stand in the way of one with it") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  TestNode there(workshop.folder(), "there", kDocument);
  here.trust(there, "there");
  const OpRow insert = there.insert("1_story");
  const OpRow set = there.write({OpKind::set, insert.id, "stage", "\"2_current\"", {}});
  OpRow emptied = set;
  emptied.op.content.reset();
  emptied.op.salt = {};
  CHECK(waiting_reason(here.receive(emptied)) == "content_missing");
  CHECK(waiting_reason(here.receive(set)) == "dependency_missing");
  CHECK(waiting_reason(here.receive(emptied)) == "content_missing");
  CHECK(std::holds_alternative<Admitted>(here.receive(insert)));
  REQUIRE(here.rows().size() == 2);
  CHECK(here.rows().back().op.content == "\"2_current\"");
  CHECK(here.quarantine_reasons().empty());
}

TEST_CASE("admit: a long chain that came backwards enters with its first op, in order") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  TestNode there(workshop.folder(), "there", kDocument);
  TestNode stranger(workshop.folder(), "stranger", kDocument);
  here.trust(there, "there");
  std::vector<OpRow> chain;
  for (int n = 0; n < 40; ++n) chain.push_back(there.insert(std::to_string(n) + "_story"));
  here.receive(stranger.insert("other_story"));
  for (auto at = chain.rbegin(); at + 1 != chain.rend(); ++at) {
    CHECK(waiting_reason(here.receive(*at)) == "dependency_missing");
  }
  const Verdict verdict = here.receive(chain.front());
  REQUIRE(std::holds_alternative<Admitted>(verdict));
  CHECK(std::get<Admitted>(verdict).released == 39);
  std::vector<OpId> sent, entered;
  for (const OpRow& row : chain) sent.push_back(row.id);
  for (const OpRow& row : here.rows()) entered.push_back(row.id);
  CHECK(entered == sent);
  CHECK(here.quarantine_reasons() == std::vector<std::string>{"author_unknown"});
}

TEST_CASE("admit: an op that waited and breaks a rule of its dependencies is kept with its Reject when they come") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  TestNode there(workshop.folder(), "there", kDocument);
  here.trust(there, "there");
  const auto identity = Identity::load(workshop.file("there.key"));
  REQUIRE(identity);
  const OpRow insert = there.insert("1_story");
  Op op = insert.op.op;  // prev is its own first op, and its index is not the next
  op.kind = OpKind::tombstone;
  op.index = OpIndex{3};
  op.prev = op.target = insert.id;
  op.name.clear();
  const auto wrong = sign_op(*identity, op, std::nullopt);
  REQUIRE(wrong);
  const OpRow row{RowId{}, wrong->id(), wrong->claim(), Depth{}, "", 0};
  CHECK(waiting_reason(here.receive(row)) == "dependency_missing");
  const Verdict verdict = here.receive(insert);
  REQUIRE(std::holds_alternative<Admitted>(verdict));
  CHECK(std::get<Admitted>(verdict).released == 0);
  CHECK(here.quarantine_reasons() == std::vector<std::string>{"prev_mismatch"});
}

TEST_CASE("trust: a revoked author's later ops are muted, and nodes with the same trust agree") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  TestNode there(workshop.folder(), "there", kDocument);
  here.trust(there, "there");
  const OpRow insert = there.insert("1_story");
  const OpRow before = there.write({OpKind::set, insert.id, "stage", "\"2_current\"", {}});
  const OpRow after = there.write({OpKind::set, insert.id, "stage", "\"3_qa\"", {}});
  here.receive_all(there);
  const auto stage = [&] { return *here.document().document().story("1_story").front().fields.front().value; };
  CHECK(stage() == "\"3_qa\"");
  REQUIRE(trust_revoke(here.replica(), there.author(), after.id));
  CHECK(stage() == "\"2_current\"");
  // By default trust ends at the tip of this log, that op included.
  here.trust(there, "there");
  CHECK(stage() == "\"3_qa\"");
  const auto revoked = trust_revoke(here.replica(), there.author(), std::nullopt);
  REQUIRE(revoked);
  CHECK(revoked->record.revoked_from == after.id);
  CHECK(stage() == "\"2_current\"");
  CHECK(waiting_reason(here.receive(there.insert("2_story"))) == "author_revoked");
  CHECK(before.id != after.id);
}

namespace {

/// A set of the stage on a branch of its own.
OpRow forked_set(TestNode& node, const OpRow& item, const OpRow& prev, Seq seq) {
  return node.fork(prev, {OpKind::set, item.id, "stage", "\"stolen\"", {}}, seq);
}

std::string stage_of(const LiveDocument& live, const std::string& story) {
  return *live.document().story(story).front().fields.front().value;
}

}  // namespace

TEST_CASE("trust: of an author revoked from an op its prev-ancestors are heard, and no op on another branch") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  TestNode there(workshop.folder(), "there", kDocument);
  here.trust(there, "there");
  const OpRow insert = there.insert("1_story");
  const OpRow before = there.write({OpKind::set, insert.id, "stage", "\"2_current\"", {}});
  const OpRow after = there.write({OpKind::set, insert.id, "stage", "\"3_qa\"", {}});
  here.receive_all(there);
  auto live = here.document();
  // The thief forks one op before the one that is revoked.
  const OpRow stolen = forked_set(there, insert, insert, Seq{2});
  CHECK(std::holds_alternative<Admitted>(here.receive(stolen)));
  REQUIRE(trust_revoke(here.replica(), there.author(), after.id));
  CHECK(stage_of(here.document(), "1_story") == "\"2_current\"");
  REQUIRE(live.catch_up(here.log()));
  CHECK(live.document().state_digest() == here.document().document().state_digest());
  // From the branch of the thief on: then the others are not heard.
  REQUIRE(trust_revoke(here.replica(), there.author(), stolen.id));
  CHECK(stage_of(here.document(), "1_story") == "\"1_backlog\"");
}

TEST_CASE("trust: an op that a stolen key signs after the revocation, at an early index, is muted when it enters") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  TestNode there(workshop.folder(), "there", kDocument);
  TestNode friendly(workshop.folder(), "friendly", kDocument);
  here.trust(there, "there");
  here.trust(friendly, "friendly");
  friendly.trust(there, "there");
  const OpRow insert = there.insert("1_story");
  there.write({OpKind::set, insert.id, "stage", "\"2_current\"", {}});
  there.write({OpKind::set, insert.id, "stage", "\"3_qa\"", {}});
  here.receive_all(there);
  REQUIRE(trust_revoke(here.replica(), there.author(), std::nullopt));
  auto live = here.document();
  const OpRow stolen = forked_set(there, insert, insert, Seq{2});
  CHECK(waiting_reason(here.receive(stolen)) == "author_revoked");
  friendly.receive(insert);
  friendly.receive(stolen);
  CHECK(std::holds_alternative<Admitted>(here.receive(friendly.insert("2_story"))));
  CHECK(here.rows().size() == 5);
  CHECK(stage_of(here.document(), "1_story") == "\"2_current\"");
  REQUIRE(live.catch_up(here.log()));
  CHECK(stage_of(live, "1_story") == "\"2_current\"");
  CHECK(live.document().state_digest() == here.document().document().state_digest());
}

TEST_CASE("trust: when the op that an author is revoked from comes, a document in memory hears what led to it") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  TestNode there(workshop.folder(), "there", kDocument);
  TestNode friendly(workshop.folder(), "friendly", kDocument);
  here.trust(friendly, "friendly");
  friendly.trust(there, "there");
  const OpRow insert = there.insert("1_story");
  const OpRow set = there.write({OpKind::set, insert.id, "stage", "\"2_current\"", {}});
  auto log = here.replica().log().begin_write(std::chrono::seconds(10));
  REQUIRE(log);
  REQUIRE((*log)->set_author({0, "here", "revoke", {there.author(), "there", Trust::revoked, false, set.id}}));
  REQUIRE((*log)->commit());
  log->reset();
  friendly.receive(insert);
  const OpRow first = friendly.insert("2_story");
  friendly.receive(set);
  const OpRow second = friendly.insert("3_story");
  for (const OpRow& op : {insert, first}) here.receive(op);
  auto live = here.document();
  CHECK(live.document().stories() == std::vector<std::string>{"2_story"});
  for (const OpRow& op : {set, second}) here.receive(op);
  REQUIRE(live.catch_up(here.log()));
  CHECK(live.document().story("1_story").front().visible);
  CHECK(live.document().state_digest() == here.document().document().state_digest());
}

TEST_CASE("trust: muting an insert hides its story, and its seq still counts") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  TestNode there(workshop.folder(), "there", kDocument);
  here.trust(there, "there");
  here.receive(there.insert("1_story"));
  REQUIRE(trust_revoke(here.replica(), there.author(), std::nullopt));
  CHECK_FALSE(here.shows("1_story"));
  CHECK(raw(here.insert("2_story").op.op.seq) == 2);
}

TEST_CASE("a write by a key that is not trusted is refused with the line that lets it in") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  REQUIRE(trust_revoke(here.replica(), here.author(), std::nullopt));
  const auto refused = put(here.replica(), {"1_story", {{"stage", "\"x\""}}, true, false, false});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::refused);
  CHECK(refused.error().hint.find("musher trust --log") == 0);
  CHECK(refused.error().hint.find(" add ") != std::string::npos);
}

TEST_CASE("own writes: nothing is signed on top of a row that does not hold, even where the derived tables name it") {
  Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  here.insert("1_story");
  const OpRow last = here.insert("2_story");
  // As somebody would who knows the format: the row is changed, and the trigger put back as it was.
  REQUIRE(
      workshop
          .shell("trigger=$(sqlite3 here.db \"SELECT sql FROM sqlite_schema WHERE name = 'crdt_ops_no_update'\") && "
                 "sqlite3 here.db \"DROP TRIGGER crdt_ops_no_update; "
                 "UPDATE crdt_ops SET actor = 'root' WHERE rowid = 2; $trigger\"")
          .code == 0);
  const auto refused = put(here.replica(), {"3_story", {}, true, false, false});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::damaged);
  CHECK(refused.error().what.find("row 2 would be built on, and does not hold (id_mismatch)") != std::string::npos);
  CHECK(refused.error().hint.find("musher verify-order --log ") == 0);
  CHECK(here.rows().size() == 2);
}

TEST_CASE("own writes: a tip that is missing from its table makes no second branch") {
  Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  TestNode there(workshop.folder(), "there", kDocument);
  here.trust(there, "there");
  here.insert("1_story");
  const OpRow own = here.insert("2_story");
  here.receive(there.insert("3_story"));
  const char* damage = GENERATE("DELETE FROM tips WHERE idx = 2", "UPDATE tips SET idx = 1 WHERE idx = 2",
                                "UPDATE tips SET op_id = (SELECT op_id FROM crdt_ops WHERE rowid = 1) WHERE idx = 2");
  CAPTURE(damage);
  REQUIRE(workshop.shell(std::string("sqlite3 here.db \"") + damage + "\"").code == 0);
  const OpRow next = here.insert("4_story");
  CHECK(next.op.op.prev == own.id);
  CHECK(raw(next.op.op.index) == 3);
}

TEST_CASE("a key and log restored together from an old copy may not write: the note of the last own op is newer") {
  Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  here.insert("1_story");
  REQUIRE(workshop.shell("sqlite3 here.db \"VACUUM INTO 'old.db'\"").code == 0);
  here.insert("2_story");
  auto old = SqliteOpLog::open(workshop.file("old.db"), OpenMode::write);
  REQUIRE(old);
  Replica restored(*std::move(old), here.replica().host());
  auto identity = Identity::load(workshop.file("here.key"));
  REQUIRE(identity);
  restored.use_identity(*std::move(identity));
  const auto refused = put(restored, {"3_story", {}, true, false, false});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::refused);
  CHECK(refused.error().what.find("already written op") != std::string::npos);
  // A peer has the ops without loss; only where none has them may the note go.
  const std::string& hint = refused.error().hint;
  const auto sync = hint.find("musher sync OTHER " + workshop.file("old.db").string());
  const auto newer = hint.find("bring the newer log back");
  const auto removal = hint.find("only if nobody has it: rm ");
  CHECK(sync < newer);
  CHECK(newer < removal);
  CHECK(removal != std::string::npos);
  const auto rows = restored.log().count();
  REQUIRE(rows);
  CHECK(*rows == 1);
}

TEST_CASE("own writes: a key that has written in one log writes in another only once that has its op") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  TestNode there(workshop.folder(), "there", kDocument);
  there.trust(here, "here");
  auto log = SqliteOpLog::open(workshop.file("there.db"), OpenMode::write);
  REQUIRE(log);
  Replica elsewhere(*std::move(log), here.replica().host());
  auto identity = Identity::load(workshop.file("here.key"));
  REQUIRE(identity);
  elsewhere.use_identity(*std::move(identity));
  const LogInfo& own = here.log().info();
  const LogInfo& other = elsewhere.log().info();
  const auto& notes = here.replica().host().state_dir;
  const OpRow op = here.insert("1_story");
  CHECK(noted_tip(own, here.author(), notes)->id == op.id);
  CHECK_FALSE(noted_tip(other, here.author(), notes));
  const auto refused = put(elsewhere, {"2_story", {}, true, false, false});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::refused);
  there.receive(op);
  REQUIRE(put(elsewhere, {"2_story", {}, true, false, false}));
  CHECK(raw(noted_tip(other, here.author(), notes)->index) == 2);
  CHECK_FALSE(noted_tip(own, here.author(), notes));
  CHECK_FALSE(put(here.replica(), {"3_story", {}, true, false, false}));
}

TEST_CASE("own writes: a note from before notes named their log is held to, and names it from the next write on") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  const OpRow op = here.insert("1_story");
  const LogInfo& log = here.log().info();
  const std::filesystem::path folder = workshop.file("state-here") / "tips";
  const std::filesystem::path note = *std::filesystem::directory_iterator(folder);
  const auto write_old = [&](std::uint64_t index, const OpId& id) {
    const std::string body = fmt::format("{:020} {}", index, to_hex(id.hash));
    write_file(note, fmt::format("{} {}\n", body, to_hex(content_digest(Salt{}, body).bytes)));
  };
  write_old(2, OpId{{9}});
  CHECK(noted_tip(log, here.author(), workshop.file("state-here"))->id == OpId{{9}});
  CHECK_FALSE(put(here.replica(), {"2_story", {}, true, false, false}));
  write_old(1, op.id);
  const OpRow next = here.insert("2_story");
  CHECK(here.replica().take_warnings().empty());
  const std::string text = read_file(note);
  CHECK(text.starts_with(fmt::format("{:020} {} {} ", 2, to_hex(next.id.hash), to_hex(log.log.bytes))));
  CHECK(text.size() == 20 + 1 + 64 + 1 + 32 + 1 + 64 + 1);
}

TEST_CASE("own writes: a note of the last own op that cannot be read is told, and written anew") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  here.insert("1_story");
  CHECK(here.replica().take_warnings().empty());
  std::filesystem::path note;
  for (const auto& entry : std::filesystem::directory_iterator(workshop.file("state-here") / "tips")) note = entry;
  const auto size = std::filesystem::file_size(note);
  SECTION("cut off") { std::filesystem::resize_file(note, 40); }
  SECTION("empty") { std::filesystem::resize_file(note, 0); }
  SECTION("too long") { std::filesystem::resize_file(note, size + 1); }
  SECTION("a folder") {
    std::filesystem::remove(note);
    std::filesystem::create_directory(note);
    here.insert("2_story");
    CHECK(here.replica().take_warnings().size() == 2);  // nor can it be written
    return;
  }
  here.insert("2_story");
  const auto warnings = here.replica().take_warnings();
  REQUIRE(warnings.size() == 1);
  CHECK(warnings.front().find("cannot read the note of the last own op, " + note.string()) == 0);
  here.insert("3_story");
  CHECK(here.replica().take_warnings().empty());
  CHECK(std::filesystem::file_size(note) == size);
  CHECK_FALSE(std::filesystem::exists(note.string() + ".new"));
}

TEST_CASE("own writes: a note that another process is overwriting is read again when that is done") {
  const Workshop workshop;
  TestNode here(workshop.folder(), "here", kDocument);
  here.insert("1_story");
  const std::filesystem::path folder = workshop.file("state-here") / "tips";
  const std::filesystem::path note = *std::filesystem::directory_iterator(folder);
  const std::string good = read_file(note);
  write_file(note, good.substr(0, 20) + std::string(good.size() - 20, 'x'));  // half of it
  const Descriptor other(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  REQUIRE(::flock(other.get(), LOCK_EX) == 0);
  const std::string waiter = fmt::format("-> FLOCK  ADVISORY  WRITE {} ", ::getpid());
  bool waited = false;
  std::jthread writer([&] {
    waited = wait_until([&] { return read_file("/proc/locks").find(waiter) != std::string::npos; });
    write_file(note, good);
    ::flock(other.get(), LOCK_UN);
  });
  here.insert("2_story");
  writer.join();
  CHECK(waited);
  CHECK(here.replica().take_warnings().empty());
}
