// The door for ops that others wrote: what enters, what waits, what is refused.

#include <catch2/catch.hpp>

#include "oplog/sqlite_op_log.hpp"
#include "replica/trust.hpp"
#include "support/test_node.hpp"
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
  const auto rows = restored.log().count();
  REQUIRE(rows);
  CHECK(*rows == 1);
}
