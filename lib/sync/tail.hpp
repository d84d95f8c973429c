#pragma once
// The last ops of this log, encoded once for all peers: the local broadcast. Who is further behind reads the log.

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "oplog/op_log.hpp"

namespace musher::sync {

/// One op of this log on its way to peers.
struct OutOp {
  LogMark mark;  ///< its row, and the chain digest there
  OpId id;
  AuthorId author;
  OpIndex index{};
  std::optional<OpId> erases;  ///< an erase: whose content it takes away
  std::string bytes;           ///< encode_op
};
using OutOps = std::vector<std::shared_ptr<const OutOp>>;

/// The op of a row that follows `before` in the chain.
/// @errors damaged: the row is not an op, or not the one it is stored as.
[[nodiscard]] Result<OutOp> out_op(const ScannedRow& row, const LogMark& before);

/// The ops behind a mark, at most a batch. Empty at the end of the log.
[[nodiscard]] Result<OutOps> read_after(LogReader& log, const LogMark& after);
/// These rows, at most a batch; their marks have no chain digest.
[[nodiscard]] Result<OutOps> read_rows(LogReader& log, std::span<const RowId> rows);

class Tail {
 public:
  static constexpr std::size_t kCapacity = 1'024;
  static constexpr std::size_t kCapacityBytes = 8U << 20U;

  /// Where the log stands, when nothing of it is kept yet.
  void begin(const LogMark& end);
  /// Takes the next rows. What an erase among them takes the content of is not kept any more, nor what is before it.
  void add(OutOps ops);

  [[nodiscard]] const LogMark& end() const { return end_; }
  /// The ops behind a mark, at most a batch; nothing when they are not kept (any more).
  [[nodiscard]] std::optional<OutOps> after(const LogMark& mark) const;

 private:
  void drop_first();
  void drop_through(const OpId& id);

  std::deque<std::shared_ptr<const OutOp>> ops_;
  std::size_t bytes_ = 0;
  LogMark end_;
};

}  // namespace musher::sync
