#include "oplog/derived.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "crypto/hashing.hpp"
#include "crypto/verify.hpp"
#include "oplog/hints.hpp"
#include "oplog/read_rows.hpp"
#include "oplog/row_codec.hpp"

namespace musher {

Mark decode_mark(const sql::Query& row) {
  Mark mark;
  mark.row = RowId{row.integer(0)};
  if (!sql::read_bytes(row.blob(1), mark.chain.bytes) || row.integer(2) < 0 || row.integer(3) < 0) {
    sql::raise(Errc::damaged, fmt::format("the mark of row {} is damaged", raw(mark.row)));
  }
  mark.list_seq = Seq{static_cast<std::uint64_t>(row.integer(2))};
  mark.ops = static_cast<std::uint64_t>(row.integer(3));
  return mark;
}

Mark read_last_mark(sql::Connection& connection, const LogId& log) {
  sql::Query newest(connection, "SELECT row, chain, list_seq, ops FROM marks ORDER BY row DESC LIMIT 1");
  if (newest.step()) return decode_mark(newest);
  return {RowId{0}, chain_start(log), Seq{0}, 0};
}

Mark next_mark(const Mark& last, RowId row, const OpId& id, const Op& op, const Signature& signature,
               std::int64_t received_ms, std::string_view source) {
  const bool in_list = op.kind == OpKind::insert || op.kind == OpKind::tombstone;
  return {row, chain_next(last.chain, row, id, signature, received_ms, source),
          in_list ? std::max(last.list_seq, op.seq) : last.list_seq, last.ops + 1};
}

std::optional<Digest> read_chain_at(sql::Connection& connection, const LogInfo& log, RowId row) {
  const Snapshot snapshot(connection);
  Mark mark{RowId{0}, chain_start(log.log), Seq{0}, 0};
  {
    sql::Query nearest(
        connection, "SELECT row, chain, list_seq, ops FROM marks WHERE row <= ? ORDER BY row DESC LIMIT 1", raw(row));
    if (nearest.step()) mark = decode_mark(nearest);
  }
  if (raw(row) - raw(mark.row) > kMarkEvery) return std::nullopt;  // far behind the last row, or marks are gone
  scan_rows(connection, log.document, mark.row, row, [&](ScannedRow&& scanned) {
    const auto* stored = std::get_if<OpRow>(&scanned);
    if (stored == nullptr) return false;
    mark = next_mark(mark, stored->row, stored->id, stored->op.op, stored->op.signature, stored->received_ms,
                     stored->source);
    return true;
  });
  if (mark.row != row) return std::nullopt;
  return mark.chain;
}

namespace {

[[noreturn]] void raise_bad_row(const LogInfo& log, RowId row, const std::string& why) {
  sql::raise(Errc::damaged,
             fmt::format("cannot write to {}: row {} came in past musher, and {}", log.path, raw(row), why),
             verify_hint(log.path));
}

const OpRow& well_formed(const ScannedRow& scanned, const LogInfo& log) {
  if (const auto* bad = std::get_if<MalformedRow>(&scanned)) {
    sql::raise(Errc::damaged,
               fmt::format("cannot bring heads, tips and marks of {} up to date: row {} is malformed ({}: {})",
                           log.path, raw(bad->row), bad->column, bad->why),
               verify_hint(log.path));
  }
  return *std::get_if<OpRow>(&scanned);
}

/// Those that can be marks, by row.
std::unordered_map<std::int64_t, Mark> readable_marks(sql::Connection& connection) {
  std::unordered_map<std::int64_t, Mark> marks;
  sql::Query query(connection, "SELECT row, chain, list_seq, ops FROM marks ORDER BY row");
  std::optional<std::int64_t> last;
  while (query.step()) {
    if (last && query.integer(0) <= *last) break;  // damaged pages: what follows may never end
    last = query.integer(0);
    try {
      const Mark mark = decode_mark(query);
      marks.emplace(raw(mark.row), mark);
    } catch (const sql::Failure&) {
      continue;  // it is made again
    }
  }
  return marks;
}

}  // namespace

void Derived::begin(const LogInfo& log) {
  if (!belong_to_last_row()) rebuild(log);
}

/// The last row depends on nobody's behalf yet: it is a head and a tip, and the newest mark is its own.
bool Derived::belong_to_last_row() {
  try {
    last_ = read_last_mark(connection_, log_);
  } catch (const sql::Failure&) {
    return false;
  }
  stored_last_ = last_.row;
  sql::Query newest(connection_, "SELECT rowid, op_id FROM crdt_ops ORDER BY rowid DESC LIMIT 1");
  if (!newest.step()) {
    sql::Query any(connection_, "SELECT EXISTS (SELECT 1 FROM heads) OR EXISTS (SELECT 1 FROM tips)");
    return any.step() && any.integer(0) == 0 && last_.row == RowId{0};
  }
  if (RowId{newest.integer(0)} != last_.row || last_.ops == 0 ||
      last_.ops > static_cast<std::uint64_t>(raw(last_.row))) {
    return false;
  }
  sql::Query known(connection_,
                   "SELECT EXISTS (SELECT 1 FROM heads WHERE op_id = ?1) AND EXISTS (SELECT 1 FROM tips, crdt_ops AS o "
                   "WHERE o.rowid = ?2 AND tips.author = o.author AND tips.op_id = o.op_id)",
                   newest.blob(1), newest.integer(0));
  return known.step() && known.integer(0) == 1;
}

void Derived::rebuild(const LogInfo& log) {
  std::unordered_map<std::int64_t, Mark> noted = readable_marks(connection_);
  RowId last_fitting{0};
  connection_.exec("DELETE FROM heads; DELETE FROM tips; DELETE FROM marks");
  new_heads_.clear();
  new_tips_.clear();
  last_ = {RowId{0}, chain_start(log_), Seq{0}, 0};
  stored_last_ = RowId{0};
  std::unordered_set<OpId, IdHash> depended_on, continued;  // whatever order the rows are in
  {
    sql::Query all(connection_, "SELECT " MUSHER_OP_COLUMNS " FROM crdt_ops ORDER BY rowid");
    while (all.step()) {
      const ScannedRow scanned = decode_row(all.statement(), log.document);
      const OpRow& row = well_formed(scanned, log);
      const Op& op = row.op.op;
      last_ = next_mark(last_, row.row, row.id, op, row.op.signature, row.received_ms, row.source);
      if (raw(row.row) % kMarkEvery == 0) write_mark(last_);
      if (const auto mark = noted.find(raw(row.row)); mark != noted.end() && mark->second == last_) {
        last_fitting = row.row;
      }
      for (const OpId& id : dependencies(op)) depended_on.insert(id);
      continued.insert(op.prev);
      new_heads_.emplace(row.id, row.depth);
      new_tips_.emplace(row.id, Tip{op.author, op.index, row.id});
    }
  }
  std::erase_if(new_heads_, [&](const auto& head) { return depended_on.contains(head.first); });
  std::erase_if(new_tips_, [&](const auto& tip) { return continued.contains(tip.first); });
  check_rows_after(log, last_fitting);
  flush();
}

void Derived::check_rows_after(const LogInfo& log, RowId last_fitting) {
  const Verifier verifier(log.document);
  sql::Query later(connection_, "SELECT " MUSHER_OP_COLUMNS " FROM crdt_ops WHERE rowid > ? ORDER BY rowid",
                   raw(last_fitting));
  while (later.step()) {
    const ScannedRow scanned = decode_row(later.statement(), log.document);
    const OpRow& row = well_formed(scanned, log);
    const auto id = verifier.check_unsigned(row.op);
    const auto broken = !id             ? std::optional(id.error())
                        : *id != row.id ? std::optional(Reject::id_mismatch)
                        : !verifier.check_signature(row.op.op.author, *id, row.op.signature)
                            ? std::optional(Reject::bad_signature)
                            : std::nullopt;
    if (broken) raise_bad_row(log, row.row, fmt::format("it is not what its author signed ({})", to_string(*broken)));
  }
}

void Derived::add(RowId row, const OpId& id, const Op& op, Depth depth, const Signature& signature,
                  std::int64_t received_ms, std::string_view source) {
  for (const OpId& dependency : dependencies(op)) forget_head(dependency);
  new_heads_.emplace(id, depth);
  if (!op.prev.is_zero() && new_tips_.erase(op.prev) == 0) {
    sql::Query(connection_, "DELETE FROM tips WHERE author = ? AND op_id = ?", sql::Blob(op.author.key),
               sql::Blob(op.prev.hash))
        .run();
  }
  new_tips_.emplace(id, Tip{op.author, op.index, id});
  last_ = next_mark(last_, row, id, op, signature, received_ms, source);
  if (raw(row) % kMarkEvery == 0) write_mark(last_);
}

void Derived::forget_head(const OpId& id) {
  if (new_heads_.erase(id) != 0) return;
  sql::Query(connection_, "DELETE FROM heads WHERE op_id = ?", sql::Blob(id.hash)).run();
}

/// In order, so that equal transactions make equal pages.
void Derived::flush() {
  for (const auto& [id, depth] : std::map(new_heads_.begin(), new_heads_.end())) {
    sql::Query(connection_, "INSERT INTO heads (op_id, depth) VALUES (?, ?)", sql::Blob(id.hash),
               sql::to_column(raw(depth)))
        .run();
  }
  for (const auto& [id, tip] : std::map(new_tips_.begin(), new_tips_.end())) {
    sql::Query(connection_, "INSERT INTO tips (author, op_id, idx) VALUES (?, ?, ?)", sql::Blob(tip.author.key),
               sql::Blob(id.hash), sql::to_column(raw(tip.index)))
        .run();
  }
  new_heads_.clear();
  new_tips_.clear();
  if (stored_last_ != last_.row) write_mark(last_);
}

/// The mark before stays only at a multiple of kMarkEvery.
void Derived::write_mark(const Mark& mark) {
  if (raw(stored_last_) % kMarkEvery != 0) {
    sql::Query(connection_, "DELETE FROM marks WHERE row = ?", raw(stored_last_)).run();
  }
  sql::Query(connection_, "INSERT INTO marks (row, chain, list_seq, ops) VALUES (?, ?, ?, ?)", raw(mark.row),
             sql::Blob(mark.chain.bytes), sql::to_column(raw(mark.list_seq)), sql::to_column(mark.ops))
      .run();
  stored_last_ = mark.row;
}

}  // namespace musher
