// Several users on one machine, one log: two members of a group and root, whatever their umask and main group.

#include <grp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <filesystem>

#include "oplog/companion_file.hpp"
#include "oplog/file_facts.hpp"
#include "support/process.hpp"
#include "support/scratch_log.hpp"

using namespace musher;
using namespace musher::testing;
namespace fs = std::filesystem;

namespace {

const char* const kTeamName = "users";  // a group of every Debian

gid_t team() { return getgrnam(kTeamName)->gr_gid; }

struct Person {
  const char* name;
  uid_t user;                 ///< numbers that no account of this machine has
  std::vector<gid_t> groups;  ///< the first is the main one
};

const Person& ann() {
  static const Person person{"ann", 70'001, {70'001, team()}};
  return person;
}
const Person& ben() {
  static const Person person{"ben", 70'002, {70'002, team()}};
  return person;
}
const Person& eve() {
  static const Person person{"eve", 70'003, {70'003}};
  return person;
}
const Person& root() {
  static const Person person{"root", 0, {0}};
  return person;
}

/// A folder that the team shares; setgid or not.
class SharedFolder {
 public:
  explicit SharedFolder(mode_t mode) {
    REQUIRE(chown(folder_.path().c_str(), 0, team()) == 0);
    REQUIRE(chmod(folder_.path().c_str(), mode) == 0);
  }
  [[nodiscard]] std::string log() const { return folder_ / "pipeline.db"; }
  [[nodiscard]] const fs::path& path() const { return folder_.path(); }

 private:
  TempFolder folder_;
};

/// Runs something as a person with a umask; what it throws or returns but "" is the answer.
std::string as(const Person& person, mode_t mask, const std::function<std::string()>& work) {
  Child child = Child::fork([&](const Child::Voice& voice) {
    umask(mask);
    if (person.user != 0) become(person.user, person.groups);
    voice.say(work());
    return 0;
  });
  const auto answer = child.read_line();
  const ChildOutcome outcome = child.wait();
  return answer.value_or("") + outcome.err;
}

/// Owner, group and mode of a companion that are not the log's, in words. A member of the group owns what he makes.
std::string differences(const std::string& log, const std::vector<uid_t>& owners) {
  std::string found;
  const auto own = facts_of(log);
  for (const char* suffix : {".lock", "-wal", "-shm"}) {
    const auto facts = facts_of(log + suffix);
    if (!facts) {
      found += std::string(suffix) + " is missing; ";
      continue;
    }
    if (std::ranges::find(owners, facts->owner) == owners.end())
      found += std::string(suffix) + " has owner " + std::to_string(facts->owner) + "; ";
    if (facts->group != own->group) found += std::string(suffix) + " has group " + std::to_string(facts->group) + "; ";
    if (facts->permissions != own->permissions) found += std::string(suffix) + " has another mode; ";
  }
  return found;
}

std::string append_one(const std::string& path, const std::string& story, const std::vector<uid_t>& owners) {
  const auto log = must(SqliteOpLog::open(path, OpenMode::write));
  LogBuilder(*log, identity_of(1)).insert(story);
  return differences(path, owners);
}

std::string create(const std::string& path) {
  const auto log = must(SqliteOpLog::create(path, {.document = test_document(), .group = kTeamName}));
  const auto facts = facts_of(path);
  return facts->permissions == 0660 && facts->group == team() ? "" : "the log itself: " + describe_permissions(*facts);
}

}  // namespace

TEST_CASE("users: two members of a group and root write in turn, and every file beside the log stays the team's",
          "[oplog][root]") {
  const auto mode = GENERATE(mode_t{02770}, mode_t{0770}, mode_t{01777});
  CAPTURE(mode);
  const SharedFolder folder(mode);
  CHECK(as(ann(), 0077, [&] { return create(folder.log()); }) == "");
  int number = 0;
  for (const Person* person : {&root(), &ben(), &ann(), &root(), &ann(), &ben()}) {
    CAPTURE(person->name, number);
    const mode_t mask = ++number % 2 == 0 ? 0077 : 0000;
    const std::vector<uid_t> owners = person->user == 0 ? std::vector{ann().user} : std::vector{ann().user, ben().user};
    CHECK(as(*person, mask, [&] { return append_one(folder.log(), std::to_string(number), owners); }) == "");
    if (number == 3) fs::remove(folder.log() + ".lock");  // whoever comes next makes it anew
  }
  CHECK(must(must(SqliteOpLog::open(folder.log(), OpenMode::read))->count()) == 6);
}

