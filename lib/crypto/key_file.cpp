// Identity's files: docs/format.md, "Key file".
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string_view>

#include "crypto/file_bytes.hpp"
#include "crypto/hashing.hpp"
#include "crypto/identity_secret.hpp"
#include "crypto/secret_file.hpp"
#include "crypto/signature.hpp"
#include "model/text.hpp"

namespace musher {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kHeadLine = "musher identity 1\n";
constexpr std::string_view kSecretWord = "secret ";
constexpr std::string_view kPublicWord = "public ";
constexpr std::size_t kHexBytes = 64;
constexpr std::size_t kSecretAt = kHeadLine.size() + kSecretWord.size();
constexpr std::size_t kPublicWordAt = kSecretAt + kHexBytes + 1;
constexpr std::size_t kPublicAt = kPublicWordAt + kPublicWord.size();
constexpr std::size_t kKeyFileBytes = kPublicAt + kHexBytes + 1;
static_assert(kKeyFileBytes == 162);

std::string because(int error) { return std::strerror(error); }

bool write_all(int fd, std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return true;
}

bool decode_hex(std::string_view hex, std::span<std::uint8_t> out) {
  std::size_t length = 0;
  const char* end = nullptr;
  const int failed = sodium_hex2bin(out.data(), out.size(), hex.data(), hex.size(), nullptr, &length, &end);
  return failed == 0 && length == out.size() && end == hex.data() + hex.size();
}

// --- reading

std::string new_identity(const fs::path& file) { return "musher identity new --identity " + shell_word(file.native()); }

std::unexpected<Error> unusable(const fs::path& file, const std::string& why, std::string hint) {
  return fail(Errc::no_identity, "cannot use the identity " + file.string() + ": " + why, std::move(hint));
}

bool is_key_file(std::string_view text) {
  return text.size() == kKeyFileBytes && text.starts_with(kHeadLine) &&
         text.substr(kHeadLine.size(), kSecretWord.size()) == kSecretWord && text[kPublicWordAt - 1] == '\n' &&
         text.substr(kPublicWordAt, kPublicWord.size()) == kPublicWord && text.back() == '\n';
}

// --- writing

// A file under construction: it has a name of its own until publish() gives it its real one.
class NewFile {
 public:
  NewFile(const File& folder, const fs::path& name, mode_t mode) : folder_(folder), name_(name), file_(-1) {
    std::array<std::uint8_t, 8> random;
    random_bytes(random);
    temporary_ = "." + name.string() + "." + to_hex(random) + ".new";
    file_.emplace(
        ::openat(folder.fd(), temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (file_->is_open()) ::fchmod(file_->fd(), mode);
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile() {
    if (file_->is_open() && !published_) ::unlinkat(folder_.fd(), temporary_.c_str(), 0);
  }

  // False with errno: EEXIST when the name is taken.
  bool write(std::span<const std::uint8_t> bytes) {
    return file_->is_open() && write_all(file_->fd(), bytes) && ::fsync(file_->fd()) == 0;
  }
  bool publish() {
    const char* from = temporary_.c_str();
    const char* to = name_.c_str();
    published_ = ::renameat2(folder_.fd(), from, folder_.fd(), to, RENAME_NOREPLACE) == 0;
    if (!published_ && (errno == EINVAL || errno == ENOSYS)) {  // a file system without it
      if (::linkat(folder_.fd(), from, folder_.fd(), to, 0) != 0) return false;
      published_ = true;
      ::unlinkat(folder_.fd(), from, 0);
    }
    return published_;
  }

 private:
  const File& folder_;
  fs::path name_;
  std::string temporary_;
  std::optional<File> file_;
  bool published_ = false;
};

std::unexpected<Error> not_written(const fs::path& file, int error) {
  if (error == EEXIST) {
    return fail(Errc::refused, "cannot write a new identity to " + file.string() + ": the file exists",
                "musher identity show --identity " + shell_word(file.native()));
  }
  return fail(Errc::io, "cannot write a new identity to " + file.string() + ": " + because(error),
              "ls -ld " + shell_word(file.has_parent_path() ? file.parent_path().native() : "."));
}

bool exists_at(const File& folder, const fs::path& name) {
  struct stat info {};
  return ::fstatat(folder.fd(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
}

fs::path public_file_of(const fs::path& file) { return file.native() + ".pub"; }

}  // namespace

Result<Identity> Identity::load(const fs::path& file) {
  SecretBytes text(kKeyFileBytes + 1);
  const auto length = read_secret_file(file, text.bytes());
  if (!length) {
    const SecretFileProblem& problem = length.error();
    return unusable(file, problem.why, problem.missing ? new_identity(file) : problem.hint);
  }
  const std::string_view content(text.text(), *length);
  const std::string hint = "restore it from your backup, or: " + new_identity(file.native() + ".new");
  if (content.empty()) return unusable(file, "it is empty", hint);
  SecretBytes seed(kSeedBytes);
  AuthorId claimed;
  if (!is_key_file(content) || !decode_hex(content.substr(kSecretAt, kHexBytes), seed.bytes()) ||
      !decode_hex(content.substr(kPublicAt, kHexBytes), claimed.key)) {
    return unusable(file, "it is not a musher identity file", hint);
  }
  Identity identity(std::make_unique<Secret>(seed.bytes()));
  if (identity.author() != claimed) return unusable(file, "its public key is not that of its secret", hint);
  return identity;
}

Result<void> Identity::save_new(const fs::path& file) const {
  const fs::path public_file = public_file_of(file);
  const fs::path folder_path = file.has_parent_path() ? file.parent_path() : fs::path(".");
  if (!file.has_filename()) return not_written(file, EISDIR);
  const File folder(::open(folder_path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open()) return not_written(file, errno);
  if (exists_at(folder, file.filename())) return not_written(file, EEXIST);
  if (exists_at(folder, public_file.filename())) return not_written(public_file, EEXIST);

  const std::string public_hex = to_hex(author().key);
  SecretBytes text(kKeyFileBytes + 1);  // the hex of the secret ends in a NUL that the next line overwrites
  char* const to = text.text();
  kHeadLine.copy(to, kHeadLine.size());
  kSecretWord.copy(to + kHeadLine.size(), kSecretWord.size());
  sodium_bin2hex(to + kSecretAt, kHexBytes + 1, secret_->key.data(), kSeedBytes);
  to[kPublicWordAt - 1] = '\n';
  kPublicWord.copy(to + kPublicWordAt, kPublicWord.size());
  public_hex.copy(to + kPublicAt, kHexBytes);
  to[kKeyFileBytes - 1] = '\n';

  const std::string public_line = public_hex + "\n";
  NewFile secret(folder, file.filename(), 0600);
  if (!secret.write(text.bytes().first(kKeyFileBytes))) return not_written(file, errno);
  NewFile pub(folder, public_file.filename(), 0644);
  if (!pub.write({reinterpret_cast<const std::uint8_t*>(public_line.data()), public_line.size()})) {
    return not_written(public_file, errno);
  }
  if (!secret.publish()) return not_written(file, errno);
  if (!pub.publish()) {
    const int error = errno;
    ::unlinkat(folder.fd(), file.filename().c_str(), 0);
    return not_written(public_file, error);
  }
  if (::fsync(folder.fd()) != 0) {
    const int error = errno;
    ::unlinkat(folder.fd(), file.filename().c_str(), 0);
    ::unlinkat(folder.fd(), public_file.filename().c_str(), 0);
    return not_written(file, error);
  }
  return {};
}

Result<AuthorId> read_public_key(const std::string& file_or_hex) {
  AuthorId author;
  std::string what = "\"" + file_or_hex + "\"";
  if (!decode_hex(file_or_hex, author.key)) {
    const File opened(::open(file_or_hex.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    const auto no_key = [&](std::string_view why, std::string hint) {
      return fail(Errc::usage, "cannot read a public key from " + what + ": " + std::string(why), std::move(hint));
    };
    if (!opened.is_open())
      return no_key("it is neither 64 hex digits nor a file that opens",
                    "name the other's F.pub file, or its 64 hex digits");
    SecretBytes buffer(kKeyFileBytes + 1);  // it may be the secret file by mistake
    const auto length = read_up_to(opened.fd(), buffer.bytes());
    if (!length) return no_key(because(errno), "name the other's F.pub file, or its 64 hex digits");
    std::string_view text(buffer.text(), *length);
    if (is_key_file(text))
      return no_key("it is a secret key file, which stays with its owner", "use " + shell_word(file_or_hex + ".pub"));
    if (text.ends_with('\n')) text.remove_suffix(1);
    if (!decode_hex(text, author.key))
      return no_key("the file does not hold one line of 64 hex digits", "name the other's F.pub file");
  }
  if (!is_author_key(author)) {
    return fail(Errc::usage, "cannot use the public key " + what + ": it is not an Ed25519 key of prime order",
                "musher identity show prints the right one");
  }
  return author;
}

}  // namespace musher
