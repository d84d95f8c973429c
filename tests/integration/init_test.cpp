// init: all of a log and its key, or nothing; and never over what is there.

#include "replica/init.hpp"

#include <sys/stat.h>
#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

#include "support/workshop.hpp"

using namespace musher;
using namespace musher::testing;
namespace fs = std::filesystem;

namespace {

Result<InitReport> make(const Workshop& workshop, const fs::path& log, const std::optional<std::string>& group) {
  const Host host{[] { return std::int64_t{1'700'000'000'000}; }, workshop.file("state"), "here"};
  return init({log, workshop.file("new.key"), std::nullopt, "here", group}, host);
}

void overwrite(const fs::path& file, std::streamoff offset, const std::string& bytes) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(offset);
  stream << bytes;
}

}  // namespace

TEST_CASE("init: where the log cannot be made no key is made either") {
  const Workshop workshop;
  fs::create_directory(workshop.file("own"));
  REQUIRE(chmod(workshop.file("own").c_str(), 0700) == 0);
  fs::path log = workshop.file("own") / "pipeline.db";
  std::optional<std::string> group;
  Errc expected = Errc::usage;
  SECTION("there is no such group") { group = "nosuch"; }
  SECTION("the group could not work in the folder") {
    group = "users";
    expected = Errc::refused;
  }
  SECTION("there is no such folder") {
    log = workshop.file("nowhere") / "pipeline.db";
    expected = Errc::io;
  }
  SECTION("the name is no file's") { log = workshop.file("nowhere") / ""; }
  SECTION("the -wal of another database is there") {
    std::ofstream(log.string() + "-wal") << "x";
    expected = Errc::refused;
  }
  const auto made = make(workshop, log, group);
  REQUIRE_FALSE(made);
  CHECK(made.error().code == expected);
  CHECK_FALSE(fs::exists(workshop.file("new.key")));
  CHECK_FALSE(fs::exists(workshop.file("new.key.pub")));
  CHECK_FALSE(fs::exists(log));
}

TEST_CASE("init: a log that is there already and of another group is refused, and so is a group that nobody knows") {
  const Workshop workshop;
  const fs::path log = workshop.file("pipeline.db");
  REQUIRE(make(workshop, log, std::nullopt));
  CHECK(make(workshop, log, std::nullopt));  // again changes nothing
  const auto unknown = make(workshop, log, "nosuch");
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().code == Errc::usage);
  const auto other = make(workshop, log, "users");
  REQUIRE_FALSE(other);
  CHECK(other.error().code == Errc::refused);
  CHECK_THAT(other.error().hint, Catch::Contains("chgrp users "));
}

TEST_CASE(
    "init: whichever page of a log is damaged, it says it is there already or refuses it, and leaves it as it is") {
  const Workshop workshop;
  const fs::path log = workshop.file("pipeline.db");
  REQUIRE(make(workshop, log, std::nullopt));
  const auto size = fs::file_size(log);
  constexpr std::size_t kPage = 4096;
  std::string whole(size, '\0');
  std::ifstream(log, std::ios::binary).read(whole.data(), static_cast<std::streamsize>(size));
  std::size_t refused = 0;
  for (std::size_t at = kPage; at < size; at += kPage) {
    CAPTURE(at);
    fs::remove(log.string() + "-wal");
    fs::remove(log.string() + "-shm");
    overwrite(log, static_cast<std::streamoff>(at), std::string(kPage, '\xee'));
    const auto made = make(workshop, log, std::nullopt);
    if (!made) {
      ++refused;
      CHECK(made.error().code == Errc::refused);
      CHECK_THAT(made.error().what, Catch::StartsWith("will not make a log over what is there: "));
      CHECK_THAT(made.error().hint, Catch::Contains("verify-order"));
    }
    overwrite(log, static_cast<std::streamoff>(at), whole.substr(at, kPage));
  }
  CHECK(refused > 0);
  CHECK(make(workshop, log, std::nullopt));
}

TEST_CASE("init: a log of a newer format and one that was cut off are refused, and stay as they are") {
  const Workshop workshop;
  const fs::path log = workshop.file("pipeline.db");
  REQUIRE(make(workshop, log, std::nullopt));
  std::string what;
  SECTION("newer format") {
    overwrite(log, 60, std::string("\0\0\0\7", 4));  // user_version
    what = "has format 7";
  }
  SECTION("cut off") {
    fs::resize_file(log, fs::file_size(log) / 2);
    what = "is cut off";
  }
  const auto size = fs::file_size(log);
  const auto refused = make(workshop, log, std::nullopt);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::refused);
  CHECK(refused.error().what.find("will not make a log over what is there") == 0);
  CHECK(refused.error().what.find(what) != std::string::npos);
  CHECK(fs::file_size(log) == size);
}