TEST_CASE("users: members and root write at the same time", "[oplog][root]") {
  const SharedFolder folder(02770);
  CHECK(as(ann(), 0077, [&] { return create(folder.log()); }) == "");
  std::vector<Child> writers;
  for (const Person* person : {&ann(), &ben(), &root()}) {
    writers.push_back(Child::fork([&](const Child::Voice&) {
      umask(0077);
      if (person->user != 0) become(person->user, person->groups);
      for (int i = 0; i < 40; ++i) {  // each with a connection of its own, as commands at a shell
        const auto log = must(SqliteOpLog::open(folder.log(), OpenMode::write));
        LogBuilder(*log, identity_of(1)).insert(std::to_string(i));
      }
      return 0;
    }));
  }
  for (Child& writer : writers) {
    const ChildOutcome outcome = writer.wait();
    CHECK(outcome.err == "");
    CHECK(outcome.exit_code == 0);
  }
  CHECK(must(must(SqliteOpLog::open(folder.log(), OpenMode::read))->count()) == 120);
}

TEST_CASE("users: one who comes while another's -wal and -shm do not have the log's mode yet waits for them",
          "[oplog][root]") {
  const auto [mode, suffix] = GENERATE(table<mode_t, const char*>({{0600, "-shm"}, {0600, "-wal"}, {0640, "-wal"}}));
  CAPTURE(mode, suffix);
  const SharedFolder folder(02770);
  CHECK(as(ann(), 0077, [&] { return create(folder.log()); }) == "");
  Child first = Child::fork([&](const Child::Voice& voice) {
    const auto log = must(SqliteOpLog::open(folder.log(), OpenMode::write));
    must(log->count());
    voice.say("open");
    pause();
    return 0;
  });
  REQUIRE(first.read_line() == "open");
  const std::string companion = folder.log() + suffix;
  REQUIRE(chmod(companion.c_str(), mode) == 0);
  REQUIRE(chown(companion.c_str(), 0, mode == 0600 ? 0 : team()) == 0);
  Child second = Child::fork([&](const Child::Voice& voice) {
    become(ben().user, ben().groups);
    const auto log = must(SqliteOpLog::open(folder.log(), OpenMode::write));
    LogBuilder(*log, identity_of(1)).insert("one");
    voice.say("written");
    return 0;
  });
  const std::string syscall = "/proc/" + std::to_string(second.pid()) + "/syscall";
  REQUIRE(wait_until([&] { return read_file(syscall).starts_with(std::to_string(SYS_clock_nanosleep) + " "); }));
  REQUIRE(chown(companion.c_str(), ann().user, team()) == 0);
  REQUIRE(chmod(companion.c_str(), 0660) == 0);
  CHECK(second.read_line() == "written");
  CHECK(second.wait().err == "");
}

TEST_CASE("users: a member who only reads first leaves files that the others can write to", "[oplog][root]") {
  const SharedFolder folder(0770);
  CHECK(as(ann(), 0022, [&] { return create(folder.log()); }) == "");
  Child reader = Child::fork([&](const Child::Voice& voice) {
    umask(0077);
    become(ben().user, ben().groups);
    const auto log = must(SqliteOpLog::open(folder.log(), OpenMode::read));
    must(log->count());
    voice.say(log->info().copied_ms ? "copied" : differences(folder.log(), {ann().user, ben().user}));
    pause();
    return 0;
  });
  CHECK(reader.read_line() == "");
  CHECK(as(ann(), 0077, [&] { return append_one(folder.log(), "one", {ann().user, ben().user}); }) == "");
}

TEST_CASE("users: a reader whose files nobody else could write to makes a copy instead", "[oplog][root]") {
  const SharedFolder folder(0777);
  CHECK(as(ann(), 0022, [&] { return create(folder.log()); }) == "");
  REQUIRE(chmod(folder.log().c_str(), 0664) == 0);
  REQUIRE(chmod((folder.log() + ".lock").c_str(), 0664) == 0);
  CHECK(as(eve(), 0077, [&] {
          const auto log = must(SqliteOpLog::open(folder.log(), OpenMode::read));
          return log->info().copied_ms && !fs::exists(folder.log() + "-shm") ? "copied" : "read in place";
        }) == "copied");
  const auto write = as(eve(), 0077, [&] {
    const auto log = SqliteOpLog::open(folder.log(), OpenMode::write);
    return log ? "opened" : log.error().what;
  });
  CHECK(write.substr(0, write.find(": owned by")) == "may not write to " + folder.log());
}

