#include "sync/sync_files.hpp"

#include <algorithm>
#include <span>

#include "crypto/hashing.hpp"
#include "model/canonical_bytes.hpp"
#include "replica/admission.hpp"
#include "replica/op_view.hpp"
#include "replica/settlement.hpp"
#include "sync/reconcile.hpp"
#include "sync/tail.hpp"
#include "sync/verify_all.hpp"

namespace musher::sync {
namespace {

constexpr std::size_t kOpsInOneWrite = 2'048;
constexpr std::size_t kBytesInOneWrite = 16U << 20U;

/// Rows of `from` that `to` lacks, ascending: tips, then what is wanted of each branch.
Result<std::vector<RowId>> rows_lacking(LogReader& from, LogReader& to) {
  MUSHER_TRY(const auto parts, tips_of(from));
  WantedRows wanted(false);
  for (const Tips& tips : parts) {
    MUSHER_TRY(const auto branches, lacking(to, tips.tips));
    for (const Want::Branch& branch : branches) {
      MUSHER_TRY(const auto samples, wanted.add(from, branch));
      if (!samples) continue;
      MUSHER_TRY(const Want::Branch nearest, nearest_base(to, *samples));
      MUSHER_CHECK(wanted.add(from, nearest));
    }
  }
  return wanted.rows();
}

/// One direction under way.
class Move {
 public:
  Move(LogReader& from, Replica& to, const TrustPolicy& trust, const MoveOptions& options)
      : from_(from), to_(to), options_(options), verifier_(from.info().document), describer_(from, trust) {}

  Movement run() {
    if (auto done = move_all(); !done) movement_.stopped = std::move(done).error();
    return std::move(movement_);
  }

 private:
  Result<void> move_all() {
    MUSHER_TRY(const auto rows, rows_lacking(from_, to_.log()));
    for (std::span<const RowId> left = rows; !left.empty() && !movement_.refused;) {
      MUSHER_TRY(const std::size_t taken, take(left));
      left = left.subspan(taken);
      if (options_.on_progress) options_.on_progress(rows.size() - left.size(), rows.size());
      if (batch_.size() >= kOpsInOneWrite || bytes_ >= kBytesInOneWrite || left.empty()) MUSHER_CHECK(admit());
    }
    return find_waiting();
  }

  /// The next rows, as many as a message would have.
  Result<std::size_t> take(std::span<const RowId> left) {
    const auto part = left.first(std::min(left.size(), kMaxBatchOps));
    MUSHER_TRY(auto rows, from_.rows(part));
    for (ScannedRow& scanned : rows) {
      const auto out = out_op(scanned, {});
      if (!out) {
        movement_.row_is_damaged = true;
        return std::unexpected(out.error());
      }
      MUSHER_TRY(const auto known, to_.log().facts(out->id));
      if (known) continue;
      bytes_ += out->bytes.size();
      batch_.push_back(std::get<OpRow>(std::move(scanned)));
    }
    return part.size();
  }

  Result<void> admit() {
    std::vector<SignedOp> claims;
    for (const OpRow& row : batch_) claims.push_back(row.op);
    std::vector<VerifiedOp> ops;
    std::optional<Services::Refused> bad;
    for (auto& verified : verify_all(verifier_, std::move(claims))) {
      if (!verified) {
        bad = std::move(verified).error();
        break;
      }
      ops.push_back(*std::move(verified));
    }
    MUSHER_TRY(const BatchReport report, admit_batch(to_, ops, options_.source, std::nullopt));
    if (report.rejected) {
      refuse(report.rejected->first, report.rejected->second);
    } else if (bad) {
      const OpRow& row = batch_[ops.size()];
      movement_.refused = RefusedOp{row.id, row.row, bad->why};
      MUSHER_CHECK(keep(*bad));
      batch_.erase(batch_.begin() + static_cast<std::ptrdiff_t>(ops.size()), batch_.end());
    }
    std::uint64_t entered = 0;
    for (OpRow& row : batch_) {
      MUSHER_TRY(const auto known, to_.log().facts(row.id));
      if (!known) {
        waiting_.push_back({row.id, row.op.op.author});
        continue;
      }
      ++entered;
      MUSHER_CHECK(count(std::move(row)));
    }
    movement_.released += report.admitted > entered ? report.admitted - entered : 0;
    batch_.clear();
    bytes_ = 0;
    return {};
  }

