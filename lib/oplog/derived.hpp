#pragma once
// heads, tips and marks: what makes a write O(1). Written in the transaction of the op they follow from.

#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "oplog/rows.hpp"
#include "oplog/sql.hpp"

namespace musher {

inline constexpr std::int64_t kMarkEvery = 256;

/// The newest mark as stored; row 0, the chain's start and zeros when there is none. Throws damaged when its columns
/// cannot be a mark.
[[nodiscard]] Mark read_last_mark(sql::Connection& connection, const LogId& log);
[[nodiscard]] Mark decode_mark(const sql::Query& row);  ///< of columns row, chain, list_seq, ops

/// The chain digest at a row, from the last mark at or before it; nothing when that row is not there.
[[nodiscard]] std::optional<Digest> read_chain_at(sql::Connection& connection, const LogInfo& log, RowId row);

/// The mark after one more op.
[[nodiscard]] Mark next_mark(const Mark& last, RowId row, const OpId& id, const Op& op, const Signature& signature,
                             std::int64_t received_ms, std::string_view source);

/// The derived tables of one write transaction. Ops go in as they are appended; flush() writes what changed.
class Derived {
 public:
  Derived(sql::Connection& connection, const LogId& log) : connection_(connection), log_(log) {}

  /// Reads where the tables stand; rebuilds them when they do not belong to the last row (a row came in by hand, or a
  /// table was emptied).
  void begin(const LogInfo& log);
  /// Makes them again from all rows. Rows behind the last mark that fits are taken in only if they are what their
  /// author signed: nobody who may write has vouched for them. Throws damaged, naming the first row that is not, or
  /// that cannot be read.
  void rebuild(const LogInfo& log);

  void add(RowId row, const OpId& id, const Op& op, Depth depth, const Signature& signature, std::int64_t received_ms,
           std::string_view source);
  void flush();

  /// The mark of the last row, flushed or not.
  [[nodiscard]] const Mark& last() const { return last_; }

 private:
  [[nodiscard]] bool belong_to_last_row();
  void check_rows_after(const LogInfo& log, RowId last_fitting);
  void forget_head(const OpId& id);
  void write_mark(const Mark& mark);

  sql::Connection& connection_;
  LogId log_;
  Mark last_;
  RowId stored_last_{};  ///< row of the newest mark in the table
  std::unordered_map<OpId, Depth, IdHash> new_heads_;
  std::unordered_map<OpId, Tip, IdHash> new_tips_;
};

}  // namespace musher
