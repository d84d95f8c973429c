#pragma once
// What a log says about itself at one row: read before its rows are, and held against them.

#include <optional>
#include <vector>

#include "audit/file_check.hpp"
#include "oplog/sqlite_op_log.hpp"
#include "replica/trust_policy.hpp"

namespace musher {

/// A part that cannot be read is absent; that it cannot is a finding.
struct LogSnapshot {
  RowId last{};                  ///< rows after it, which others may be writing, are left out of the audit
  std::uint64_t rows = 0;        ///< how many there are up to it, as far as SQLite can tell
  std::optional<RowId> highest;  ///< the highest row number the file remembers having given out
  std::optional<std::vector<Head>> heads;
  std::optional<std::vector<Tip>> tips;
  std::optional<std::vector<Mark>> marks;
  std::optional<std::vector<AuthorRecord>> authors;
  std::optional<std::vector<TrustChange>> trust_changes;
  std::optional<TrustPolicy> trust;
};

/// All of it belongs to one row also beside a writer that does not pause: it is read again until nothing came between.
/// schema: a table that is known to be altered need not be readable.
/// @errors busy: something always came between.  io.
[[nodiscard]] Result<LogSnapshot> take_snapshot(SqliteOpLog& log, const SchemaDifferences& schema,
                                                FindingList& findings);

}  // namespace musher
