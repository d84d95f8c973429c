// One key on two branches, a thousand times over: whoever holds both ops of a pair says so, and needs nobody for it.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "audit/verify_order.hpp"
#include "model/canonical_bytes.hpp"
#include "support/log_builder.hpp"
#include "support/signed_ops.hpp"
#include "support/temp_folder.hpp"
#include "support/test_node.hpp"

namespace musher::testing {
namespace {

constexpr std::uint64_t kPairs = 1'000;

/// The indices of which the audit says that two ops of mallory's have them after the same op.
std::set<std::uint64_t> found_by(TestNode& node, const AuthorId& mallory) {
  const auto log = must(SqliteOpLog::open(node.log().info().path, OpenMode::read));
  AuditRequest request;
  request.now_ms = 1'790'000'100'000;
  const AuditReport report = must(verify_order(*log, request));
  CHECK(report.verdict == AuditVerdict::findings);
  std::set<std::uint64_t> indices;
  for (const Finding& finding : report.findings) {
    if (finding.code != FindingCode::equivocation) continue;
    const auto second = std::get<OpRow>(*must(log->find(finding.op.value())));
    CHECK(second.op.op.author == mallory);
    indices.insert(raw(second.op.op.index));

    // The proof is the two ops: whoever has them, and no log, comes to the same.
    const auto same_index = must(log->ops_at(mallory, second.op.op.index));
    REQUIRE(same_index.size() == 2);
    const Verifier alone(node.log().info().document, SignatureCheck::libsodium);
    std::vector<Op> proof;
    for (const OpId& id : same_index) {
      SignedOp claim = std::get<OpRow>(*must(log->find(id))).op;
      claim.op = parse_canonical_bytes(canonical_bytes(claim.op)).value();
      const auto verified = alone.verify(claim);
      REQUIRE(verified);
      CHECK(verified->id() == id);
      proof.push_back(verified->op());
    }
    CHECK(proof[0].prev == proof[1].prev);
    CHECK(same_index[0] != same_index[1]);
  }
  return indices;
}

TEST_CASE("equivocation: every honest node that holds both ops of a pair finds it, and the pair is its own proof",
          "[audit]") {
  const TempFolder folder;
  TestNode mallory(folder.path(), "mallory", test_document());
  OpRow tip = mallory.insert("first");
  std::vector<VerifiedOp> ops;
  const Verifier verifier(test_document());
  const auto add = [&](const OpRow& row) { ops.push_back(verifier.verify(row.op).value()); };
  add(tip);
  for (std::uint64_t pair = 0; pair < kPairs; ++pair) {
    const OpRow one = mallory.fork(tip, {OpKind::insert, OpId{}, fmt::format("one_{}", pair), "{}", {}});
    add(one);
    add(mallory.fork(tip, {OpKind::insert, OpId{}, fmt::format("two_{}", pair), "{}", {}}));
    tip = one;
  }
  std::set<std::uint64_t> all, every_second;
  for (std::uint64_t pair = 0; pair < kPairs; ++pair) {
    all.insert(2 + pair);
    if (pair % 2 == 0) every_second.insert(2 + pair);
  }
  std::mt19937_64 random(1);
  std::optional<Digest> state;
  for (const std::string name : {"alice", "bob"}) {
    TestNode node(folder.path(), name, test_document());
    node.trust(mallory, "mallory");
    std::ranges::shuffle(ops, random);
    for (std::size_t at = 0; at < ops.size(); at += 100) {
      const std::size_t size = std::min<std::size_t>(100, ops.size() - at);
      must(admit_batch(node.replica(), std::span(ops).subspan(at, size), "import", std::nullopt));
    }
    REQUIRE(must(node.log().count()) == 1 + 2 * kPairs);
    CHECK(found_by(node, mallory.author()) == all);
    const Digest digest = node.document().document().state_digest();
    CHECK(state.value_or(digest) == digest);
    state = digest;
  }

  // Of a pair of which a node has one op it says nothing.
  TestNode carol(folder.path(), "carol", test_document());
  carol.trust(mallory, "mallory");
  std::erase_if(
      ops, [](const VerifiedOp& op) { return op.op().name.starts_with("two_") && (raw(op.op().index) - 2) % 2 != 0; });
  must(admit_batch(carol.replica(), ops, "import", std::nullopt));
  CHECK(found_by(carol, mallory.author()) == every_second);
}

}  // namespace
}  // namespace musher::testing
