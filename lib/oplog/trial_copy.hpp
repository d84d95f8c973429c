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

  /// The copy, opened for writing; what it says names the log itself. It must be gone before this object is.
  [[nodiscard]] Result<std::unique_ptr<SqliteOpLog>> open() const;

 private:
  TrialCopy(std::string original, PrivateCopy copy) : original_(std::move(original)), copy_(std::move(copy)) {}

  std::string original_;
  PrivateCopy copy_;
};

}  // namespace musher
