#include "audit/state_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "audit/replace_file.hpp"
#include "crypto/descriptor.hpp"
#include "crypto/hashing.hpp"
#include "crypto/identity.hpp"
#include "model/text.hpp"

namespace musher {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDomain = "musher state 1";
constexpr std::size_t kMaxStateBytes = 64 * 1024 * 1024;
constexpr int kMaxStatesLookedAt = 100;

fs::path key_file(const fs::path& file) { return file.native() + ".key"; }

std::unexpected<Error> unusable(const fs::path& file, std::string_view why) {
  return fail(Errc::damaged, fmt::format("cannot compare with the last run: the state file {} {}", file.string(), why),
              "find out who changed it; to begin anew: " + begin_anew(file));
}

std::unexpected<Error> not_written(const fs::path& file, std::string_view why) {
  return fail(Errc::io, fmt::format("cannot note this run in {}: {}", file.string(), why),
              "musher verify-order --state FILE keeps it elsewhere, --state none does without");
}

std::unexpected<Error> not_written(const fs::path& file, int error) { return not_written(file, std::strerror(error)); }

Result<void> make_folder(const fs::path& folder) {
  std::error_code failed;
  if (folder.empty() || fs::exists(folder, failed)) return {};
  fs::create_directories(folder, failed);
  if (failed) return not_written(folder, failed.value());
  fs::permissions(folder, fs::perms::owner_all, failed);
  return {};
}

/// The whole file; nothing when it does not exist.
Result<std::optional<std::string>> read_all(const fs::path& file) {
  const Descriptor opened(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!opened.valid() && errno == ENOENT) return std::nullopt;
  if (!opened.valid() && errno == ELOOP) return unusable(file, "is a symbolic link");
  const auto problem = [&] {
    return fail(Errc::io, fmt::format("cannot read the state file {}: {}", file.string(), std::strerror(errno)),
                fmt::format("ls -l {}", shell_word(file.native())));
  };
  struct stat status {};
  if (!opened.valid() || ::fstat(opened.get(), &status) != 0) return problem();
  if (!S_ISREG(status.st_mode)) return unusable(file, "is not a regular file");
  std::string text;
  char buffer[65536];
  while (text.size() <= kMaxStateBytes) {
    const ssize_t got = ::read(opened.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return problem();
    if (got == 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return unusable(file, "is larger than any state file");
}

std::string signed_text(const HighWaterMark& mark, const Identity& key) {
  std::string text = to_text(mark) + fmt::format("key {}\n", to_hex(key.author().key));
  const Signature signature = key.sign_statement(kDomain, content_digest(Salt{}, text));
  return text + fmt::format("signature {}\n", to_hex(signature.bytes));
}

/// True when it was made now.
Result<bool> make_key(const fs::path& key) {
  std::error_code failed;
  if (fs::exists(key, failed)) return false;
  ::unlink((key.native() + ".pub").c_str());  // of a key that somebody removed to begin anew
  const auto saved = Identity::generate().save_new(key);
  if (saved) return true;
  if (saved.error().code == Errc::refused) return false;  // another run was quicker
  return std::unexpected(saved.error());
}

/// What was noted, of whatever log; nothing when no file is there.
Result<std::optional<HighWaterMark>> read_mark(const fs::path& file) {
  MUSHER_TRY(const auto text, read_all(file));
  if (!text) return std::nullopt;
  const auto key_at = text->rfind("key ");
  if (key_at == text->npos || key_at == 0 || (*text)[key_at - 1] != '\n')
    return unusable(file, "is not a state file, or is cut off");
  const auto mark = parse_high_water_mark(std::string_view(*text).substr(0, key_at));
  if (!mark) return unusable(file, "is not a state file, or was changed");
  const auto key = Identity::load(key_file(file));
  if (!key) return unusable(file, fmt::format("cannot be checked: {}", key.error().what));
  if (*text != signed_text(*mark, *key))
    return unusable(file, fmt::format("was not signed with {}", key_file(file).string()));
  return mark;
}

Result<std::optional<HighWaterMark>> read_mark_of(const fs::path& file, const LogId& log) {
  MUSHER_TRY(auto mark, read_mark(file));
  if (!mark || mark->log == log) return mark;
  return fail(Errc::refused,
              fmt::format("the state file {} belongs to the log {}, and this log is {}", file.string(),
                          to_hex(mark->log.bytes), to_hex(log.bytes)),
              "is this the right log? leave --state out to use the file that is its own");
}

Result<bool> replace_mark(const fs::path& file, const HighWaterMark& mark) {
  MUSHER_TRY(const auto before, read_mark_of(file, mark.log));
  if (before && before->row > mark.row) return false;
  const auto key = Identity::load(key_file(file));
  if (!key) return std::unexpected(key.error());
  if (const auto why = why_not_replaceable(file)) return not_written(file, *why);
  if (const int error = replace_file(file, signed_text(mark, *key), 0600); error != 0) return not_written(file, error);
  return true;
}

}  // namespace

fs::path default_state_file(const fs::path& state_dir, const LogId& log) {
  return state_dir / (to_hex(log.bytes) + ".state");
}

std::string begin_anew(const fs::path& file) {
  return fmt::format("rm -f {} {}", shell_word(file.native()), shell_word(key_file(file).native()));
}

Result<std::optional<HighWaterMark>> read_state(const fs::path& file, const LogId& log) {
  MUSHER_TRY(auto mark, read_mark_of(file, log));
  std::error_code failed;
  if (!mark && fs::exists(fs::symlink_status(key_file(file), failed))) {
    return unusable(file, "is gone and its key is there: somebody removed it, or the first run was killed as it ended");
  }
  return mark;
}

std::vector<HighWaterMark> states_of_other_logs(const fs::path& file, const LogInfo& info) {
  std::vector<HighWaterMark> marks;
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  std::error_code failed;
  int looked_at = 0;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    if (entry->path().extension() != ".state" || ++looked_at > kMaxStatesLookedAt) continue;
    const auto mark = read_mark(entry->path());
    if (mark && *mark && (*mark)->document == info.document && (*mark)->log != info.log) marks.push_back(**mark);
  }
  return marks;
}

Result<void> check_state_place(const fs::path& file, StateFolder folder) {
  if (const auto why = why_not_replaceable(file)) return not_written(file, *why);
  const fs::path above = file.has_parent_path() ? file.parent_path() : fs::path(".");
  if (folder == StateFolder::must_be_there && ::access(above.c_str(), F_OK) != 0) return not_written(file, errno);
  return {};
}

Result<bool> write_state(const fs::path& file, const HighWaterMark& mark, StateFolder folder) {
  if (folder == StateFolder::make) MUSHER_CHECK(make_folder(file.parent_path()));
  const fs::path key = key_file(file);
  MUSHER_TRY(const bool key_is_new, make_key(key));
  const Descriptor lock(::open(key.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!lock.valid() || ::flock(lock.get(), LOCK_EX) != 0) return not_written(file, errno);
  auto written = replace_mark(file, mark);
  if (!written && key_is_new) {  // a key without a mark is a mark that somebody removed
    ::unlink(key.c_str());
    ::unlink((key.native() + ".pub").c_str());
  }
  return written;
}

}  // namespace musher
