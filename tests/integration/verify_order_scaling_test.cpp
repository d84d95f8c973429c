// What one key with many branches costs an audit. The deadline is far above what it takes.

#include <catch2/catch.hpp>

#include "support/audited_log.hpp"

using namespace musher;
using namespace musher::testing;

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
  AuditRequest request;
  request.checks = CheckSet{}.set(static_cast<std::size_t>(Check::seq));
  request.max_duration = std::chrono::seconds(20);
  request.now_ms = kAuditNowMs;
  const AuditReport report = must(verify_order(*log, request));
  CHECK_FALSE(report.out_of_time);
  CHECK(report.counts[static_cast<std::size_t>(FindingCode::seq_regression)] == 0);
}
