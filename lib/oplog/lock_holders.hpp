#pragma once
// Who holds a lock: the kernel's word in /proc/locks.

#include <sys/types.h>

#include <vector>

#include "oplog/file_facts.hpp"

namespace musher {

struct ByteRange {
  long first = 0;
  long last = 0;
};

/// The processes that hold (not wait for) a flock of this file; empty where the kernel does not tell.
[[nodiscard]] std::vector<pid_t> flock_holders(const FileIdentity& file);
/// The same for POSIX locks that touch these bytes.
[[nodiscard]] std::vector<pid_t> posix_lock_holders(const FileIdentity& file, ByteRange bytes);

}  // namespace musher
