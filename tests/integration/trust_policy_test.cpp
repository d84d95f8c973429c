// Whose ops are heard, as the log grows: the policy that goes on from the one before says what a new one says, and
// reads little.

#include "replica/trust_policy.hpp"

#include <catch2/catch.hpp>

#include "support/counting_reader.hpp"
#include "support/random_dag.hpp"
#include "support/scratch_log.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

void append(OpLog& log, const VerifiedOp& op, Depth depth) {
  auto write = must(log.begin_write(std::chrono::seconds(1)));
  must(write->append(op, depth, "local", 0, false));
  must(write->commit());
}

void revoke(OpLog& log, const AuthorId& author, const OpId& from) {
  auto write = must(log.begin_write(std::chrono::seconds(1)));
  must(write->set_author({0, "test", "revoke", {author, "rex", Trust::revoked, false, from}}));
  must(write->commit());
}

/// An insert of identity_of(1) on top of one of its ops; zeros: its first.
VerifiedOp insert_on(const OpId& prev, OpIndex index, const std::string& name) {
  Op op = plain_op(OpKind::insert);
  op.author = identity_of(1).author();
  op.prev = prev;
  op.index = index;
  op.name = name;
  return must(sign_op(identity_of(1), op, plain_content(OpKind::insert)));
}

}  // namespace

TEST_CASE("trust policy: what it takes from the one before is what reading the log anew finds", "[replica]") {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const auto dag = random_dag(random, {.ops = 40, .authors = 2, .branch = 0.3});
    const VerifiedOp& from = dag[random() % dag.size()].op;
    const ScratchLog scratch;
    const auto log = scratch.open();
    revoke(*log, from.op().author, from.id());
    TrustPolicy policy = must(TrustPolicy::read(*log));
    for (std::size_t at = 0; at < dag.size(); ++at) {
      append(*log, dag[at].op, *dag[at].depth);
      if (random() % 3 != 0) policy = must(TrustPolicy::read(*log, &policy));
      const TrustPolicy now = must(TrustPolicy::read(*log, &policy));
      const TrustPolicy anew = must(TrustPolicy::read(*log));
      for (std::size_t op = 0; op <= at; ++op) {
        const VerifiedOp& each = dag[op].op;
        if (now.effective(each.id(), each.op()) != anew.effective(each.id(), each.op())) FAIL("op " << op);
      }
    }
  }
}

TEST_CASE("trust policy: each op of a revoked author's other branch is not the whole of its history again",
          "[replica]") {
  constexpr std::uint64_t kHistory = 200, kMessages = 50;
  const ScratchLog scratch;
  const auto log = scratch.open();
  std::vector<OpId> own(1);
  for (std::uint64_t index = 1; index <= kHistory; ++index) {
    const VerifiedOp op = insert_on(own.back(), OpIndex{index}, "478");
    append(*log, op, Depth{index});
    own.push_back(op.id());
  }
  revoke(*log, identity_of(1).author(), own.back());
  // Each forks one op earlier than the one before, and goes on from there.
  CountingReader counted(*log);
  TrustPolicy policy = must(TrustPolicy::read(counted));
  counted.reads = 0;
  for (std::uint64_t message = 1; message <= kMessages; ++message) {
    const std::uint64_t index = kHistory - 2 * message;
    const VerifiedOp fork = insert_on(own[index - 1], OpIndex{index}, "fork");
    append(*log, fork, Depth{index});
    append(*log, insert_on(fork.id(), OpIndex{index + 1}, "fork"), Depth{index + 1});
    policy = must(TrustPolicy::read(counted, &policy));
    CHECK_FALSE(policy.effective(fork.id(), fork.op()));
    CHECK(policy.effective(own[index], insert_on(own[index - 1], OpIndex{index}, "478").op()));
  }
  CHECK(counted.reads < 4 * kHistory + 5 * kMessages);
}
