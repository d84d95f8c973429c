#pragma once
// Whose ops are heard: local policy, the same function for a whole log, one story and one op.

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "oplog/op_log.hpp"

namespace musher {

enum class Standing : std::uint8_t { allowed, revoked, unknown };

class TrustPolicy {
 public:
  /// The policy as the log's `authors` table has it now. before: an earlier one of this log; what is heard of a revoked
  /// author with branches is taken from it, since it never changes.
  [[nodiscard]] static Result<TrustPolicy> read(LogReader& log, const TrustPolicy* before = nullptr);

  /// Whether an op that is in this log is heard: each of an allowed author's; of one revoked from an op, what that op
  /// descends from by prev and nothing else (docs/decisions/0004). O(1).
  [[nodiscard]] bool effective(const OpId& id, const Op& op) const;
  /// The same of an op that is not in the log, so that no op of the log descends from it.
  [[nodiscard]] bool would_hear(const AuthorId& author) const { return standing(author) == Standing::allowed; }

  [[nodiscard]] Standing standing(const AuthorId& author) const;
  [[nodiscard]] bool is_eraser(const AuthorId& author) const;
  /// The local name of an author; empty when it has none.
  [[nodiscard]] const std::string& name(const AuthorId& author) const;
  [[nodiscard]] const AuthorRecord* record(const AuthorId& author) const;
  [[nodiscard]] std::vector<AuthorRecord> records() const;

  /// Hears the same ops of a log.
  bool operator==(const TrustPolicy& other) const { return entries_ == other.entries_; }

 private:
  struct Entry {
    AuthorRecord record;
    OpIndex revoked_index{};  ///< of the op it is revoked from; 0: it is not here, so that no op is heard
    /// From here on an op below revoked_index is heard if it is in `heard`: the author has branches. Below here,
    /// always.
    OpIndex branches_from{};
    std::shared_ptr<const std::unordered_set<OpId, IdHash>> heard{};  ///< null: none is
    OpIndex heard_from{};       ///< how far down `heard` goes: no further up than branches_from
    bool has_branches = false;  ///< several: looking at them takes long

    /// The rest follows from these two: what an op of the log descends from is in the log.
    bool operator==(const Entry& other) const { return record == other.record && revoked_index == other.revoked_index; }
  };
  static Result<Entry> entry_of(LogReader& log, const AuthorRecord& record);
  static Result<void> branch_at(LogReader& log, Entry& entry, OpIndex index);
  [[nodiscard]] Result<std::optional<Entry>> go_on(LogReader& log, const AuthorRecord& record, RowId last) const;
  std::unordered_map<AuthorId, Entry, IdHash> entries_;
  RowId last_row_{};  ///< it knows every branch up to there
};

}  // namespace musher
