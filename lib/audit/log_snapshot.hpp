#pragma once
// What a log says about itself at one row: read before its rows are, and held against them.

#include <limits>
#include <optional>
#include <vector>

#include "audit/file_check.hpp"
#include "oplog/sqlite_op_log.hpp"
#include "replica/trust_policy.hpp"

namespace musher {

/// As LogSnapshot::last: SQLite could not tell.
inline constexpr RowId kLastRowUnknown{std::numeric_limits<std::int64_t>::max()};

/// A part that cannot be read is absent; that it cannot is a finding.
struct LogSnapshot {
  RowId last{};                  ///< rows after it, which others may be writing, are left out of the audit; or unknown
  std::optional<RowId> highest;  ///< the highest row number the file remembers having given out
  std::optional<std::vector<Head>> heads;
  std::optional<std::vector<Tip>> tips;
  std::optional<std::vector<Mark>> marks;
  std::optional<std::vector<AuthorRecord>> authors;
  std::optional<std::vector<TrustChange>> trust_changes;
  std::optional<TrustPolicy> trust;
};

/// Read in one short transaction: all of it belongs to one row also beside a writer that does not pause.
/// schema: a table that is known to be altered need not be readable.
/// @errors io.
[[nodiscard]] Result<LogSnapshot> take_snapshot(SqliteOpLog& log, const SchemaDifferences& schema,
                                                FindingList& findings);

}  // namespace musher
