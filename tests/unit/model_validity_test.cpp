#include <catch2/catch.hpp>

#include <functional>

#include "model/validity.hpp"
#include "support/signed_ops.hpp"

using namespace musher;
using namespace musher::testing;
using namespace std::string_literals;

namespace {

SignedOp claim_of(OpKind kind) { return plain_signed(kind).claim(); }

std::optional<Reject> verdict(const SignedOp& claim) { return check_form(claim, test_document()); }

/// The verdict on an op of this kind after a change.
std::optional<Reject> after(OpKind kind, const std::function<void(SignedOp&)>& change) {
  SignedOp claim = claim_of(kind);
  change(claim);
  return verdict(claim);
}

std::optional<Reject> with_name(OpKind kind, const std::string& name) {
  return after(kind, [&](SignedOp& claim) { claim.op.name = name; });
}

std::optional<Reject> with_content(OpKind kind, const std::string& content) {
  return after(kind, [&](SignedOp& claim) { claim.content = content; });
}

void drop_content(SignedOp& claim) {
  claim.content.reset();
  claim.salt = {};
}

constexpr OpKind kKinds[] = {OpKind::insert, OpKind::set, OpKind::tombstone, OpKind::erase};

}  // namespace

TEST_CASE("form: an op of each kind, with and without what is optional, is right", "[model]") {
  for (const OpKind kind : kKinds) {
    CAPTURE(to_string(kind));
    CHECK(verdict(claim_of(kind)) == std::nullopt);
    CHECK(after(kind, drop_content) == std::nullopt);  // erased: whether it may be is the log's question
    CHECK(after(kind, [](SignedOp& claim) { claim.op.actor.clear(); }) == std::nullopt);
    CHECK(after(kind, [](SignedOp& claim) { claim.op.time_ms = INT64_MIN; }) == std::nullopt);
  }
  for (const OpKind kind : {OpKind::tombstone, OpKind::erase}) {
    CHECK(after(kind, [](SignedOp& claim) {
            drop_content(claim);
            claim.op.content_digest = {};
          }) == std::nullopt);
  }
  CHECK(with_name(OpKind::tombstone, "478_story_sync") == std::nullopt);
  CHECK(after(OpKind::insert, [](SignedOp& claim) { claim.op.target = op_id_of(9); }) == std::nullopt);
}

TEST_CASE("form: an op of another document is refused", "[model]") {
  CHECK(after(OpKind::set, [](SignedOp& claim) { claim.op.document.bytes[15] ^= 1; }) == Reject::wrong_document);
}

