#pragma once
// The -wal and -shm beside an open log: they belong to whom the log belongs to, and must stay the files that are open.

#include <optional>

#include "model/result.hpp"
#include "oplog/open_checks.hpp"

namespace musher {

class Companions {
 public:
  /// Gives -wal and -shm the log's owner (root) and group, which SQLite leaves out for everyone but root, and its mode.
  /// Without opening them, which would drop SQLite's locks. What is no regular file of one name stays as it is: in a
  /// folder that others may write to it may be a link to any file. Files of others stay too.
  static void follow_log(const LogFile& file);

  /// Notes which files are open, once SQLite has them open: from then on only a stranger can take them away.
  void note(const LogFile& file);
  /// @errors refused: -wal or -shm was removed or replaced since, so that a commit would go into a file without a name.
  [[nodiscard]] Result<void> check_still_there(const LogFile& file) const;

 private:
  static void follow_log(const LogFile& file, const std::string& path);

  std::optional<FileIdentity> wal_;
  std::optional<FileIdentity> shm_;
};

/// Whether a reader may let SQLite make -wal and -shm beside this log: the folder is writable, and the log's own
/// writers could use what is made.
[[nodiscard]] bool may_make_companions(const LogFile& file);

}  // namespace musher
