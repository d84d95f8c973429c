#include "oplog/create_log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "crypto/file_bytes.hpp"
#include "crypto/hashing.hpp"
#include "crypto/new_file.hpp"
#include "model/text.hpp"
#include "oplog/hints.hpp"
#include "oplog/lock_file.hpp"
#include "oplog/schema.hpp"

namespace musher {
namespace {

Result<std::string> resolve_new(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  if (name.empty() || name == "." || name == "..") {
    return fail(Errc::usage, fmt::format("\"{}\" is not the name of a file", path.string()),
                "musher init --log pipeline.db");
  }
  const std::string parent = path.has_parent_path() ? path.parent_path().string() : ".";
  const std::unique_ptr<char, decltype(&free)> folder(realpath(parent.c_str(), nullptr), &free);
  if (folder == nullptr) {
    return fail(Errc::io, fmt::format("cannot make {}: {}: {}", path.string(), parent, std::strerror(errno)),
                "mkdir -p " + shell_word(parent));
  }
  if (std::error_code error; !std::filesystem::is_directory(folder.get(), error)) {
    return fail(Errc::io, fmt::format("cannot make {}: {} is no folder", path.string(), folder.get()),
                list_hint(folder.get()));
  }
  if (faccessat(AT_FDCWD, folder.get(), W_OK | X_OK, AT_EACCESS) != 0) {
    const int error = errno;  // what follows has its own
    const auto facts = facts_of(folder.get());
    return fail(Errc::io,
                fmt::format("cannot make {}: {}: {}{}", path.string(), folder.get(), std::strerror(error),
                            facts ? fmt::format(" ({})", describe_permissions(*facts)) : ""),
                "ls -ld " + shell_word(folder.get()));
  }
  return std::string(folder.get()) == "/" ? "/" + name : fmt::format("{}/{}", folder.get(), name);
}

Result<void> check_nothing_there(const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) == 0) {
    return fail(Errc::refused, fmt::format("will not make {}: something has that name already", path), list_hint(path));
  }
  // SQLite would take them for the new log's own.
  for (const char* suffix : {"-wal", "-shm", "-journal"}) {
    if (lstat((path + suffix).c_str(), &status) != 0) continue;
    return fail(Errc::refused,
                fmt::format("will not make {0}: {0}{1} is left over from another database", path, suffix),
                fmt::format("move {} away", shell_word(path + suffix)));
  }
  if (const auto network = network_file_system(folder_of(path))) {
    return fail(
        Errc::refused,
        fmt::format("will not make {}: it would be on a network file system ({}), and SQLite's WAL needs a local disk",
                    path, *network),
        "make the log on a local disk and let the other machines sync with it");
  }
  return {};
}

Result<gid_t> find_group(const std::string& name) {
  errno = 0;
  if (const group* entry = getgrnam(name.c_str())) return entry->gr_gid;
  return fail(Errc::usage, fmt::format("there is no group {}", name), "getent group");
}

/// Every member makes -wal, -shm and lock there in turn.
Result<void> check_folder_for(gid_t group, const std::string& name, const std::string& folder) {
  const auto facts = facts_of(folder);
  if (!facts)
    return fail(Errc::io, fmt::format("cannot look at {}: {}", folder, std::strerror(errno)), list_hint(folder));
  const mode_t needed = S_IWGRP | S_IXGRP;
  const bool group_writes = facts->group == group && (facts->permissions & needed) == needed;
  const bool all_write = (facts->permissions & (S_IWOTH | S_IXOTH)) == (S_IWOTH | S_IXOTH);
  if (group_writes || all_write) return {};
  return fail(Errc::refused,
              fmt::format("the group {} could not work on a log in {}: its members must be able to make files there",
                          name, folder),
              fmt::format("chgrp {0} {1} && chmod g+rwxs {1}", shell_word(name), shell_word(folder)));
}

