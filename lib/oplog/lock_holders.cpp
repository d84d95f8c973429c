#include "oplog/lock_holders.hpp"

#include <fmt/format.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

namespace musher {
namespace {

struct HeldLock {
  std::string kind;
  std::string file;
  pid_t pid = 0;
  ByteRange bytes;
};

std::vector<HeldLock> held_locks() {
  // 1: POSIX  ADVISORY  READ 1234 08:01:5678 123 123    and, for one who waits:   1: -> FLOCK ...
  std::vector<HeldLock> locks;
  std::ifstream lines("/proc/locks");
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    HeldLock lock;
    std::string number, advisory, access, last;
    fields >> number >> lock.kind >> advisory >> access >> lock.pid >> lock.file >> lock.bytes.first >> last;
    lock.bytes.last = last == "EOF" ? std::numeric_limits<long>::max() : std::atol(last.c_str());
    if (lock.kind != "->" && lock.pid > 0) locks.push_back(std::move(lock));
  }
  return locks;
}

template <class Wanted>
std::vector<pid_t> holders_of(const FileIdentity& file, Wanted&& wanted) {
  const std::string name = fmt::format("{:02x}:{:02x}:{}", major(file.device), minor(file.device), file.inode);
  std::vector<pid_t> holders;
  for (const HeldLock& lock : held_locks()) {
    if (lock.file != name || !wanted(lock)) continue;
    if (std::ranges::find(holders, lock.pid) == holders.end()) holders.push_back(lock.pid);
  }
  return holders;
}

}  // namespace

std::vector<pid_t> flock_holders(const FileIdentity& file) {
  return holders_of(file, [](const HeldLock& lock) { return lock.kind == "FLOCK"; });
}

std::vector<pid_t> posix_lock_holders(const FileIdentity& file, ByteRange bytes) {
  return holders_of(file, [&](const HeldLock& lock) {
    return lock.kind == "POSIX" && lock.bytes.first <= bytes.last && lock.bytes.last >= bytes.first;
  });
}

}  // namespace musher
