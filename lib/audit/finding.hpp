#pragma once
// What verify-order can find: each code with its name, weight and check in one table. For people: musher-findings(7).

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/ids.hpp"

namespace musher {

/// The parts of an audit that can be asked for by name (--checks). Each finding belongs to one.
enum class Check : std::uint8_t {
  file,       ///< SQLite's own structures, schema and triggers
  row,        ///< each row by itself: form, limits, id, content
  signature,  ///< each row's signature
  order,      ///< rows against each other: gaps, dependencies, depth
  author,     ///< each author's own chain
  seq,        ///< counters of registers and of the list against their ancestors'
  trust,      ///< who may be in the log at all
  derived,    ///< heads, tips, marks and authors against what they follow from
  story,      ///< what the ops add up to
  clock,      ///< claimed and local times
  state,      ///< this run against the last one
};
inline constexpr std::size_t kChecks = 11;

/// "file", "row" ...
[[nodiscard]] std::string_view to_string(Check check);
[[nodiscard]] std::optional<Check> check_named(std::string_view name);

enum class FindingCode : std::uint8_t {
  sqlite_corrupt,
  schema_altered,
  trigger_missing,
  row_malformed,
  limit_exceeded,
  wrong_document,
  id_mismatch,
  digest_mismatch,
  content_missing,
  content_withheld,
  signature_invalid,
  rowid_gap,
  tail_missing,
  dependency_missing,
  dependency_later,
  depth_mismatch,
  seq_out_of_bounds,
  many_heads,
  own_ops_elsewhere,
  index_gap,
  index_back,
  prev_mismatch,
  equivocation,
  seq_regression,
  author_unknown,
  author_revoked,
  derived_stale,
  came_back,
  duplicate_story,
  clock_ahead,
  log_rolled_back,
  row_replaced,
};
inline constexpr std::size_t kFindingCodes = 32;

enum class Severity : std::uint8_t {
  warning,  ///< worth knowing; the log is as it should be
  error,    ///< the log, or who wrote to it, is not as it should be
};
/// "warning", "error".
[[nodiscard]] std::string_view to_string(Severity severity);

struct FindingKind {
  FindingCode code;
  std::string_view name;  ///< "rowid-gap": stable
  Severity severity;
  Check check;
  std::string_view hint;  ///< what to type next; {log}, {op}, {row}, {found} and {story} stand for the finding's own
};
/// One entry a code, in the order of the enum.
[[nodiscard]] const std::array<FindingKind, kFindingCodes>& finding_kinds();
[[nodiscard]] const FindingKind& kind_of(FindingCode code);

struct Finding {
  FindingCode code{};
  std::optional<RowId> row{};
  std::optional<OpId> op{};
  std::optional<std::string> story{};
  std::optional<std::string> field{};  ///< of a story; for derived-stale, the table
  std::optional<std::string> expected{};
  std::optional<std::string> found{};
  std::string message;  ///< one sentence; may hold text from the log: escape before showing it
  std::string hint{};
  bool acknowledged = false;

  [[nodiscard]] Severity severity() const { return kind_of(code).severity; }
};

}  // namespace musher
