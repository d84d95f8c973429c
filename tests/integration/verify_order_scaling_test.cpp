// What one key with many branches costs an audit: in basic blocks run (the code that asks for ancestry is compiled for
// this test to count them, tests/CMakeLists.txt), in looks at the clock, or with a deadline far above what it takes.

#include <algorithm>
#include <catch2/catch.hpp>

#include "support/audited_log.hpp"
#include "support/blocks_run.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

AuditRequest only_seq() {
  AuditRequest request;
  request.checks = CheckSet{}.set(static_cast<std::size_t>(Check::seq));
  request.now_ms = kAuditNowMs;
  return request;
}

std::uint64_t regressions(const AuditReport& report) {
  return report.counts[static_cast<std::size_t>(FindingCode::seq_regression)];
}

/// A log of one item by key 1, and what a test adds to it.
class Growing {
 public:
  Growing() : item_(add(1, OpKind::insert, Depth{1}, {})) {}

  OpId set(std::uint8_t key, Depth depth, const std::function<void(Op&)>& change) {
    return add(key, OpKind::set, depth, [&](Op& op) {
      op.target = item_;
      change(op);
    });
  }
  /// A set by key 1 that knows the item alone.
  OpId fork(const std::string& field) {
    return set(1, Depth{2}, [&](Op& op) {
      op.prev = item_;
      op.index = OpIndex{2};
      op.name = field;
    });
  }
  AuditReport audit(const AuditRequest& request) {
    must(write_->commit());
    write_.reset();
    return must(verify_order(*log_, request));
  }

 private:
  OpId add(std::uint8_t key, OpKind kind, Depth depth, const std::function<void(Op&)>& change) {
    Op op = plain_op(kind);
    op.time_ms = time_ms_++;
    if (change) change(op);
    const VerifiedOp made = must(sign_op(identity_of(key), op, plain_content(kind)));
    must(write_->append(made, depth, "local", 0, false));
    return made.id();
  }

  ScratchLog scratch_;
  std::unique_ptr<SqliteOpLog> log_ = scratch_.open();
  std::unique_ptr<WriteTransaction> write_ = must(log_->begin_write(std::chrono::seconds(1)));
  std::int64_t time_ms_ = 0;
  OpId item_;
};

}  // namespace

TEST_CASE("verify-order: thousands of inserts that know nothing of each other are not compared in pairs", "[audit]") {
  constexpr int kInserts = 14'000;
  const ScratchLog scratch;
  const auto log = scratch.open();
  auto write = must(log->begin_write(std::chrono::seconds(1)));
  for (int n = 0; n < kInserts; ++n) {
    Op op = plain_op(OpKind::insert);
    op.time_ms = n;
    const VerifiedOp made = must(sign_op(identity_of(1), op, plain_content(OpKind::insert)));
    must(write->append(made, Depth{1}, "local", 0, false));
  }
  must(write->commit());
  AuditRequest request = only_seq();
  request.max_duration = std::chrono::seconds(20);
  const AuditReport report = must(verify_order(*log, request));
  CHECK_FALSE(report.out_of_time);
  CHECK(regressions(report) == 0);
}

TEST_CASE("verify-order: twice the sets of one field that know nothing of each other are twice the work", "[audit]") {
  const auto blocks_of = [](int sets) {
    Growing log;
    for (int n = 0; n < sets; ++n) log.fork("stage");
    blocks_run = 0;
    CHECK(regressions(log.audit(only_seq())) == 0);
    return blocks_run.load();
  };
  const std::uint64_t half = blocks_of(1'000);
  const std::uint64_t whole = blocks_of(2'000);
  INFO(static_cast<double>(whole) / 2'000 << " basic blocks a set");
  REQUIRE(half > 1'000);  // the counting is compiled in
  CHECK(static_cast<double>(whole) < 2.5 * static_cast<double>(half));
}

TEST_CASE("verify-order: between two looks at the clock it asks about few branches, not about all of some rows",
          "[audit]") {
  constexpr int kBranches = 640, kKnowingAll = 200;
  Growing log;
  log.set(3, Depth{2}, [](Op& op) { op.seq = Seq{2}; });
  std::vector<OpId> branches;
  for (int n = 0; n < kBranches; ++n) branches.push_back(log.fork(std::to_string(n)));
  OpId all;
  std::uint64_t index = 1;
  for (auto from = branches.begin(); from != branches.end(); from += kMaxParents, ++index) {
    all = log.set(2, Depth{index + 2}, [&](Op& op) {
      op.prev = all;
      op.index = OpIndex{index};
      op.name = "mine";
      op.seq = Seq{index};
      op.parents.assign(from, from + kMaxParents);
      std::ranges::sort(op.parents);
    });
  }
  for (int n = 0; n < kKnowingAll; ++n) {
    log.set(2, Depth{index + 2}, [&](Op& op) {
      op.prev = all;
      op.index = OpIndex{index};
    });
  }
  AuditRequest request = only_seq();
  int looks = 0;
  request.steady_now = [&] { return std::chrono::steady_clock::time_point{} + std::chrono::seconds(++looks); };
  request.max_duration = std::chrono::seconds(100);
  const AuditReport report = log.audit(request);
  CHECK(report.out_of_time);
  CHECK(looks < 110);
  CHECK(regressions(report) == 0);
}
