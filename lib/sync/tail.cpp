#include "sync/tail.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/hashing.hpp"
#include "model/canonical_bytes.hpp"
#include "oplog/hints.hpp"
#include "sync/message.hpp"

namespace musher::sync {
namespace {

/// So few that what is read and goes into a later message is little, also where each content is as large as it may be.
constexpr std::size_t kRowsAtOnce = 8;

/// Grows until a message is full.
class BatchOf {
 public:
  /// False: it takes no more.
  bool add(OutOp op) {
    bytes_ += op.bytes.size();
    ops_.push_back(std::make_shared<const OutOp>(std::move(op)));
    return ops_.size() < kMaxBatchOps && bytes_ < kMaxBatchBytes;
  }
  [[nodiscard]] OutOps take() { return std::move(ops_); }

 private:
  OutOps ops_;
  std::size_t bytes_ = 0;
};

std::unexpected<Error> bad_row(RowId row) {
  return fail(Errc::damaged, fmt::format("row {} is not what its author signed: it is not sent to peers", raw(row)));
}

std::unexpected<Error> in_log(Error error, const LogReader& log) {
  if (error.hint.empty()) error.hint = verify_hint(log.info().path);
  return std::unexpected(std::move(error));
}

}  // namespace

Result<OutOp> out_op(const ScannedRow& scanned, const LogMark& before) {
  if (const auto* malformed = std::get_if<MalformedRow>(&scanned)) return bad_row(malformed->row);
  const auto& row = std::get<OpRow>(scanned);
  OutOp out;
  out.bytes = encode_op(row.op);
  // The canonical bytes stand behind their length.
  const auto* canonical = reinterpret_cast<const std::uint8_t*>(out.bytes.data()) + 4;
  const std::size_t size = canonical_size(row.op.op);
  if (op_id({canonical, size}) != row.id) return bad_row(row.row);
  out.mark = {row.row, chain_next(before.chain, row.row, row.id, row.op.signature, row.received_ms, row.source)};
  out.id = row.id;
  out.author = row.op.op.author;
  out.index = row.op.op.index;
  if (row.op.op.kind == OpKind::erase) out.erases = row.op.op.target;
  return out;
}

Result<OutOps> read_after(LogReader& log, const LogMark& after) {
  BatchOf batch;
  LogMark at = after;
  Result<void> read;
  MUSHER_TRY(const RowId last, log.last_row());
  const RowId upto{std::min(raw(last), raw(after.row) + static_cast<std::int64_t>(kMaxBatchOps))};
  MUSHER_CHECK(log.scan(after.row, upto, [&](ScannedRow&& row) {
    auto out = out_op(row, at);
    if (!out) {
      read = std::unexpected(std::move(out).error());
      return false;
    }
    at = out->mark;
    return batch.add(*std::move(out));
  }));
  if (!read) return in_log(std::move(read).error(), log);
  if (at == after && last > after.row) return in_log(bad_row(next(after.row)).error(), log);
  return batch.take();
}

Result<OutOps> read_rows(LogReader& log, std::span<const RowId> rows) {
  BatchOf batch;
  for (bool more = true; more && !rows.empty();) {
    const auto part = rows.first(std::min(rows.size(), kRowsAtOnce));
    rows = rows.subspan(part.size());
    MUSHER_TRY(const auto found, log.rows(part));
    for (const ScannedRow& row : found) {
      auto out = out_op(row, {});
      if (!out) return in_log(std::move(out).error(), log);
      out->mark.chain = {};
      more = batch.add(*std::move(out));
      if (!more) break;
    }
  }
  return batch.take();
}

void Tail::begin(const LogMark& end) {
  ops_.clear();
  bytes_ = 0;
  end_ = end;
}

void Tail::add(OutOps ops) {
  for (auto& op : ops) {
    if (op->erases) drop_through(*op->erases);
    end_ = op->mark;
    bytes_ += op->bytes.size();
    ops_.push_back(std::move(op));
  }
  while (!ops_.empty() && (ops_.size() > kCapacity || bytes_ > kCapacityBytes)) drop_first();
}

void Tail::drop_first() {
  bytes_ -= ops_.front()->bytes.size();
  ops_.pop_front();
}

void Tail::drop_through(const OpId& id) {
  const auto is_it = [&](const auto& op) { return op->id == id; };
  const auto it = std::ranges::find_if(ops_, is_it);
  if (it == ops_.end()) return;
  for (auto left = it - ops_.begin() + 1; left > 0; --left) drop_first();
}

std::optional<OutOps> Tail::after(const LogMark& mark) const {
  if (mark == end_) return OutOps{};
  if (ops_.empty() || raw(mark.row) + 1 < raw(ops_.front()->mark.row) || mark.row > end_.row) return std::nullopt;
  OutOps batch;
  std::size_t bytes = 0;
  // Rows of a sound log have no gaps; one that has is read row by row from the file.
  const auto skip = static_cast<std::size_t>(raw(mark.row) + 1 - raw(ops_.front()->mark.row));
  for (std::size_t i = skip; i < ops_.size() && batch.size() < kMaxBatchOps && bytes < kMaxBatchBytes; ++i) {
    if (raw(ops_[i]->mark.row) != raw(mark.row) + 1 + static_cast<std::int64_t>(i - skip)) return std::nullopt;
    batch.push_back(ops_[i]);
    bytes += ops_[i]->bytes.size();
  }
  return batch;
}

}  // namespace musher::sync
