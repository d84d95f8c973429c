#include "oplog/trial_copy.hpp"

namespace musher {

Result<TrialCopy> TrialCopy::make(const std::filesystem::path& log, std::chrono::milliseconds patience) {
  MUSHER_TRY(const LogFile file, check_log_file(log, OpenMode::read_copy));
  MUSHER_TRY(PrivateCopy copy, PrivateCopy::make(file, patience));
  return TrialCopy(file.path, std::move(copy));
}

Result<std::unique_ptr<SqliteOpLog>> TrialCopy::open() const {
  return SqliteOpLog::open(copy_.path(), OpenMode::write, std::chrono::seconds(10), original_);
}

}  // namespace musher
