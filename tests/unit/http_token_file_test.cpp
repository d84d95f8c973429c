#include <catch2/catch.hpp>

#include <sys/stat.h>

#include "crypto/hashing.hpp"
#include "http/token_file.hpp"
#include "support/temp_folder.hpp"

using namespace musher;
using namespace musher::http;
using namespace musher::testing;
using Catch::Matchers::Contains;

namespace {

const std::string kFirst = "0123456789abcdef";
const std::string kSecond = "fedcba9876543210-._~+/=";

void check_refused(const std::string& text, const std::string& where, const std::string& why) {
  CAPTURE(text);
  const auto table = TokenTable::parse(text, "/etc/tokens");
  REQUIRE_FALSE(table);
  CHECK(table.error().code == Errc::usage);
  CHECK_THAT(table.error().what, Contains(where) && Contains(why));
  CHECK_THAT(table.error().hint, Contains("NAME TOKEN read-only"));
  CHECK_THAT(table.error().what, !Contains(kFirst) && !Contains("01234567"));
}

}  // namespace

TEST_CASE("token file: names, tokens and read-only are read; comments and blanks are not", "[http]") {
  const auto table =
      TokenTable::parse("# people\n\n  alice " + kFirst + "\n\tci\t" + kSecond + "  read-only \r\n#x", "tokens");
  REQUIRE(table);
  CHECK(table->size() == 2);
  const auto alice = table->find(token_digest(kFirst));
  REQUIRE(alice);
  CHECK(alice->name == "alice");
  CHECK_FALSE(alice->read_only);
  const auto ci = table->find(token_digest(kSecond));
  REQUIRE(ci);
  CHECK(ci->name == "ci");
  CHECK(ci->read_only);
  CHECK_FALSE(table->find(token_digest(kFirst + "0")));
  CHECK_FALSE(table->find(token_digest(kFirst.substr(1))));
  CHECK_FALSE(table->find(token_digest("")));
}

TEST_CASE("token file: a line that means nothing is refused with its number, and no token is shown", "[http]") {
  const std::string good = "alice " + kFirst + "\n";
  check_refused(good + "bob\n", "/etc/tokens:2:", "there is no token");
  check_refused("bob 0123456789abcde\n", "/etc/tokens:1:", "shorter than 16");
  check_refused("\n\nbob " + kFirst + " readonly\n", "/etc/tokens:3:", "a word that is not read-only");
  check_refused("bob " + kFirst + " read-only too\n", "/etc/tokens:1:", "more after read-only");
  check_refused(good + "alice " + kSecond + "\n", "/etc/tokens:2:", "the name alice comes twice");
  check_refused(good + "bob " + kFirst + "\n", "/etc/tokens:2:", "the token is also that of alice");
  check_refused("bob 0123456789abcdef\xc3\xa4\n", "/etc/tokens:1:", "characters other than");
  check_refused(
      "b\x01"
      "b " +
          kFirst,
      "/etc/tokens:1:", "not UTF-8");
  check_refused(std::string(129, 'n') + " " + kFirst, "/etc/tokens:1:", "longer than 128");
}

TEST_CASE("token file: without a token it is refused: a server that asks nobody would be the surprise", "[http]") {
  check_refused("", "/etc/tokens:", "there is no token in it");
  check_refused("# alice\n", "/etc/tokens:", "there is no token in it");
}

TEST_CASE("token file: it is held to the rule of key files", "[http]") {
  const TempFolder folder;
  const auto file = folder / "tokens";
  const auto missing = TokenTable::load(file);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == Errc::usage);
  CHECK_THAT(missing.error().what, Contains(file.string()) && Contains("there is no such file"));
  CHECK_THAT(missing.error().hint, Contains("openssl rand -hex 32") && Contains(file.string()));

  write_file(file, "alice " + kFirst + "\n");
  ::chmod(file.c_str(), 0640);
  const auto open_to_group = TokenTable::load(file);
  REQUIRE_FALSE(open_to_group);
  CHECK_THAT(open_to_group.error().what, Contains("group or others may use it (mode 0640)"));
  CHECK_THAT(open_to_group.error().hint, Contains("chmod 600"));

  ::chmod(file.c_str(), 0600);
  CHECK(TokenTable::load(file));
  std::filesystem::create_symlink(file, folder / "link");
  CHECK_THAT(TokenTable::load(folder / "link").error().what, Contains("symbolic link"));
  write_file(file, std::string(kLargestTokenFile + 1, '#'));
  CHECK_THAT(TokenTable::load(file).error().what, Contains("over 64 KiB"));
}
