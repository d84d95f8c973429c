// Who is told of as an author whose ops wait, when strangers come by the thousand.
#include "server/waiting_authors.hpp"

#include <catch2/catch.hpp>

#include "crypto/hashing.hpp"
#include "model/canonical_bytes.hpp"
#include "support/scratch_log.hpp"
#include "support/signed_ops.hpp"

using namespace musher;
using namespace musher::testing;
using namespace std::chrono_literals;

namespace {

AuthorId author(std::size_t number) {
  AuthorId id;
  id.key = {static_cast<std::uint8_t>(number), static_cast<std::uint8_t>(number >> 8)};
  return id;
}

struct Scene {
  Standing standing = Standing::unknown;
  std::vector<AuthorId> told;
  WaitingAuthors authors{[this](const AuthorId&) { return standing; },
                         [this](const AuthorId& author, Standing) { told.push_back(author); }};
};

WaitingAuthors::Time at(std::chrono::seconds when) { return WaitingAuthors::Time{1h} + when; }

/// Puts an op of everybody's into the quarantine with this reason.
OpId keep(SqliteOpLog& log, const std::string& reason) {
  const SignedOp op = plain_signed(OpKind::insert).claim();
  QuarantinedOp kept;
  kept.reason = reason;
  kept.source = "peer:x";
  kept.canonical = canonical_bytes(op.op);
  kept.signature = op.signature;
  auto write = log.begin_write(1s);
  REQUIRE(write);
  REQUIRE((*write)->quarantine_add(kept));
  REQUIRE((*write)->commit());
  return op_id(kept.canonical);
}

}  // namespace

TEST_CASE("waiting authors: an op that came is told of when it waits, and not when it broke a rule", "[server]") {
  const ScratchLog scratch;
  const auto log = scratch.open();
  Scene scene;
  const bool waits = GENERATE(true, false);
  const OpId op = keep(*log, waits ? "author_unknown" : "bad_signature");
  scene.authors.came(op, author(1), at(0s));
  CHECK(scene.told.empty());
  scene.authors.look(*log, at(1s));
  CHECK(scene.told.size() == (waits ? 1 : 0));
  scene.authors.came(op, author(1), at(2s));
  scene.authors.look(*log, at(3s));
  CHECK(scene.told.size() == (waits ? 1 : 0));
}

TEST_CASE("waiting authors: of more at once than are followed all are looked for, once a minute", "[server]") {
  Scene scene;
  for (std::size_t number = 0; number < WaitingAuthors::kMostAtOnce; ++number)
    scene.authors.came(op_id_of(1), author(number), at(0s));
  CHECK_FALSE(scene.authors.wants_all(at(0s)));
  scene.authors.came(op_id_of(1), author(1'000), at(0s));
  CHECK(scene.authors.wants_all(at(0s)));
  CHECK_FALSE(scene.authors.wants_all(at(0s)));
  scene.authors.came(op_id_of(1), author(1'001), at(1s));
  CHECK_FALSE(scene.authors.wants_all(at(59s)));
  CHECK(scene.authors.wants_all(at(61s)));
}

TEST_CASE("waiting authors: one that was trusted in between is news again", "[server]") {
  Scene scene;
  scene.authors.waits(author(1));
  scene.standing = Standing::allowed;
  scene.authors.came(op_id_of(1), author(1), at(0s));
  scene.standing = Standing::revoked;
  scene.authors.waits(author(1));
  CHECK(scene.told.size() == 2);
}

TEST_CASE("waiting authors: each that is not trusted is told of once, and nobody who is trusted", "[server]") {
  Scene scene;
  scene.standing = Standing::allowed;
  scene.authors.waits(author(1));
  CHECK(scene.told.empty());
  scene.standing = Standing::revoked;
  for (int times = 0; times < 3; ++times) scene.authors.waits(author(1));
  scene.standing = Standing::unknown;
  for (int times = 0; times < 3; ++times) scene.authors.waits(author(2));
  scene.authors.waits(author(1));
  CHECK(scene.told == std::vector{author(1), author(2)});
}

TEST_CASE("waiting authors: a flood of strangers is not remembered without end", "[server]") {
  Scene scene;
  for (std::size_t number = 0; number < 2 * WaitingAuthors::kMostTold; ++number) scene.authors.waits(author(number));
  CHECK(scene.told.size() == WaitingAuthors::kMostTold);
}
