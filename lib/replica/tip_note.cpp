#include "replica/tip_note.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <expected>
#include <optional>

#include "crypto/descriptor.hpp"
#include "crypto/hashing.hpp"
#include "model/text.hpp"

namespace musher {
namespace {

// One line of fixed length: index (20 digits), op id, log id, then a digest so that a damaged one is seen.
constexpr std::size_t kIndexDigits = 20;
constexpr std::size_t kIdAt = kIndexDigits + 1;
constexpr std::size_t kLogAt = kIdAt + 64 + 1;
constexpr std::size_t kNoteBytes = kLogAt + 32 + 1 + 64 + 1;
constexpr std::size_t kOldNoteBytes = kLogAt + 64 + 1;  ///< without the log id: read, and no longer written

struct Note {
  OpIndex index{};
  OpId id;
  std::optional<LogId> log;
};

std::filesystem::path note_file(const DocumentId& document, const AuthorId& author, const std::filesystem::path& dir) {
  return dir / "tips" / (to_hex(document.bytes) + "-" + to_hex(author.key));
}

std::string encode(const Note& note) {
  std::string body = fmt::format("{:020} {}", raw(note.index), to_hex(note.id.hash));
  if (note.log) body += " " + to_hex(note.log->bytes);
  return fmt::format("{} {}\n", body, to_hex(content_digest(Salt{}, body).bytes));
}

std::optional<Note> decode(std::string_view text) {
  if (text.size() != kNoteBytes && text.size() != kOldNoteBytes) return std::nullopt;
  Note note;
  std::uint64_t index = 0;
  if (std::from_chars(text.data(), text.data() + kIndexDigits, index).ec != std::errc{}) return std::nullopt;
  note.index = OpIndex{index};
  if (!from_hex(text.substr(kIdAt, 64), note.id.hash)) return std::nullopt;
  if (text.size() == kNoteBytes && !from_hex(text.substr(kLogAt, 32), note.log.emplace().bytes)) return std::nullopt;
  return encode(note) == text ? std::optional(note) : std::nullopt;
}

/// What is noted: nothing when no file is there. An error says why a file that is there says nothing.
std::expected<std::optional<Note>, std::string> read_note(const std::filesystem::path& file) {
  const Descriptor stored(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!stored.valid()) {
    if (errno == ENOENT) return std::nullopt;
    return std::unexpected(std::strerror(errno));
  }
  std::string text(kNoteBytes + 1, '\0');
  const ssize_t got = ::pread(stored.get(), text.data(), text.size(), 0);
  if (got < 0) return std::unexpected(std::strerror(errno));
  text.resize(static_cast<std::size_t>(got));
  const auto note = decode(text);
  if (!note) return std::unexpected("it is not a note of musher");
  return note;
}

/// Takes the place of a good one of the same length. Nobody waits for the disk: docs/decisions/0002 says what a power
/// cut may undo.
bool overwrite_note(const std::filesystem::path& file, const Note& note) {
  const Descriptor stored(::open(file.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  const std::string text = encode(note);
  if (!stored.valid() || ::pwrite(stored.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return false;
  }
  ::sync_file_range(stored.get(), 0, kNoteBytes, SYNC_FILE_RANGE_WRITE);
  return true;
}

/// Complete under its name and on the disk, or as it was. False with errno.
bool replace_note(const std::filesystem::path& file, const Note& note) {
  const std::string draft = file.native() + ".new";
  ::unlink(draft.c_str());  // of a process that was killed: whoever is here has the lock
  const Descriptor written(::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  const std::string text = encode(note);
  return written.valid() && ::write(written.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
         ::fdatasync(written.get()) == 0 && ::rename(draft.c_str(), file.c_str()) == 0;
}

/// Whoever writes a note has its folder locked. Invalid, with errno, where that cannot be done.
Descriptor lock_folder_of(const std::filesystem::path& file) {
  Descriptor folder(::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.valid()) ::flock(folder.get(), LOCK_EX);
  return folder;
}

}  // namespace

Result<std::string> check_tip_note(LogReader& log, const AuthorId& author, const std::optional<Tip>& tip,
                                   const std::filesystem::path& state_dir) {
  const auto file = note_file(log.info().document, author, state_dir);
  auto note = read_note(file);
  if (!note) {  // or another process was writing it
    const Descriptor locked = lock_folder_of(file);
    note = read_note(file);
  }
  if (!note) {
    return fmt::format(
        "cannot read the note of the last own op, {}: {}; whether this log is an old copy was not "
        "checked, and the note is written anew",
        file.string(), note.error());
  }
  if (!*note) return "";
  MUSHER_TRY(const auto known, log.facts((*note)->id));
  if (known && tip && raw(tip->index) >= raw((*note)->index)) return "";
  return fail(
      Errc::refused,
      fmt::format("this key has already written op {} (index {}) of this document, which {} does not have: the log "
                  "was restored from an old copy, lost its tail, or is a second copy of another log",
                  to_hex((*note)->id.hash).substr(0, 12), raw((*note)->index), log.info().path),
      fmt::format("ask those who may have the op first: musher sync OTHER {0}, or musher serve with a --rendezvous; or "
                  "bring the newer log back; or write here with a new identity: musher identity new --identity {1}; "
                  "only if nobody has it: rm {2}",
                  shell_word(log.info().path), shell_word(log.info().path + ".key2"), shell_word(file.string())));
}

Result<void> write_tip_note(const LogInfo& log, const Tip& tip, const std::filesystem::path& state_dir) {
  const auto file = note_file(log.document, tip.author, state_dir);
  const auto problem = [&](int error) {
    return fail(Errc::io, fmt::format("cannot note the last own op in {}: {}", file.string(), std::strerror(error)),
                "set XDG_STATE_HOME to a folder you can write");
  };
  Descriptor locked = lock_folder_of(file);  // one after the other, so that the note never goes back
  if (!locked.valid() && errno == ENOENT) {
    std::error_code failed;
    std::filesystem::create_directories(file.parent_path(), failed);
    if (failed) return problem(failed.value());
    std::filesystem::permissions(file.parent_path(), std::filesystem::perms::owner_all, failed);
    locked = lock_folder_of(file);
  }
  if (!locked.valid()) return problem(errno);
  const auto before = read_note(file);
  const bool is_there = before && *before;
  if (is_there && raw((*before)->index) >= raw(tip.index)) return {};
  const Note note{tip.index, tip.id, log.log};
  const bool is_as_long = is_there && (*before)->log;
  return (is_as_long ? overwrite_note(file, note) : replace_note(file, note)) ? Result<void>{} : problem(errno);
}

std::optional<Tip> last_noted_tip(const DocumentId& document, const AuthorId& author,
                                  const std::filesystem::path& state_dir) {
  const auto note = read_note(note_file(document, author, state_dir));
  if (!note || !*note) return std::nullopt;
  return Tip{author, (*note)->index, (*note)->id};
}

std::optional<Tip> noted_tip(const LogInfo& log, const AuthorId& author, const std::filesystem::path& state_dir) {
  const auto note = read_note(note_file(log.document, author, state_dir));
  if (!note || !*note) return std::nullopt;
  if ((*note)->log && *(*note)->log != log.log) return std::nullopt;
  return Tip{author, (*note)->index, (*note)->id};
}

}  // namespace musher