Result<void> check_group(const std::string& name, const std::string& path) {
  MUSHER_TRY(const gid_t group, find_group(name));
  MUSHER_CHECK(check_folder_for(group, name, folder_of(path)));
  if (geteuid() == 0 || in_group(group)) return {};
  return fail(Errc::refused, fmt::format("cannot give {} to the group {}: you are not in it", path, name), "id -Gn");
}

Result<void> give_to_group(int descriptor, gid_t group, const std::string& name, const std::string& path) {
  if (fchown(descriptor, static_cast<uid_t>(-1), group) != 0) {
    return fail(errno == EPERM ? Errc::refused : Errc::io,
                fmt::format("cannot give {} to the group {}: {}", path, name,
                            errno == EPERM ? "you are not in it" : std::strerror(errno)),
                "id -Gn");
  }
  if (fchmod(descriptor, 0660) != 0) {
    return fail(Errc::io, fmt::format("cannot set the mode of {}: {}", path, std::strerror(errno)), list_hint(path));
  }
  return {};
}

Result<void> fill(int descriptor, sql::Blob bytes, const std::string& path) {
  if (!write_all(descriptor, bytes)) {
    return fail(Errc::io, fmt::format("cannot write {}: {}", path, std::strerror(errno)),
                "df " + shell_word(folder_of(path)));
  }
  if (fsync(descriptor) != 0) {
    return fail(Errc::io, fmt::format("cannot sync {}: {}", path, std::strerror(errno)),
                "df " + shell_word(folder_of(path)));
  }
  return {};
}

Result<void> sync_folder(const std::string& folder) {
  const Descriptor descriptor(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!descriptor.valid() || fsync(descriptor.get()) != 0) {
    return fail(Errc::io, fmt::format("cannot sync the folder {}: {}", folder, std::strerror(errno)),
                "df " + shell_word(folder));
  }
  return {};
}

std::int64_t wall_clock_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

}  // namespace

Result<void> check_belongs_to(const std::string& path, const std::string& group) {
  MUSHER_TRY(const gid_t wanted, find_group(group));
  const auto facts = facts_of(path);
  if (!facts) return fail(Errc::io, fmt::format("cannot look at {}: {}", path, std::strerror(errno)), list_hint(path));
  if (facts->group == wanted) return {};
  return fail(
      Errc::refused,
      fmt::format("{} is there already, and not of the group {} ({})", path, group, describe_permissions(*facts)),
      fmt::format("chgrp {0} {1} {1}.lock && chmod 0660 {1} {1}.lock", shell_word(group), shell_word(path)));
}

Result<std::string> check_new_log(const std::filesystem::path& path, const CreateOptions& options) {
  MUSHER_TRY(std::string resolved, resolve_new(path));
  MUSHER_CHECK(check_nothing_there(resolved));
  if (options.group) MUSHER_CHECK(check_group(*options.group, resolved));
  return resolved;
}

Result<std::string> create_log_file(const std::filesystem::path& path, const CreateOptions& options) {
  LogInfo info;
  MUSHER_TRY(info.path, check_new_log(path, options));
  info.document = options.document;
  info.log = random_id<LogId>();
  info.created_ms = options.created_ms.value_or(wall_clock_ms());
  MUSHER_TRY(const auto image,
             sql::guarded("make", info.path, [&] { return new_log_image(info, options.created_by); }));

  auto file = NewFile::in_folder_of(info.path);
  if (!file) return cannot_make(info.path, file.error());
  if (options.group) {
    MUSHER_TRY(const gid_t group, find_group(*options.group));
    MUSHER_CHECK(give_to_group(file->descriptor(), group, *options.group, info.path));
  }
  MUSHER_CHECK(fill(file->descriptor(), image, info.path));
  const auto published = file->publish();
  if (!published) return cannot_make(info.path, published.error());
  if (!*published) {
    return fail(Errc::refused, fmt::format("will not make {}: something took that name just now", info.path),
                list_hint(info.path));
  }
  MUSHER_CHECK(sync_folder(folder_of(info.path)));
  return info.path;
}

}  // namespace musher
