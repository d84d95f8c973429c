#pragma once
// A row that could not be applied: never skipped in silence.

#include <optional>
#include <string>

#include "oplog/rows.hpp"
#include "replica/checked_scan.hpp"

namespace musher {

struct RowFailure {
  RowId row{};
  std::optional<OpRow> op;  ///< without its content; absent when the row's columns cannot be an op
  std::string reason;       ///< a Reject's name, "row_malformed", "target_missing" or "dependency_missing"
  std::string detail;       ///< for people; may be empty
};

/// The failure a checked row stands for, or nothing when it may be applied.
[[nodiscard]] std::optional<RowFailure> failure_of(const CheckedRow& checked);

}  // namespace musher