TEST_CASE("users: a group that could not work in the folder, or that one is not in, is refused before anything is made",
          "[oplog][root]") {
  const auto answer = [](const Person& person, const std::string& path) {
    return as(person, 0077, [&] {
      const auto log = SqliteOpLog::create(path, {.document = test_document(), .group = kTeamName});
      return log ? "made" : std::string(to_string(log.error().code)) + ": " + log.error().what;
    });
  };
  const TempFolder own;
  REQUIRE(chown(own.path().c_str(), ann().user, ann().user) == 0);
  CHECK(answer(ann(), own / "pipeline.db") == "refused: the group users could not work on a log in " +
                                                  own.path().string() +
                                                  ": its members must be able to make files there");
  const SharedFolder everyones(0777);
  CHECK(answer(eve(), everyones.log()) ==
        "refused: cannot give " + everyones.log() + " to the group users: you are not in it");
  CHECK(fs::is_empty(own.path()));
  CHECK(fs::is_empty(everyones.path()));
}

TEST_CASE("users: a folder that may not be written to is named, with whose it is", "[oplog][root]") {
  const TempFolder folder;
  {
    const auto log = must(SqliteOpLog::create(folder / "pipeline.db", {.document = test_document()}));
    static_cast<void>(log);
  }
  REQUIRE(chmod(folder.path().c_str(), 0755) == 0);
  for (const char* suffix : {"", ".lock"})
    REQUIRE(chown((folder / ("pipeline.db" + std::string(suffix))).c_str(), ann().user, ann().user) == 0);
  CHECK(as(ann(), 0022,
           [&] {
             const auto log = SqliteOpLog::open(folder / "pipeline.db", OpenMode::write);
             return log ? "opened" : log.error().what;
           }) == "cannot write to " + (folder / "pipeline.db").string() + ": its folder must be writable too (" +
                     folder.path().string() + " is owned by root:root, mode 0755; you are uid 70001)");
}

TEST_CASE("users: a folder where no log can be made is named, with the reason and whose it is", "[oplog][root]") {
  const TempFolder folder;
  REQUIRE(chmod(folder.path().c_str(), 0755) == 0);
  CHECK(as(ann(), 0022,
           [&] {
             const auto log = SqliteOpLog::create(folder / "pipeline.db", {.document = test_document()});
             return log ? "made" : log.error().what;
           }) == "cannot make " + (folder / "pipeline.db").string() + ": " + folder.path().string() +
                     ": Permission denied (owned by root:root, mode 0755; you are uid 70001)");
}

TEST_CASE("users: root gives away no file of somebody else that bears the lock file's name", "[oplog][root]") {
  const SharedFolder folder(02770);
  REQUIRE(as(ann(), 0077, [&] { return create(folder.log()); }).empty());
  const std::string lock = folder.log() + ".lock";
  fs::remove(lock);
  write_file(lock, "root's own");  // moved here by ann, say
  REQUIRE(chown(lock.c_str(), 0, 0) == 0);
  REQUIRE(chmod(lock.c_str(), 0600) == 0);
  {
    const auto log = must(SqliteOpLog::open(folder.log(), OpenMode::write));
    must(log->begin_write(std::chrono::seconds(1)));
  }
  const auto facts = facts_of(lock);
  CHECK(facts->owner == 0);
  CHECK(facts->group == 0);
  CHECK(facts->permissions == 0600);
}

TEST_CASE("users: a lock file that may not be opened is named with the reason and what would help", "[oplog][root]") {
  const SharedFolder folder(02770);
  REQUIRE(as(root(), 0022, [&] { return create(folder.log()); }).empty());
  REQUIRE(as(root(), 0022, [&] { return append_one(folder.log(), "1_story", {0}); }).empty());
  REQUIRE(chmod((folder.log() + ".lock").c_str(), 0600) == 0);
  CHECK(as(ann(), 0022,
           [&] {
             const auto log = must(SqliteOpLog::open(folder.log(), OpenMode::write));
             const auto write = log->begin_write(std::chrono::seconds(1));
             return write ? "opened" : write.error().what + " | " + write.error().hint;
           }) == "cannot open " + folder.log() +
                     ".lock: Permission denied (owned by root:users, mode 0600; you are uid " +
                     "70001) | ask its owner to give it the log's mode: chmod 660 " + folder.log() + ".lock");
  // Where it has the log's mode already, that would change nothing.
  REQUIRE(chmod(folder.log().c_str(), 0600) == 0);
  CHECK(as(ann(), 0022, [&] {
          const auto facts = facts_of(folder.log());
          const auto opened = open_companion(folder.log() + ".lock", *facts, CompanionAccess::write);
          return opened ? "opened" : opened.error().hint;
        }).starts_with("who serves or writes the log must be able to write this"));
}