TEST_CASE("form: 64 parents, 128 bytes of name and actor, 1 MiB of content and 32 levels fit; one more is oversized",
          "[model]") {
  const auto parents = [](std::size_t count) {
    return after(OpKind::set, [&](SignedOp& claim) {
      for (std::size_t i = 0; i < count; ++i) claim.op.parents.push_back(op_id_of(static_cast<std::uint8_t>(i + 1)));
    });
  };
  CHECK(parents(kMaxParents) == std::nullopt);
  CHECK(parents(kMaxParents + 1) == Reject::oversized);
  CHECK(with_name(OpKind::insert, std::string(128, 'x')) == std::nullopt);
  CHECK(with_name(OpKind::insert, std::string(129, 'x')) == Reject::oversized);
  const auto actor = [](std::size_t size) {
    return after(OpKind::set, [&](SignedOp& claim) { claim.op.actor = std::string(size, 'x'); });
  };
  CHECK(actor(128) == std::nullopt);
  CHECK(actor(129) == Reject::oversized);
  CHECK(with_content(OpKind::set, "\"" + std::string(kMaxContentBytes - 2, 'x') + "\"") == std::nullopt);
  CHECK(with_content(OpKind::set, "\"" + std::string(kMaxContentBytes - 1, 'x') + "\"") == Reject::oversized);
  CHECK(with_content(OpKind::set, std::string(32, '[') + std::string(32, ']')) == std::nullopt);
  CHECK(with_content(OpKind::set, std::string(33, '[') + std::string(33, ']')) == Reject::oversized);
  CHECK(with_content(OpKind::set, std::string(100'000, '[')) == Reject::oversized);
}

TEST_CASE("form: depth counts brackets outside strings, also where the text is no JSON", "[model]") {
  const std::string brackets(33, '[');
  CHECK(with_content(OpKind::set, "\"" + brackets + "\"") == std::nullopt);
  CHECK(with_content(OpKind::set, "\"\\\"" + brackets) == Reject::bad_content);
  CHECK(with_content(OpKind::set, "\"\\\\\"" + brackets) == Reject::oversized);
  CHECK(with_content(OpKind::set, std::string(33, '{') + "\xff") == Reject::oversized);
  std::string closed;
  for (int i = 0; i < 40; ++i) closed += "[]";
  CHECK(with_content(OpKind::set, "]]" + closed) == Reject::bad_content);
}

TEST_CASE("form: counters and zeros that do not fit the kind are bad fields", "[model]") {
  for (const OpKind kind : kKinds) {
    CAPTURE(to_string(kind));
    CHECK(after(kind, [](SignedOp& claim) { claim.op.index = OpIndex{0}; }) == Reject::bad_fields);
    CHECK(after(kind, [](SignedOp& claim) { claim.op.index = OpIndex{2}; }) == Reject::bad_fields);
    CHECK(after(kind, [](SignedOp& claim) {
            claim.op.prev = op_id_of(1);
            claim.op.index = OpIndex{0};
          }) == Reject::bad_fields);
    CHECK(after(kind, [](SignedOp& claim) { claim.op.prev = op_id_of(1); }) == Reject::bad_fields);
    CHECK(after(kind, [](SignedOp& claim) {
            claim.op.prev = op_id_of(1);
            claim.op.index = OpIndex{2};
          }) == std::nullopt);
    CHECK(after(kind, [](SignedOp& claim) {
            claim.op.prev = op_id_of(1);
            claim.op.index = OpIndex{std::uint64_t{1} << 63};
          }) == Reject::bad_fields);
    CHECK(after(kind, [](SignedOp& claim) { claim.op.seq = Seq{std::uint64_t{1} << 63}; }) == Reject::bad_fields);
    const Seq wrong = kind == OpKind::erase ? Seq{1} : Seq{0};
    CHECK(after(kind, [&](SignedOp& claim) { claim.op.seq = wrong; }) == Reject::bad_fields);
  }
  for (const OpKind kind : {OpKind::set, OpKind::tombstone, OpKind::erase}) {
    CHECK(after(kind, [](SignedOp& claim) { claim.op.target = {}; }) == Reject::bad_fields);
  }
  for (const OpKind kind : {OpKind::insert, OpKind::set}) {
    CHECK(after(kind, [](SignedOp& claim) { claim.op.content_digest = {}; }) == Reject::bad_fields);
  }
}

TEST_CASE("form: parents ascend, none is twice, none is zero", "[model]") {
  const auto parents = [](std::vector<OpId> ids) {
    return after(OpKind::set, [&](SignedOp& claim) { claim.op.parents = std::move(ids); });
  };
  CHECK(parents({op_id_of(1), op_id_of(2)}) == std::nullopt);
  CHECK(parents({op_id_of(2), op_id_of(1)}) == Reject::bad_parents);
  CHECK(parents({op_id_of(1), op_id_of(1)}) == Reject::bad_parents);
  CHECK(parents({OpId{}}) == Reject::bad_parents);
  CHECK(parents({OpId{}, op_id_of(1)}) == Reject::bad_parents);
}

TEST_CASE("form: which names a kind takes", "[model]") {
  CHECK(with_name(OpKind::insert, "") == Reject::bad_name);
  CHECK(with_name(OpKind::set, "") == Reject::bad_name);
  CHECK(with_name(OpKind::set, "story_id") == Reject::bad_name);
  CHECK(with_name(OpKind::insert, "story_id") == std::nullopt);
  CHECK(with_name(OpKind::set, "Story_id") == std::nullopt);
  CHECK(with_name(OpKind::erase, "x") == Reject::bad_name);
  for (const OpKind kind : {OpKind::insert, OpKind::set, OpKind::tombstone}) {
    for (const std::string& bad : {"a\nb"s, "a\0b"s, "\x7f"s, "\xc2\x85"s, "\xff"s, "\xed\xa0\x80"s}) {
      CAPTURE(bad);
      CHECK(with_name(kind, bad) == Reject::bad_name);
    }
    CHECK(with_name(kind, "\xe2\x80\xae \xf0\x9f\x98\x80 ../;'%s") == std::nullopt);
  }
}

TEST_CASE("form: an actor is plain UTF-8", "[model]") {
  for (const std::string& bad : {"a\nb"s, "a\0b"s, "\xff"s}) {
    CHECK(after(OpKind::set, [&](SignedOp& claim) { claim.op.actor = bad; }) == Reject::bad_actor);
  }
}

TEST_CASE("form: content or a salt where there may be none is unexpected", "[model]") {
  CHECK(after(OpKind::tombstone, [](SignedOp& claim) { claim.op.content_digest = {}; }) == Reject::content_unexpected);
  CHECK(after(OpKind::erase, [](SignedOp& claim) { claim.op.content_digest = {}; }) == Reject::content_unexpected);
  CHECK(after(OpKind::set, [](SignedOp& claim) { claim.content.reset(); }) == Reject::content_unexpected);
}

TEST_CASE("form: content is canonical", "[model]") {
  for (const std::string& bad : {""s, " 1"s, "1.0"s, "-0"s, "NaN"s, "9007199254740992"s, "\"\xff\""s, R"("\ud800")"s,
                                 R"({"b":1,"a":2})"s, R"({"a":1,"a":1})"s, "\xEF\xBB\xBF{}"s, "{}\0"s}) {
    CAPTURE(bad);
    CHECK(with_content(OpKind::set, bad) == Reject::bad_content);
  }
}

TEST_CASE("form: content without a salt is refused: its digest would give it away", "[model]") {
  CHECK(after(OpKind::set, [](SignedOp& claim) { claim.salt = {}; }) == Reject::bad_content);
}

TEST_CASE("form: which content a kind takes", "[model]") {
  for (const std::string any : {"null", "1", "\"x\"", "[1]", "{}", R"({"story_id":"x"})", R"({"":1})"}) {
    CHECK(with_content(OpKind::set, any) == std::nullopt);
  }
  CHECK(with_content(OpKind::insert, "{}") == std::nullopt);
  CHECK(with_content(OpKind::insert, R"({"a":{"":2,"story_id":1}})") == std::nullopt);
  CHECK(with_content(OpKind::insert, "{\"" + std::string(128, 'x') + "\":1}") == std::nullopt);
  for (const std::string& bad : {"null"s, "[]"s, "\"x\""s, R"({"story_id":"x"})"s, R"({"":1})"s, R"({"a\nb":1})"s,
                                 "{\"" + std::string(129, 'x') + "\":1}", "{\"\x7f\":1}"s}) {
    CAPTURE(bad);
    CHECK(with_content(OpKind::insert, bad) == Reject::bad_content);
  }
  for (const OpKind kind : {OpKind::tombstone, OpKind::erase}) {
    CHECK(with_content(kind, R"({"reason":""})") == std::nullopt);
    for (const std::string bad :
         {"{}", "null", "\"done\"", R"({"reason":1})", R"({"reason":null})", R"({"reason":["x"]})", R"({"why":"x"})",
          R"({"a":1,"reason":"x"})", R"({"reason":"x","z":1})"}) {
      CAPTURE(bad);
      CHECK(with_content(kind, bad) == Reject::bad_content);
    }
  }
}

TEST_CASE("form: of several broken rules the first in the order of docs/format.md is named", "[model]") {
  SignedOp claim = claim_of(OpKind::set);
  claim.content = "NaN";
  CHECK(verdict(claim) == Reject::bad_content);
  claim.op.actor = "\n";
  CHECK(verdict(claim) == Reject::bad_actor);
  claim.op.name = "story_id";
  CHECK(verdict(claim) == Reject::bad_name);
  claim.op.parents = {OpId{}};
  CHECK(verdict(claim) == Reject::bad_parents);
  claim.op.index = OpIndex{0};
  CHECK(verdict(claim) == Reject::bad_fields);
  claim.op.actor = std::string(129, '\n');
  CHECK(verdict(claim) == Reject::oversized);
  claim.op.document = {};
  CHECK(verdict(claim) == Reject::wrong_document);
}

// --- dependencies

namespace {

DependencyFacts insert_facts(std::uint8_t byte, std::uint64_t depth, std::string story = "478_story_sync") {
  return {op_id_of(byte), OpKind::insert, identity_of(2).author(), OpIndex{1}, Depth{depth}, std::move(story)};
}

DependencyFacts facts_of(OpKind kind, std::uint8_t byte, std::uint64_t depth) {
  return {op_id_of(byte), kind, identity_of(2).author(), OpIndex{1}, Depth{depth}, {}};
}

DependencyFacts prev_facts(std::uint8_t byte, OpIndex index, std::uint64_t depth) {
  return {op_id_of(byte), OpKind::set, plain_op(OpKind::set).author, index, Depth{depth}, {}};
}

}  // namespace

TEST_CASE("dependencies: the depth is one more than the deepest's, and 1 without any", "[model]") {
  CHECK(check_dependencies(plain_op(OpKind::insert), {}) == Depth{1});
  Op op = plain_op(OpKind::set);
  op.parents = {op_id_of(4), op_id_of(5)};
  CHECK(check_dependencies(op, std::array{insert_facts(7, 3), facts_of(OpKind::erase, 4, 9),
                                          facts_of(OpKind::set, 5, 2)}) == Depth{10});
}

TEST_CASE("dependencies: prev is by the same author and has the index before", "[model]") {
  Op op = plain_op(OpKind::insert);
  op.prev = op_id_of(3);
  op.index = OpIndex{5};
  CHECK(check_dependencies(op, std::array{prev_facts(3, OpIndex{4}, 4)}) == Depth{5});
  for (const std::uint64_t index : {0U, 3U, 5U, 6U}) {
    CHECK(check_dependencies(op, std::array{prev_facts(3, OpIndex{index}, 4)}).error() == Reject::prev_mismatch);
  }
  auto other = prev_facts(3, OpIndex{4}, 4);
  other.author = identity_of(2).author();
  CHECK(check_dependencies(op, std::array{other}).error() == Reject::prev_mismatch);
}

TEST_CASE("dependencies: what each kind may have as its target", "[model]") {
  const auto verdict_on = [](OpKind kind, OpKind target) {
    Op op = plain_op(kind);
    op.target = op_id_of(7);
    return check_dependencies(op, std::array{facts_of(target, 7, 1)});
  };
  for (const OpKind kind : {OpKind::insert, OpKind::set, OpKind::tombstone}) {
    CAPTURE(to_string(kind));
    CHECK(verdict_on(kind, OpKind::insert) == Depth{2});
    for (const OpKind other : {OpKind::set, OpKind::tombstone, OpKind::erase}) {
      CHECK(verdict_on(kind, other).error() == Reject::target_mismatch);
    }
  }
  for (const OpKind other : {OpKind::insert, OpKind::set, OpKind::tombstone}) {
    CHECK(verdict_on(OpKind::erase, other) == Depth{2});
  }
  CHECK(verdict_on(OpKind::erase, OpKind::erase).error() == Reject::target_mismatch);
}

TEST_CASE("dependencies: a purge names its target's story", "[model]") {
  Op op = plain_op(OpKind::tombstone);
  const std::array facts{insert_facts(7, 1, "478_story_sync")};
  CHECK(check_dependencies(op, facts) == Depth{2});
  op.name = "478_story_sync";
  CHECK(check_dependencies(op, facts) == Depth{2});
  op.name = "478_story_sink";
  CHECK(check_dependencies(op, facts).error() == Reject::story_mismatch);
}

TEST_CASE("dependencies: a seq is at least 1 and at most the op's depth; an erase has 0", "[model]") {
  Op op = plain_op(OpKind::set);
  const std::array facts{insert_facts(7, 4)};
  const auto with_seq = [&](std::uint64_t seq) {
    op.seq = Seq{seq};
    return check_dependencies(op, facts);
  };
  CHECK(with_seq(0).error() == Reject::seq_out_of_bounds);
  CHECK(with_seq(1) == Depth{5});
  CHECK(with_seq(5) == Depth{5});
  CHECK(with_seq(6).error() == Reject::seq_out_of_bounds);
  CHECK(with_seq(UINT64_MAX).error() == Reject::seq_out_of_bounds);
  op.kind = OpKind::erase;
  CHECK(with_seq(0) == Depth{5});
  CHECK(with_seq(1).error() == Reject::seq_out_of_bounds);
}

TEST_CASE("dependencies: of several broken rules prev is named first, then target, story, seq", "[model]") {
  Op op = plain_op(OpKind::tombstone);
  op.name = "other";
  op.seq = Seq{99};
  op.prev = op_id_of(3);
  op.index = OpIndex{2};
  const auto target = insert_facts(7, 1);
  CHECK(check_dependencies(op, std::array{target, prev_facts(3, OpIndex{2}, 1)}).error() == Reject::prev_mismatch);
  CHECK(check_dependencies(op, std::array{facts_of(OpKind::set, 7, 1), prev_facts(3, OpIndex{1}, 1)}).error() ==
        Reject::target_mismatch);
  CHECK(check_dependencies(op, std::array{target, prev_facts(3, OpIndex{1}, 1)}).error() == Reject::story_mismatch);
  op.name = target.name;
  CHECK(check_dependencies(op, std::array{target, prev_facts(3, OpIndex{1}, 1)}).error() == Reject::seq_out_of_bounds);
}
