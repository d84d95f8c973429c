#include "replica/tip_note.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "crypto/hashing.hpp"
#include "model/text.hpp"

namespace musher {
namespace {

// One line of fixed length, overwritten in place: index (20 digits), op id, then a digest so that a torn write is seen.
constexpr std::size_t kIndexDigits = 20;
constexpr std::size_t kBodyBytes = kIndexDigits + 1 + 64;
constexpr std::size_t kNoteBytes = kBodyBytes + 1 + 64 + 1;

struct Note {
  OpIndex index{};
  OpId id;
};

std::filesystem::path note_file(const DocumentId& document, const AuthorId& author, const std::filesystem::path& dir) {
  return dir / "tips" / (to_hex(document.bytes) + "-" + to_hex(author.key));
}

std::string encode(const Note& note) {
  const std::string body = fmt::format("{:020} {}", raw(note.index), to_hex(note.id.hash));
  return fmt::format("{} {}\n", body, to_hex(content_digest(Salt{}, body).bytes));
}

std::optional<Note> decode(std::string_view text) {
  if (text.size() != kNoteBytes) return std::nullopt;
  Note note;
  std::uint64_t index = 0;
  if (std::from_chars(text.data(), text.data() + kIndexDigits, index).ec != std::errc{}) return std::nullopt;
  note.index = OpIndex{index};
  if (!from_hex(text.substr(kIndexDigits + 1, 64), note.id.hash)) return std::nullopt;
  return encode(note) == text ? std::optional(note) : std::nullopt;
}

class NoteFile {
 public:
  NoteFile(const std::filesystem::path& file, int flags)
      : fd_(::open(file.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600)) {}
  NoteFile(const NoteFile&) = delete;
  NoteFile& operator=(const NoteFile&) = delete;
  ~NoteFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  void lock() const { ::flock(fd_, LOCK_EX); }
  [[nodiscard]] std::optional<Note> read() const {
    std::string text(kNoteBytes, '\0');
    const ssize_t got = ::pread(fd_, text.data(), text.size(), 0);
    return got == static_cast<ssize_t>(kNoteBytes) ? decode(text) : std::nullopt;
  }
  [[nodiscard]] bool write(const Note& note) const {
    const std::string text = encode(note);
    return ::pwrite(fd_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
  }

 private:
  int fd_;
};

}  // namespace

Result<void> check_tip_note(LogReader& log, const AuthorId& author, const std::optional<Tip>& tip,
                            const std::filesystem::path& state_dir) {
  const auto file = note_file(log.info().document, author, state_dir);
  const NoteFile stored(file, O_RDONLY);
  const auto note = stored.is_open() ? stored.read() : std::nullopt;
  if (!note) return {};
  MUSHER_TRY(const auto known, log.facts(note->id));
  if (known && tip && raw(tip->index) >= raw(note->index)) return {};
  return fail(
      Errc::refused,
      fmt::format("this key has already written op {} (index {}) of this document, which {} does not have: the log "
                  "was restored from an old copy, lost its tail, or is a second copy of another log",
                  to_hex(note->id.hash).substr(0, 12), raw(note->index), log.info().path),
      fmt::format("bring the newer log back, or write here with a new identity: musher identity new --identity "
                  "{0}.key2; if the ops are lost for good: rm {1}",
                  log.info().path, file.string()));
}

Result<void> write_tip_note(const LogInfo& log, const Tip& tip, const std::filesystem::path& state_dir) {
  const auto file = note_file(log.document, tip.author, state_dir);
  const auto problem = [&](int error) {
    return fail(Errc::io, fmt::format("cannot note the last own op in {}: {}", file.string(), std::strerror(error)),
                "set XDG_STATE_HOME to a folder you can write");
  };
  NoteFile stored(file, O_RDWR | O_CREAT);
  if (!stored.is_open() && errno == ENOENT) {
    std::error_code failed;
    std::filesystem::create_directories(file.parent_path(), failed);
    if (failed) return problem(failed.value());
    std::filesystem::permissions(file.parent_path(), std::filesystem::perms::owner_all, failed);
    const NoteFile created(file, O_RDWR | O_CREAT);
    if (!created.is_open()) return problem(errno);
    return created.write({tip.index, tip.id}) ? Result<void>{} : problem(errno);
  }
  if (!stored.is_open()) return problem(errno);
  stored.lock();
  const auto before = stored.read();
  if (before && raw(before->index) >= raw(tip.index)) return {};
  return stored.write({tip.index, tip.id}) ? Result<void>{} : problem(errno);
}

}  // namespace musher
