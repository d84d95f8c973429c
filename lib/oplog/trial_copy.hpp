#pragma once
// A copy of a log that can be written to and is thrown away: what a write would do, without doing it.

#include "oplog/private_copy.hpp"
#include "oplog/sqlite_op_log.hpp"

namespace musher {

class TrialCopy {
 public:
  /// Needs no more than to read the log. Nothing of it is changed.
  /// @errors as SqliteOpLog::open with OpenMode::read_copy.
  [[nodiscard]] static Result<TrialCopy> make(const std::filesystem::path& log,
                                              std::chrono::milliseconds patience = std::chrono::seconds(10));

  /// The copy, opened for writing. It must be gone before this object is.
  [[nodiscard]] Result<std::unique_ptr<SqliteOpLog>> open() const;

 private:
  explicit TrialCopy(PrivateCopy copy) : copy_(std::move(copy)) {}
  PrivateCopy copy_;
};

}  // namespace musher
