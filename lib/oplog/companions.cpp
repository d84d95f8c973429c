#include "oplog/companions.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace musher {
namespace {

constexpr const char* kSuffixes[] = {"-wal", "-shm"};

std::optional<FileIdentity> identity_of(const std::string& path) {
  const auto facts = facts_of(path);
  return facts ? std::optional(facts->identity) : std::nullopt;
}

}  // namespace

void Companions::follow_log(const LogFile& file) {
  for (const char* suffix : kSuffixes) {
    const std::string path = file.path + suffix;
    const auto facts = facts_of(path);
    if (!facts || facts->type != S_IFREG) continue;
    const bool owner_differs = geteuid() == 0 && facts->owner != file.facts.owner;
    if (owner_differs || facts->group != file.facts.group) {
      const uid_t owner = owner_differs ? file.facts.owner : static_cast<uid_t>(-1);
      static_cast<void>(lchown(path.c_str(), owner, file.facts.group));
    }
    if (facts->permissions != (file.facts.permissions & 0777)) {
      static_cast<void>(fchmodat(AT_FDCWD, path.c_str(), file.facts.permissions & 0777, 0));
    }
  }
}

void Companions::note(const LogFile& file) {
  wal_ = identity_of(file.path + "-wal");
  shm_ = identity_of(file.path + "-shm");
}

Result<void> Companions::check_still_there(const LogFile& file) const {
  const std::pair<const char*, const std::optional<FileIdentity>&> noted[] = {{"-wal", wal_}, {"-shm", shm_}};
  for (const auto& [suffix, identity] : noted) {
    const std::string path = file.path + suffix;
    if (!identity || identity_of(path) == identity) continue;
    return fail(Errc::refused,
                fmt::format("{} was removed or replaced while the log was open here; nothing was written", path),
                fmt::format("stop every program that has the log open, then: musher verify-order --log {}", file.path));
  }
  return {};
}

bool may_make_companions(const LogFile& file) {
  const bool wal_exists = facts_of(file.path + "-wal").has_value();
  const bool shm_exists = facts_of(file.path + "-shm").has_value();
  const std::string shm = file.path + "-shm";
  if (shm_exists && faccessat(AT_FDCWD, shm.c_str(), R_OK, AT_EACCESS) != 0) return false;
  if (wal_exists && shm_exists) return true;
  if (faccessat(AT_FDCWD, folder_of(file.path).c_str(), W_OK | X_OK, AT_EACCESS) != 0) return false;
  if (geteuid() == 0 || geteuid() == file.facts.owner) return true;
  return (file.facts.permissions & S_IWGRP) != 0 && in_group(file.facts.group);
}

}  // namespace musher
