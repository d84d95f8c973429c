#include "oplog/open_checks.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "model/text.hpp"
#include "oplog/hints.hpp"
#include "oplog/schema.hpp"
#include "oplog/sql.hpp"
#include "oplog/vfs_file.hpp"

namespace musher {
namespace {

// sqlite.org/fileformat2.html, "The Database Header"
constexpr std::size_t kHeaderBytes = 100;
constexpr std::string_view kMagic{"SQLite format 3\0", 16};
constexpr std::size_t kPageSizeOffset = 16;
constexpr std::size_t kReadVersionOffset = 19;
constexpr std::size_t kChangeCounterOffset = 24;
constexpr std::size_t kPageCountOffset = 28;
constexpr std::size_t kUserVersionOffset = 60;
constexpr std::size_t kApplicationIdOffset = 68;
constexpr std::size_t kVersionValidForOffset = 92;

using Header = std::array<std::uint8_t, kHeaderBytes>;

std::uint32_t big_endian(const Header& header, std::size_t offset) {
  return static_cast<std::uint32_t>(header[offset]) << 24 | static_cast<std::uint32_t>(header[offset + 1]) << 16 |
         static_cast<std::uint32_t>(header[offset + 2]) << 8 | header[offset + 3];
}

std::uint64_t page_size(const Header& header) {
  const std::uint64_t size = static_cast<std::uint64_t>(header[kPageSizeOffset]) << 8 | header[kPageSizeOffset + 1];
  return size == 1 ? 65'536 : size;
}

const char* kind_of_file(mode_t type) {
  switch (type) {
    case S_IFDIR: return "a folder";
    case S_IFIFO: return "a named pipe";
    case S_IFSOCK: return "a socket";
    case S_IFLNK: return "a symbolic link";
    default: return "a device";
  }
}

std::string init_hint(const std::string& path) { return "musher init --log " + shell_word(path); }

Result<std::string> resolve(const std::string& path) {
  const std::unique_ptr<char, decltype(&free)> resolved(realpath(path.c_str(), nullptr), &free);
  if (resolved != nullptr) return resolved.get();
  const int error = errno;
  struct stat status {};
  if (error == ENOENT && lstat(path.c_str(), &status) == 0) {
    std::error_code ignored;
    const auto named = std::filesystem::read_symlink(path, ignored);  // an absolute name stays as it is behind a folder
    const auto target = std::filesystem::absolute(std::filesystem::path(path).parent_path() / named).lexically_normal();
    return fail(Errc::not_a_log, fmt::format("{} is a symbolic link to a file that does not exist", path),
                ignored ? list_hint(path) : init_hint(target));
  }
  if (error == ENOENT || error == ENOTDIR) {
    return fail(Errc::not_a_log, fmt::format("there is no file {}", path), init_hint(path));
  }
  return fail(Errc::io, fmt::format("cannot open {}: {}", path, std::strerror(error)), "namei -l " + shell_word(path));
}

Result<void> check_access(const LogFile& file, OpenMode mode) {
  const int wanted = mode == OpenMode::write ? R_OK | W_OK : R_OK;
  if (faccessat(AT_FDCWD, file.path.c_str(), wanted, AT_EACCESS) != 0) {
    if (errno == EROFS) {
      return fail(Errc::io, fmt::format("cannot write to {}: it is on a read-only file system", file.path),
                  "findmnt --target " + shell_word(file.path));
    }
    return fail(Errc::io,
                fmt::format("may not {} {}: {}", mode == OpenMode::write ? "write to" : "read", file.path,
                            describe_permissions(file.facts)),
                list_hint(file.path));
  }
  return {};
}

Result<void> check_write_place(const LogFile& file) {
  const std::string folder = folder_of(file.path);
  if (const auto network = network_file_system(file.path)) {
    return fail(
        Errc::refused,
        fmt::format("will not write to {}: it is on a network file system ({}), and SQLite's WAL needs a local disk",
                    file.path, *network),
        "move the log to a local disk and let the other machines sync with it");
  }
  if (faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    if (errno == EROFS) {
      return fail(Errc::io, fmt::format("cannot write to {}: it is on a read-only file system", file.path),
                  "findmnt --target " + shell_word(file.path));
    }
    const auto facts = facts_of(folder);
    return fail(Errc::io,
                fmt::format("cannot write to {}: its folder must be writable too ({} is {})", file.path, folder,
                            facts ? describe_permissions(*facts) : "not to be looked at"),
                "ls -ld " + shell_word(folder));
  }
  return {};
}

/// SQLite opens what bears such a name, and a pipe would have it wait for ever.
Result<void> check_companions_are_files(const LogFile& file) {
  for (const char* suffix : {"-wal", "-shm", "-journal"}) {
    const std::string path = file.path + suffix;
    struct stat status {};
    if (lstat(path.c_str(), &status) != 0) continue;
    const bool is_file = S_ISREG(status.st_mode);
    if (is_file && status.st_nlink <= 1) continue;
    return fail(Errc::refused,
                fmt::format("will not open {}: {} is {}", file.path, path,
                            is_file ? "a file with several names (hard links)" : kind_of_file(status.st_mode & S_IFMT)),
                list_hint(path));
  }
  return {};
}

/// A copy that VACUUM INTO made has a rollback journal, if any, and never a -wal: SQLite would replay one into it.
Result<void> check_no_stray_files(const LogFile& file) {
  const auto wal = facts_of(file.path + "-wal");
  if (wal && wal->size > 0) {
    return fail(
        Errc::refused,
        fmt::format("{0}-wal was left by another database than {0} (a backup was put in its place?)", file.path),
        fmt::format("move {} away", shell_word(file.path + "-wal")));
  }
  const auto journal = facts_of(file.path + "-journal");
  if (journal && journal->size > 0) {
    return fail(
        Errc::io,
        fmt::format("{0} is in the middle of a change by another program, to be undone from {0}-journal", file.path),
        fmt::format("sqlite3 {} 'PRAGMA journal_mode = WAL'", shell_word(file.path)));
  }
  return {};
}

/// The header's page count holds only while no -wal has newer pages. The length is asked for last: a checkpoint of
/// another process writes the header first and the new pages after it, and empties the -wal once they are there.
Result<void> check_length(const LogFile& file, const Header& header) {
  const auto wal = facts_of(file.path + "-wal");
  if (wal && wal->size > 0) return {};
  const auto now = facts_of(file.path);
  if (!now)
    return fail(Errc::io, fmt::format("cannot look at {}: {}", file.path, std::strerror(errno)), list_hint(file.path));
  const std::uint64_t page = page_size(header);
  const bool count_is_valid = big_endian(header, kChangeCounterOffset) == big_endian(header, kVersionValidForOffset);
  const std::uint64_t expected = count_is_valid ? big_endian(header, kPageCountOffset) * page : 0;
  if (now->size < expected || now->size % page != 0) {
    return fail(Errc::damaged,
                fmt::format("{} is cut off: {} bytes of {}", file.path, now->size,
                            std::max(expected, (now->size / page + 1) * page)),
                "restore it from a backup");
  }
  return {};
}

Result<void> check_header(LogFile& file, const Header& header) {
  const std::uint32_t application = big_endian(header, kApplicationIdOffset);
  const std::uint32_t version = big_endian(header, kUserVersionOffset);
  if (application != kApplicationId) {
    return fail(
        Errc::not_a_log,
        fmt::format("{} is an SQLite database of another program (application_id 0x{:08x})", file.path, application),
        std::string(kNameLogHint));
  }
  if (version > kFormat) {
    return fail(
        Errc::newer_format,
        fmt::format("{} has format {}; this version of musher knows formats up to {}", file.path, version, kFormat),
        "install the version of musher that wrote it, or a newer one");
  }
  if (version == 0) {
    return fail(Errc::not_a_log, fmt::format("{} has musher's mark but no format number", file.path),
                "restore it from a backup");
  }
  const std::uint64_t page = page_size(header);
  if (page < 512 || (page & (page - 1)) != 0) {
    return fail(Errc::damaged, fmt::format("{} has a damaged header: no page has {} bytes", file.path, page),
                "restore it from a backup");
  }
  file.wal = header[kReadVersionOffset] != 1;
  if (!file.wal) MUSHER_CHECK(check_no_stray_files(file));
  return check_length(file, header);
}

Result<Header> read_header(const LogFile& file) {
  Header header{};
  std::uint64_t size = 0;
  MUSHER_CHECK(sql::guarded("read", file.path, [&] {
    sql::VfsFile database(file.path);
    size = database.size();
    database.read(0, std::span(header).first(std::min<std::uint64_t>(size, kHeaderBytes)));
  }));
  const std::string_view begin(reinterpret_cast<const char*>(header.data()),
                               std::min<std::uint64_t>(size, kMagic.size()));
  if (begin != kMagic.substr(0, begin.size()) || begin.empty()) {
    return fail(Errc::not_a_log, fmt::format("{} is not an SQLite database", file.path), std::string(kNameLogHint));
  }
  if (size < kHeaderBytes) {
    return fail(Errc::not_a_log, fmt::format("{} is cut off within its header: {} bytes", file.path, size),
                "restore it from a backup");
  }
  return header;
}

}  // namespace

Result<LogFile> check_log_file(const std::filesystem::path& path, OpenMode mode) {
  LogFile file;
  MUSHER_TRY(file.path, resolve(path.string()));
  const auto facts = facts_of(file.path);
  if (!facts) {
    return fail(Errc::io, fmt::format("cannot look at {}: {}", file.path, std::strerror(errno)), list_hint(file.path));
  }
  file.facts = *facts;
  if (facts->type != S_IFREG) {
    return fail(Errc::not_a_log, fmt::format("{} is {}", file.path, kind_of_file(facts->type)),
                std::string(kNameLogHint));
  }
  MUSHER_CHECK(check_access(file, mode));
  if (facts->size == 0) {
    return fail(Errc::not_a_log, fmt::format("{} is an empty file", file.path),
                "remove it, then: " + init_hint(file.path));
  }
  MUSHER_CHECK(check_companions_are_files(file));
  MUSHER_TRY(const Header header, read_header(file));
  MUSHER_CHECK(check_header(file, header));
  if (mode == OpenMode::write) {
    MUSHER_CHECK(check_write_place(file));
    MUSHER_CHECK(check_still_there(file));
  }
  return file;
}

Result<void> check_still_there(const LogFile& file) {
  const auto now = facts_of(file.path);
  if (!now || now->identity != file.facts.identity) {
    return fail(Errc::refused,
                fmt::format("{} was {} while it was open here; nothing was written", file.path,
                            now ? "replaced by another file" : "renamed or deleted"),
                fmt::format("put it back, or open it again under its new name ({})", list_hint(folder_of(file.path))));
  }
  if (now->links > 1) {
    return fail(
        Errc::refused,
        fmt::format("will not write to {}: the file has {} names (hard links), and a writer through another name "
                    "would not see its -wal and lock",
                    file.path, now->links),
        fmt::format("find {} -xdev -samefile {}", shell_word(folder_of(file.path)), shell_word(file.path)));
  }
  return {};
}

}  // namespace musher
