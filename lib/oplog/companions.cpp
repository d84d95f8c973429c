#include "oplog/companions.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/text.hpp"
#include "oplog/companion_file.hpp"
#include "oplog/hints.hpp"

namespace musher {
namespace {

constexpr const char* kSuffixes[] = {"-wal", "-shm"};

std::optional<FileIdentity> identity_of(const std::string& path) {
  const auto facts = facts_of(path);
  return facts ? std::optional(facts->identity) : std::nullopt;
}

}  // namespace

void Companions::follow_log(const LogFile& file) {
  for (const char* suffix : kSuffixes) follow_log(file, file.path + suffix);
}

/// Through O_PATH: what is looked at is what is changed, no symbolic link is followed, and closing it drops no lock.
void Companions::follow_log(const LogFile& file, const std::string& path) {
  const Descriptor companion(open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  const auto facts = companion.valid() ? facts_of_descriptor(companion.get()) : std::nullopt;
  if (!facts || facts->type != S_IFREG || facts->links != 1 || !may_follow_log(*facts, file.facts)) return;
  const bool owner_differs = geteuid() == 0 && facts->owner != file.facts.owner;
  if (owner_differs || facts->group != file.facts.group) {
    const uid_t owner = owner_differs ? file.facts.owner : static_cast<uid_t>(-1);
    static_cast<void>(fchownat(companion.get(), "", owner, file.facts.group, AT_EMPTY_PATH));
  }
  if (facts->permissions != (file.facts.permissions & 0777)) {
    const std::string open_file = fmt::format("/proc/self/fd/{}", companion.get());
    static_cast<void>(chmod(open_file.c_str(), file.facts.permissions & 0777));
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
                "stop every program that has the log open, then: " + verify_hint(file.path));
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
