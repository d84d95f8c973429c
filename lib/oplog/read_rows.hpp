#pragma once
// Whole rows of crdt_ops. Functions throw (sql.hpp).

#include <span>
#include <string_view>
#include <vector>

#include "oplog/op_log.hpp"
#include "oplog/sql.hpp"

namespace musher {

/// Keeps one read transaction over several statements; nothing when one is open already.
class Snapshot {
 public:
  explicit Snapshot(sql::Connection& connection);
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;
  ~Snapshot();

 private:
  sql::Connection* connection_;  ///< null when there is nothing to end
};

/// More rows than that the file's bytes cannot hold.
[[nodiscard]] std::int64_t most_rows(sql::Connection& connection);
[[noreturn]] void raise_endless();

/// Counts what an index gives: pages that point to one another could give the same rows for ever. Throws damaged.
class RowBound {
 public:
  explicit RowBound(sql::Connection& connection) : left_(most_rows(connection)) {}
  void count_one() {
    if (--left_ < 0) raise_endless();
  }

 private:
  std::int64_t left_;
};

void scan_rows(sql::Connection& connection, const DocumentId& document, RowId after, RowId upto,
               const LogReader::Sink& sink);
enum class RowContents : std::uint8_t { read, left_out };
/// These, as scan_rows(); a row that is not there is left out.
void scan_these(sql::Connection& connection, const DocumentId& document, std::span<const RowId> wanted,
                RowContents contents, const LogReader::Sink& sink);
[[nodiscard]] std::vector<ScannedRow> read_rows(sql::Connection& connection, const DocumentId& document,
                                                std::span<const RowId> wanted);
[[nodiscard]] std::optional<ScannedRow> find_row(sql::Connection& connection, const DocumentId& document,
                                                 const OpId& id);
/// Rows of every op that concerns a story, ascending.
[[nodiscard]] std::vector<RowId> story_row_ids(sql::Connection& connection, std::string_view story, RowId upto,
                                               StoryPart part);

}  // namespace musher
