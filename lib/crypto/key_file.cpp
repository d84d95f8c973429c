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

#include "crypto/descriptor.hpp"
#include "crypto/file_bytes.hpp"
#include "crypto/hashing.hpp"
#include "crypto/identity_secret.hpp"
#include "crypto/new_file.hpp"
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

bool decode_hex(std::string_view hex, std::span<std::uint8_t> out) {
  std::size_t length = 0;
  const char* end = nullptr;
  const int failed = sodium_hex2bin(out.data(), out.size(), hex.data(), hex.size(), nullptr, &length, &end);
  return failed == 0 && length == out.size() && end == hex.data() + hex.size();
}

// --- reading

bool is_there(const fs::path& file) {
  struct stat info {};
  return ::lstat(file.c_str(), &info) == 0;
}

constexpr std::string_view kPublicSuffix = ".pub";

fs::path public_file_of(const fs::path& file) { return file.native() + std::string(kPublicSuffix); }

/// Where the public half alone is left.
std::string lost_secret_hint(const fs::path& file) {
  return "bring it back from your backup; or, for a new key, which has to be trusted anew: " +
         new_identity_command(file);
}

std::unexpected<Error> unusable(const fs::path& file, const std::string& why, std::string hint) {
  return fail(Errc::no_identity, "cannot use the identity " + file.string() + ": " + why, std::move(hint));
}

std::unexpected<Error> missing(const fs::path& file) {
  const fs::path public_file = public_file_of(file);
  if (!is_there(public_file)) return unusable(file, "there is no such file", new_identity_command(file));
  return unusable(file, "it is gone, and its public half alone, " + public_file.string() + ", signs nothing",
                  lost_secret_hint(file));
}

bool is_public_key_file(const fs::path& file) {
  return is_there(file) && read_public_key(fs::absolute(file).native()).has_value();
}

std::unexpected<Error> is_public_half(const fs::path& file) {
  const std::string why = "it is the public half of a key, to be given to others";
  if (!file.native().ends_with(kPublicSuffix)) return unusable(file, why, "name the secret file with --identity");
  const std::string secret = file.native().substr(0, file.native().size() - kPublicSuffix.size());
  if (!is_there(secret))
    return unusable(file, why + "; the secret one, " + secret + ", is gone", lost_secret_hint(secret));
  return unusable(file, why, "name the secret file: --identity " + shell_word(secret));
}

bool is_key_file(std::string_view text) {
  return text.size() == kKeyFileBytes && text.starts_with(kHeadLine) &&
         text.substr(kHeadLine.size(), kSecretWord.size()) == kSecretWord && text[kPublicWordAt - 1] == '\n' &&
         text.substr(kPublicWordAt, kPublicWord.size()) == kPublicWord && text.back() == '\n';
}

// --- writing

/// A whole file that has no name yet; nothing, with errno, when that fails.
std::optional<NewFile> new_file(const fs::path& file, mode_t mode, std::span<const std::uint8_t> bytes) {
  auto made = NewFile::in_folder_of(file);
  if (!made) {
    errno = made.error();
    return std::nullopt;
  }
  const int fd = made->descriptor();
  if (::fchmod(fd, mode) != 0 || !write_all(fd, bytes) || ::fsync(fd) != 0) return std::nullopt;
  return *std::move(made);
}

/// 0, or why it could not be.
int publish(NewFile& file) {
  const auto published = file.publish();
  if (!published) return published.error();
  return *published ? 0 : EEXIST;
}

std::unexpected<Error> not_written(const fs::path& file, int error) {
  if (error == EEXIST) {
    return fail(Errc::refused, "cannot write a new identity to " + file.string() + ": the file exists",
                "musher identity show --identity " + shell_word(file.native()) +
                    "; to have another in its place, first move it and its .pub away");
  }
  return fail(Errc::io, "cannot write a new identity to " + file.string() + ": " + because(error),
              "ls -ld " + shell_word(file.has_parent_path() ? file.parent_path().native() : "."));
}

std::unexpected<Error> in_the_way(const fs::path& file, const fs::path& public_file) {
  const auto lost = read_public_key(public_file.native());
  if (!lost) {
    return fail(Errc::refused,
                "cannot write a new identity to " + file.string() + ": " + public_file.string() + " exists",
                "ls -l " + shell_word(public_file.native()));
  }
  return fail(Errc::refused,
              "cannot write a new identity to " + file.string() + ": " + public_file.string() +
                  " is there, the public half of " + to_hex(lost->key) +
                  ", whose secret file is gone: without it nothing more can be written with that key",
              lost_secret_hint(file));
}

}  // namespace

std::string new_identity_command(const fs::path& file) {
  const std::string make = "musher identity new --identity " + shell_word(file.native());
  const fs::path public_file = public_file_of(file);
  if (!is_there(public_file)) return make;
  fs::path away = public_file.native() + ".lost";
  for (int number = 2; is_there(away); ++number) away = public_file.native() + ".lost" + std::to_string(number);
  return "mv " + shell_operand(public_file.native()) + " " + shell_word(away.native()) + " && " + make;
}

Result<Identity> Identity::load(const fs::path& file) {
  SecretBytes text(kKeyFileBytes + 1);
  const auto length = read_secret_file(file, text.bytes());
  if (!length) {
    const SecretFileProblem& problem = length.error();
    if (problem.missing) return missing(file);
    if (is_public_key_file(file)) return is_public_half(file);
    return unusable(file, problem.why, problem.hint);
  }
  const std::string_view content(text.text(), *length);
  const std::string hint = "restore it from your backup, or: " + new_identity_command(file.native() + ".new");
  if (content.empty()) return unusable(file, "it is empty", hint);
  SecretBytes seed(kSeedBytes);
  AuthorId claimed;
  if (is_public_key_file(file)) return is_public_half(file);
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
  const Descriptor folder(::open(folder_path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) return not_written(file, errno);
  if (is_there(file)) return not_written(file, EEXIST);
  if (is_there(public_file)) return in_the_way(file, public_file);

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
  auto secret = new_file(file, 0600, text.bytes().first(kKeyFileBytes));
  if (!secret) return not_written(file, errno);
  auto pub =
      new_file(public_file, 0644, {reinterpret_cast<const std::uint8_t*>(public_line.data()), public_line.size()});
  if (!pub) return not_written(public_file, errno);
  if (const int error = publish(*secret); error != 0) return not_written(file, error);
  if (const int error = publish(*pub); error != 0) {
    ::unlink(file.c_str());
    return not_written(public_file, error);
  }
  if (::fsync(folder.get()) != 0) {
    const int error = errno;
    ::unlink(file.c_str());
    ::unlink(public_file.c_str());
    return not_written(file, error);
  }
  return {};
}

Result<AuthorId> read_public_key(const std::string& file_or_hex) {
  AuthorId author;
  std::string what = "\"" + file_or_hex + "\"";
  if (!decode_hex(file_or_hex, author.key)) {
    const Descriptor opened(::open(file_or_hex.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    const auto no_key = [&](std::string_view why, std::string hint) {
      return fail(Errc::usage, "cannot read a public key from " + what + ": " + std::string(why), std::move(hint));
    };
    if (!opened.valid())
      return no_key("it is neither 64 hex digits nor a file that opens",
                    "name the other's F.pub file, or its 64 hex digits");
    SecretBytes buffer(kKeyFileBytes + 1);  // it may be the secret file by mistake
    const auto length = read_up_to(opened.get(), buffer.bytes());
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
