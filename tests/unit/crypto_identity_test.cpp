#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <set>

#include "crypto/hashing.hpp"
#include "crypto/identity.hpp"
#include "crypto/signature.hpp"
#include "model/text.hpp"
#include "support/signed_ops.hpp"
#include "support/skip.hpp"

using namespace musher;
using namespace musher::testing;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;
namespace fs = std::filesystem;

namespace {

/// A folder of its own, gone with the test.
class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("musher-identity-" + to_hex(random_id<Salt>().bytes))) {
    fs::create_directory(path_);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path_); }
  [[nodiscard]] fs::path operator/(const char* name) const { return path_ / name; }
  [[nodiscard]] std::set<std::string> names() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(path_)) names.insert(entry.path().filename());
    return names;
  }

 private:
  fs::path path_;
};

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write(const fs::path& file, const std::string& text, mode_t mode = 0600) {
  std::ofstream(file, std::ios::binary) << text;
  ::chmod(file.c_str(), mode);
}

mode_t mode_of(const fs::path& file) {
  struct stat info {};
  REQUIRE(::lstat(file.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

std::string key_text(const std::string& secret, const std::string& shown) {
  return "musher identity 1\nsecret " + secret + "\npublic " + shown + "\n";
}

const std::string kSecretHex(64, '1');  // the seed of 32 bytes 0x11
std::string public_hex() { return to_hex(identity_of(0x11).author().key); }
std::string good_text() { return key_text(kSecretHex, public_hex()); }

/// Loading is refused for this reason, with this next command, and without a digit of the key in the message.
void check_refused(const fs::path& file, const std::string& why, const std::string& hint) {
  const auto loaded = Identity::load(file);
  REQUIRE_FALSE(loaded);
  const Error& error = loaded.error();
  CHECK(error.code == Errc::no_identity);
  CHECK_THAT(error.what, Contains(file.string()) && Contains(why));
  CHECK_THAT(error.hint, Contains(hint));
  CHECK_THAT(error.what + error.hint, !Contains("11111111"));
}

}  // namespace

TEST_CASE("identity: generated ones differ, those of one seed do not", "[crypto]") {
  CHECK(Identity::generate().author() != Identity::generate().author());
  CHECK(identity_of(1).author() == identity_of(1).author());
  CHECK(is_author_key(Identity::generate().author()));
  // RFC 8032, 7.1, test 1
  std::array<std::uint8_t, 32> seed{};
  REQUIRE(from_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", seed));
  CHECK(to_hex(Identity::from_seed(seed).author().key) ==
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
}

TEST_CASE("identity: a saved key is loaded again, and its files are as the format has them", "[crypto]") {
  const Folder folder;
  const fs::path file = folder / "pipeline.db.key";
  const Identity identity = identity_of(0x11);
  const mode_t umask_before = ::umask(077);
  REQUIRE(identity.save_new(file));
  ::umask(umask_before);
  CHECK(text_of(file) == good_text());
  CHECK(text_of(folder / "pipeline.db.key.pub") == public_hex() + "\n");
  CHECK(mode_of(file) == 0600);
  CHECK(mode_of(folder / "pipeline.db.key.pub") == 0644);
  CHECK(folder.names() == std::set<std::string>{"pipeline.db.key", "pipeline.db.key.pub"});

  const auto loaded = Identity::load(file);
  REQUIRE(loaded);
  CHECK(loaded->author() == identity.author());
  CHECK(signature_holds(identity.author(), op_id_of(1), loaded->sign(op_id_of(1))));
}

TEST_CASE("identity: an existing key or public key is never overwritten", "[crypto]") {
  const Folder folder;
  const fs::path file = folder / "a key";
  for (const fs::path& there : {file, folder / "a key.pub"}) {
    write(there, "precious");
    const auto saved = Identity::generate().save_new(file);
    REQUIRE_FALSE(saved);
    CHECK(saved.error().code == Errc::refused);
    CHECK_THAT(saved.error().what, Contains(there.string()) && Contains("exists"));
    CHECK_THAT(saved.error().hint, Contains(there == file ? "musher identity show --identity '" : "ls -l '"));
    CHECK(text_of(there) == "precious");
    CHECK(folder.names() == std::set<std::string>{there.filename()});
    fs::remove(there);
  }
  fs::create_symlink(folder / "nowhere", file);
  CHECK(Identity::generate().save_new(file).error().code == Errc::refused);
  CHECK_FALSE(fs::exists(folder / "nowhere"));
}

TEST_CASE("identity: where the public half of a lost key is, that is what is said, and what is to be typed works",
          "[crypto]") {
  const Folder folder;
  const fs::path file = folder / "a key";
  const fs::path pub = folder / "a key.pub";
  const Identity lost = Identity::generate();
  const std::string key = to_hex(lost.author().key);
  const std::string word = "'" + file.string();
  for (const char* const away : {"a key.pub.lost", "a key.pub.lost2"}) {
    write(pub, key + "\n");
    const std::string make =
        "mv " + word + ".pub' '" + (folder / away).string() + "' && musher identity new --identity " + word + "'";
    CHECK(new_identity_command(file) == make);
    const auto saved = Identity::generate().save_new(file);
    REQUIRE_FALSE(saved);
    CHECK(saved.error().code == Errc::refused);
    CHECK_THAT(saved.error().what, Contains("the public half of " + key + ", whose secret file is gone"));
    CHECK_THAT(saved.error().hint, StartsWith("bring it back from your backup; or, ") && EndsWith(make));
    check_refused(file, "it is gone, and its public half alone", make);
    check_refused(pub, "it is the public half of a key, to be given to others; the secret one, " + file.string(), make);
    fs::rename(pub, folder / away);
  }
  CHECK(new_identity_command(file) == "musher identity new --identity " + word + "'");
  REQUIRE(lost.save_new(file));
  check_refused(pub, "it is the public half of a key, to be given to others",
                "name the secret file: --identity " + word + "'");
  ::chmod(pub.c_str(), 0600);
  check_refused(pub, "it is the public half of a key, to be given to others", "name the secret file");
  write(folder / "given", key + "\n");
  check_refused(folder / "given", "it is the public half of a key", "name the secret file with --identity");
}

TEST_CASE("identity: a folder that cannot be written leaves nothing behind", "[crypto]") {
  const Folder folder;
  const auto missing = Identity::generate().save_new(folder / "missing/key");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == Errc::io);
  CHECK_THAT(missing.error().what, Contains("No such file or directory"));
  CHECK_THAT(missing.error().hint, Contains("missing"));
  write(folder / "file", "x");
  CHECK(Identity::generate().save_new(folder / "file/key").error().code == Errc::io);
  CHECK(Identity::generate().save_new("/proc/self/key").error().code == Errc::io);
  CHECK(folder.names() == std::set<std::string>{"file"});
}

TEST_CASE("identity: a missing key file is never made on the way", "[crypto]") {
  const Folder folder;
  const fs::path file = folder / "key";
  check_refused(file, "there is no such file", "musher identity new --identity " + file.string());
  check_refused(folder / "key/under/it", "there is no such file", "musher identity new");
  CHECK(folder.names().empty());
}

TEST_CASE("identity: a key file that group or others may use is refused", "[crypto]") {
  const Folder folder;
  const fs::path file = folder / "key";
  write(file, good_text());
  for (const mode_t mode : std::initializer_list<mode_t>{0640, 0604, 0620, 0602, 0610, 0601, 0644, 0666, 0777}) {
    ::chmod(file.c_str(), mode);
    CAPTURE(mode);
    check_refused(file, "group or others may use it (mode 0", "chmod 600 " + file.string());
  }
  for (const mode_t mode : std::initializer_list<mode_t>{0600, 0400, 0700}) {
    ::chmod(file.c_str(), mode);
    CHECK(Identity::load(file));
  }
}

TEST_CASE("identity: a secret mounted 0440 by root is taken, any wider mode is not", "[crypto]") {
  if (::geteuid() != 0) MUSHER_SKIP("needs root");
  const Folder folder;
  const fs::path file = folder / "key";
  write(file, good_text(), 0440);
  CHECK(Identity::load(file));
  for (const mode_t mode : std::initializer_list<mode_t>{0444, 0460, 0640, 0450, 02440}) {
    ::chmod(file.c_str(), mode);
    CAPTURE(mode);
    CHECK(Identity::load(file).has_value() == false);
  }
}

TEST_CASE("identity: another user's key file is refused", "[crypto]") {
  if (::geteuid() != 0) MUSHER_SKIP("needs root");
  const Folder folder;
  const fs::path file = folder / "key";
  write(file, good_text());
  REQUIRE(::chown(file.c_str(), 65534, 65534) == 0);
  check_refused(file, "it belongs to another user (uid 65534)", "ls -l " + file.string());
}

TEST_CASE("identity: a symbolic link, a folder, a pipe and a device are no key files", "[crypto]") {
  const Folder folder;
  write(folder / "real", good_text());
  fs::create_symlink(folder / "real", folder / "link");
  check_refused(folder / "link", "it is a symbolic link", "readlink -f");
  fs::create_directory(folder / "folder");
  check_refused(folder / "folder", "it is not a regular file", "ls -l");
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  check_refused(folder / "pipe", "it is not a regular file", "ls -l");
  check_refused("/dev/null", "it is not a regular file", "ls -l");
}

TEST_CASE("identity: a key file that is empty, cut, padded or not one is refused", "[crypto]") {
  const Folder folder;
  const fs::path file = folder / "key";
  const std::string good = good_text();
  const auto check = [&](const std::string& text, const std::string& why) {
    CAPTURE(text);
    write(file, text);
    check_refused(file, why, "musher identity new --identity");
  };
  check("", "it is empty");
  for (std::size_t size = 1; size < good.size(); ++size)
    check(good.substr(0, size), "it is not a musher identity file");
  check(good + "\n", "it is not a musher identity file");
  check(good + good, "it is not a musher identity file");
  check(std::string(1 << 20, '\0'), "it is not a musher identity file");
  check("\xEF\xBB\xBF" + good, "it is not a musher identity file");
  std::string changed = good;
  changed[16] = '2';  // identity 2
  check(changed, "it is not a musher identity file");
  changed = good;
  changed[30] = 'g';
  check(changed, "it is not a musher identity file");
  changed = good;
  changed[good.size() - 2] = ' ';
  check(changed, "it is not a musher identity file");
  check("-----BEGIN OPENSSH PRIVATE KEY-----\n", "it is not a musher identity file");
}

TEST_CASE("identity: a public key that is not the secret's is refused", "[crypto]") {
  const Folder folder;
  const fs::path file = folder / "key";
  write(file, key_text(kSecretHex, to_hex(identity_of(2).author().key)));
  check_refused(file, "its public key is not that of its secret", "musher identity new --identity");
}

TEST_CASE("read_public_key: 64 hex digits, or the file with them", "[crypto]") {
  const Folder folder;
  const fs::path file = folder / "key.pub";
  const AuthorId author = identity_of(0x11).author();
  CHECK(read_public_key(public_hex()).value() == author);
  for (const std::string& text : {public_hex(), public_hex() + "\n"}) {
    write(file, text, 0644);
    CHECK(read_public_key(file).value() == author);
  }
}

TEST_CASE("read_public_key: anything else is a usage error that says what to name", "[crypto]") {
  const Folder folder;
  const fs::path file = folder / "key";
  const auto check = [&](const std::string& text, const std::string& why, const std::string& hint) {
    CAPTURE(text);
    const auto read = read_public_key(text);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == Errc::usage);
    CHECK_THAT(read.error().what, Contains(why));
    CHECK_THAT(read.error().hint, Contains(hint));
    CHECK_THAT(read.error().what + read.error().hint, !Contains(kSecretHex));
  };
  check("", "neither 64 hex digits nor a file", "F.pub");
  check(public_hex().substr(1), "neither 64 hex digits nor a file", "F.pub");
  check(file, "neither 64 hex digits nor a file", "F.pub");
  check(file.parent_path(), "Is a directory", "F.pub");
  write(file, good_text());
  check(file, "it is a secret key file", file.string() + ".pub");
  for (const std::string& text : {std::string(), public_hex() + "\n\n", public_hex() + " x", std::string("x")}) {
    write(file, text);
    check(file, "does not hold one line of 64 hex digits", "F.pub");
  }
  check(std::string(64, '0'), "not an Ed25519 key of prime order", "musher identity show");
}
