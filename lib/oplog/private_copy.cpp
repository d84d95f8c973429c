#include "oplog/private_copy.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "crypto/descriptor.hpp"
#include "crypto/file_bytes.hpp"
#include "oplog/hints.hpp"
#include "oplog/lock_file.hpp"
#include "oplog/sql.hpp"
#include "oplog/vfs_file.hpp"

namespace musher {
namespace {

constexpr std::size_t kChunkBytes = 1024 * 1024;
constexpr std::string_view kFolderName = "musher-copy-";

const char* hint_for(int error) {
  const bool is_full = error == ENOSPC || error == EDQUOT;
  return is_full ? "make room there, or set TMPDIR to a folder with more"
                 : "set TMPDIR to a folder in which you may make files";
}

void write_to(int descriptor, sql::Blob bytes, const std::string& path) {
  if (write_all(descriptor, bytes)) return;
  sql::raise(Errc::io, fmt::format("cannot copy the log to {}: {}", path, std::strerror(errno)), hint_for(errno));
}

Descriptor make_file(const std::string& path) {
  Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid())
    sql::raise(Errc::io, fmt::format("cannot make {}: {}", path, std::strerror(errno)), hint_for(errno));
  return file;
}

void copy_database(const std::string& from, const std::string& to) {
  sql::VfsFile source(from);
  const Descriptor target = make_file(to);
  std::vector<std::uint8_t> chunk(kChunkBytes);
  const std::uint64_t size = source.size();
  for (std::uint64_t offset = 0; offset < size; offset += chunk.size()) {
    const auto part = std::span(chunk).first(std::min<std::uint64_t>(chunk.size(), size - offset));
    source.read(offset, part);
    write_to(target.get(), part, to);
  }
}

/// Nobody locks a -wal, so that it can be opened like any file.
void copy_wal(const std::string& from, const std::string& to) {
  const Descriptor source(open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!source.valid() && errno == ENOENT) return;
  if (!source.valid()) {
    sql::raise(Errc::io, fmt::format("cannot read {}: {}", from, std::strerror(errno)), list_hint(from));
  }
  const auto facts = facts_of_descriptor(source.get());
  if (!facts || facts->type != S_IFREG) {
    sql::raise(Errc::refused, fmt::format("will not copy {}: it is no regular file", from), list_hint(from));
  }
  const Descriptor target = make_file(to);
  std::vector<std::uint8_t> chunk(kChunkBytes);
  while (true) {
    const ssize_t got = read(source.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) sql::raise(Errc::io, fmt::format("cannot read {}: {}", from, std::strerror(errno)));
    if (got == 0) return;
    write_to(target.get(), std::span(chunk).first(static_cast<std::size_t>(got)), to);
  }
}

std::int64_t wall_clock_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

/// One who copies holds this lock on the folder; the kernel gives it back when he is killed.
bool lock_folder(const std::string& folder, Descriptor& lock) {
  lock = Descriptor(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  return lock.valid() && flock(lock.get(), LOCK_EX | LOCK_NB) == 0;
}

/// Copies of this user whose process was killed before SQLite had them open. A young one may be about to be locked.
void remove_abandoned(const std::string& parent) {
  constexpr auto kOldEnough = std::chrono::minutes(1);
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(parent, ignored)) {
    if (!entry.path().filename().native().starts_with(kFolderName)) continue;
    Descriptor lock;
    if (!lock_folder(entry.path(), lock)) continue;
    const auto facts = facts_of_descriptor(lock.get());
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    if (!facts || facts->owner != geteuid() || std::chrono::nanoseconds(facts->changed_ns) > now - kOldEnough) continue;
    for (const char* name : kCopyFiles) unlinkat(lock.get(), name, 0);
    rmdir(entry.path().c_str());
  }
}

std::string folder_to_be() {
  const char* configured = std::getenv("TMPDIR");
  const std::string parent = configured != nullptr && configured[0] == '/' ? configured : "/tmp";
  remove_abandoned(parent);
  return fmt::format("{}/{}XXXXXX", parent, kFolderName);
}

}  // namespace

PrivateCopy PrivateCopy::without_files() {
  std::string folder = folder_to_be();
  const HeldSignals held;
  if (mkdtemp(folder.data()) == nullptr) {
    const int error = errno;
    const std::string parent = std::filesystem::path(folder).parent_path();
    sql::raise(Errc::io, fmt::format("cannot make a private folder in {}: {}", parent, std::strerror(error)),
               hint_for(error));
  }
  WatchedFolder watched(folder);
  return {std::move(folder), std::move(watched), wall_clock_ms()};
}

Result<PrivateCopy> PrivateCopy::make(const LogFile& log, std::chrono::milliseconds timeout) {
  LockFile lock(log.path, log.facts);
  MUSHER_TRY(bool locked, lock.acquire_shared(timeout));
  while (true) {
    MUSHER_TRY(PrivateCopy copy, sql::guarded("copy", log.path, [] { return without_files(); }));
    if (!lock_folder(copy.folder_, copy.lock_)) {
      return fail(Errc::io, fmt::format("cannot lock {}: {}", copy.folder_, std::strerror(errno)), hint_for(errno));
    }
    MUSHER_CHECK(sql::guarded("copy", log.path, [&] {
      copy_database(log.path, copy.path());
      copy_wal(log.path + "-wal", copy.path() + "-wal");
    }));
    if (locked) return copy;
    // There was no lock file: nobody could write, unless the first writer came meanwhile.
    MUSHER_TRY(locked, lock.acquire_shared(timeout));
    if (!locked) return copy;
  }
}

void PrivateCopy::remove() noexcept {
  if (folder_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
  watched_.release();
  folder_.clear();
  lock_.close();
}

}  // namespace musher
