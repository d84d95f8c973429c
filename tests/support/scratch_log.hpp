#pragma once
// A log of its own for one test.

#include <filesystem>
#include <memory>

#include "oplog/sqlite_op_log.hpp"
#include "support/log_builder.hpp"
#include "support/signed_ops.hpp"
#include "support/temp_folder.hpp"

namespace musher::testing {

/// A folder with an empty log in it, closed.
class ScratchLog {
 public:
  ScratchLog();
  explicit ScratchLog(const CreateOptions& options);

  [[nodiscard]] const TempFolder& folder() const { return folder_; }
  [[nodiscard]] std::filesystem::path path() const { return folder_ / "pipeline.db"; }
  [[nodiscard]] std::filesystem::path companion(const std::string& suffix) const { return path().string() + suffix; }
  [[nodiscard]] std::unique_ptr<SqliteOpLog> open(OpenMode mode = OpenMode::write) const;

 private:
  TempFolder folder_;
};

}  // namespace musher::testing