  /// It is in the receiving log now.
  Result<void> count(OpRow row) {
    ++movement_.moved;
    ++movement_.authors[row.op.op.author];
    MUSHER_TRY(const OpView view, describer_.describe(std::move(row), Verified::now));
    if (view.story) movement_.stories.insert(*view.story);
    return {};
  }

  void refuse(const OpId& id, Reject why) {
    const auto row = std::ranges::find(batch_, id, &OpRow::id);
    movement_.refused = RefusedOp{id, row == batch_.end() ? RowId{} : row->row, why};
  }

  /// As evidence, as of any peer.
  Result<void> keep(const Services::Refused& bad) {
    MUSHER_TRY(auto log, to_.log().begin_write(to_.lock_timeout()));
    MUSHER_CHECK(log->quarantine_add(
        quarantined(bad.op, std::string(to_string(bad.why)), options_.source, to_.host().now_ms())));
    return log->commit();
  }

  Result<void> note_reason(const QuarantineEntry& entry, const TrustPolicy& trust,
                           std::map<OpId, std::string>& reasons) {
    const OpId id = op_id(entry.canonical);
    const auto op = parse_canonical_bytes(entry.canonical);
    if (!op || !is_waiting(entry.reason)) {
      reasons.emplace(id, entry.reason);
      return {};
    }
    MUSHER_TRY(auto reason, why_it_waits(to_.log(), trust, *op, entry.has_content));
    // A copy with content says more than one without.
    if (entry.has_content || !reasons.contains(id)) reasons.insert_or_assign(id, std::move(reason));
    return {};
  }

  /// An op that waited may have entered with a later one.
  Result<void> find_waiting() {
    std::map<OpId, std::string> reasons;
    if (!waiting_.empty()) {
      MUSHER_TRY(const auto trust, TrustPolicy::read(to_.log()));
      Result<void> judged;
      MUSHER_CHECK(to_.log().scan_quarantine([&](const QuarantineEntry& entry) {
        judged = note_reason(entry, trust, reasons);
        return judged.has_value();
      }));
      MUSHER_CHECK(judged);
    }
    std::map<std::pair<std::string, AuthorId>, std::uint64_t> counts;
    for (const auto& [id, author] : waiting_) {
      MUSHER_TRY(const auto known, to_.log().facts(id));
      if (known) {
        if (movement_.released > 0) --movement_.released;
        MUSHER_TRY(auto row, from_.find(id));
        if (row && std::holds_alternative<OpRow>(*row)) MUSHER_CHECK(count(std::get<OpRow>(*std::move(row))));
        continue;
      }
      if (movement_.refused && movement_.refused->id == id) continue;
      const auto reason = reasons.find(id);
      ++counts[{reason == reasons.end() ? "quarantine_full" : reason->second, author}];
    }
    for (const auto& [key, ops] : counts) movement_.waiting.push_back({key.first, key.second, ops});
    return {};
  }

  // fixed after construction
  LogReader& from_;
  Replica& to_;
  const MoveOptions& options_;
  const Verifier verifier_;
  OpDescriber describer_;
  // changes with each batch
  std::vector<OpRow> batch_;
  std::size_t bytes_ = 0;
  std::vector<std::pair<OpId, AuthorId>> waiting_;
  Movement movement_;
};

}  // namespace

Movement move_ops(LogReader& from, Replica& to, const MoveOptions& options) {
  const auto trust = TrustPolicy::read(to.log());
  if (!trust) return {.stopped = trust.error()};
  return Move(from, to, *trust, options).run();
}

}  // namespace musher::sync
