#pragma once
// Whose ops are heard: local policy, the same function for a whole log, one story and one op.

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "oplog/op_log.hpp"

namespace musher {

enum class Standing : std::uint8_t { allowed, revoked, unknown };

class TrustPolicy {
 public:
  /// The policy as the log's `authors` table has it now.
  [[nodiscard]] static Result<TrustPolicy> read(LogReader& log);

  /// Whether an op of this log is heard. O(1), unless its author was revoked from one branch of an equivocation: then
  /// the branch is walked.
  [[nodiscard]] Result<bool> effective(LogReader& log, const OpId& id, const Op& op) const;

  [[nodiscard]] Standing standing(const AuthorId& author) const;
  [[nodiscard]] bool is_eraser(const AuthorId& author) const;
  /// The local name of an author; empty when it has none.
  [[nodiscard]] const std::string& name(const AuthorId& author) const;
  [[nodiscard]] const AuthorRecord* record(const AuthorId& author) const;
  [[nodiscard]] std::vector<AuthorRecord> records() const;

  bool operator==(const TrustPolicy& other) const { return records() == other.records(); }

 private:
  struct Entry {
    AuthorRecord record;
    OpIndex revoked_index{};      ///< of the op it is revoked from; 0: every op
    bool branches_there = false;  ///< several ops at that index: descent must be walked
  };
  std::unordered_map<AuthorId, Entry, IdHash> entries_;
};

}  // namespace musher
