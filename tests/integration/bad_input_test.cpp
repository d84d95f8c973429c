// What an operator may point a command at by mistake: the right exit code, one message that names the thing and what to
// do next, and nothing changed.

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "support/workshop.hpp"

using namespace musher::testing;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

const std::vector<Words> kReaders = {
    {"musher-inspect"}, {"musher-inspect", "stories"}, {"musher-inspect", "ops"}, {"musher-replay"}};
const std::vector<Words> kWriters = {
    {"musher-put", "--new", "1_story"}, {"musher-purge", "1_story", "--yes"}, {"musher-trust", "list"}};

std::string contents(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write(const fs::path& file, const std::string& bytes) { std::ofstream(file, std::ios::binary) << bytes; }

std::size_t lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

/// Runs a command on a log and wants this code, no answer, and an error of one line and a hint that names the file.
void check_refused(Workshop& workshop, Words words, const std::string& log, int code, const std::string& says) {
  words.insert(words.begin() + 1, {"--log", log});
  const Outcome outcome = workshop.run(words);
  std::string line;
  for (const std::string& word : words) line += word + " ";
  INFO(line << "\n" << outcome.out << outcome.err);
  CHECK(outcome.code == code);
  CHECK(outcome.out.empty());
  CHECK_THAT(outcome.err, StartsWith(words.front() + ": ") && Contains(log) && Contains(says));
  CHECK(lines(outcome.err) <= 2);

  words.push_back("--json");
  const Outcome json = workshop.run(words);
  CHECK(json.code == code);
  CHECK(json.out.empty());
  CHECK(lines(json.err) == 1);
  CHECK(workshop.json(json.err, "['exit_code']") == std::to_string(code));
}

void check_all_refused(Workshop& workshop, const std::string& log, int code, const std::string& says) {
  for (const Words& words : kReaders) check_refused(workshop, words, log, code, says);
  for (const Words& words : kWriters) check_refused(workshop, words, log, code, says);
}

/// A workshop with a log of one story.
void begin(Workshop& workshop) {
  workshop.must({"musher-init"});
  workshop.must({"musher-put", "--new", "1_story", "stage=1_backlog"});
}

}  // namespace

TEST_CASE("a log that is not there is exit 3, the hint names musher init, and nothing is made") {
  Workshop workshop;
  check_all_refused(workshop, "nowhere.db", 3, "musher init");
  for (const auto& entry : fs::directory_iterator(workshop.folder())) {
    CHECK(entry.path().filename().string() == "state");
  }
}

TEST_CASE("what is no op log is exit 3 and stays as it was") {
  Workshop workshop;
  write(workshop.file("empty.db"), "");
  write(workshop.file("text.db"), "this is a text file, and a long one at that: " + std::string(2000, 'x'));
  REQUIRE(workshop.shell("sqlite3 other.db 'create table t(a); insert into t values(1)'").code == 0);
  fs::create_directory(workshop.file("folder.db"));
  const std::string other = contents(workshop.file("other.db"));
  check_all_refused(workshop, "empty.db", 3, "");
  check_all_refused(workshop, "text.db", 3, "");
  check_all_refused(workshop, "other.db", 3, "");
  check_all_refused(workshop, "folder.db", 3, "");
  CHECK(contents(workshop.file("other.db")) == other);
  CHECK(contents(workshop.file("empty.db")).empty());
}

TEST_CASE("init refuses every path where something else is") {
  Workshop workshop;
  write(workshop.file("text.db"), "hello");
  write(workshop.file("empty.db"), "");
  fs::create_directory(workshop.file("folder.db"));
  for (const std::string name : {"text.db", "empty.db", "folder.db"}) {
    const Outcome outcome = workshop.run({"musher-init", "--log", name});
    INFO(name << outcome.err);
    CHECK(outcome.code == 5);
    CHECK_FALSE(fs::exists(workshop.file(name + ".key")));
  }
  CHECK(contents(workshop.file("text.db")) == "hello");
}

TEST_CASE("a log of a newer format is exit 3, and says so") {
  Workshop workshop;
  begin(workshop);
  workshop.sql("pragma user_version = 99");
  check_all_refused(workshop, "pipeline.db", 3, "99");
}

TEST_CASE("a log that was cut off is never a good one") {
  Workshop workshop;
  begin(workshop);
  fs::resize_file(workshop.log(), fs::file_size(workshop.log()) / 2 + 100);
  for (const Words& words : kReaders) {
    const Outcome outcome = workshop.run(words);
    INFO(words.front() << outcome.out << outcome.err);
    CHECK((outcome.code == 1 || outcome.code == 3));
    CHECK_FALSE(outcome.err.empty());
  }
}

TEST_CASE("a log with two names is read, and refused for writing with the reason") {
  Workshop workshop;
  begin(workshop);
  fs::create_hard_link(workshop.log(), workshop.file("second.db"));
  const Outcome outcome = workshop.run({"musher-put", "1_story", "stage=x"});
  CHECK(outcome.code == 5);
  CHECK_THAT(outcome.err, Contains("link"));
  workshop.must({"musher-inspect", "stories"});
}

TEST_CASE(
    "a dry run ends as the real run would: a log with two names, a held lock, a folder that cannot be written to") {
  Workshop workshop;
  begin(workshop);
  const Words dry{"musher-purge", "1_story", "-n"};
  CHECK(workshop.run(dry).code == 0);
  const std::string before = contents(workshop.log());
  fs::create_hard_link(workshop.log(), workshop.file("second.db"));
  CHECK(workshop.run(dry).code == 5);
  fs::remove(workshop.file("second.db"));
  workshop.set("MUSHER_LOCK_TIMEOUT", "100ms");
  const Outcome held = workshop.shell("flock pipeline.db.lock musher-purge 1_story -n");
  INFO(held.out << held.err);
  CHECK(held.code == 6);
  CHECK(held.out.empty());
  CHECK(workshop.run(dry).code == 0);
  CHECK(contents(workshop.log()) == before);
}

TEST_CASE("a symbolic link to nothing: the hint makes the log that it points to") {
  Workshop workshop;
  fs::create_symlink("target.db", workshop.file("link.db"));
  const Outcome outcome = workshop.run({"musher-inspect", "--log", "link.db"});
  CHECK(outcome.code == 3);
  CHECK_THAT(outcome.err, Contains("to make a new one: musher init --log ") && Contains("/target.db"));
  workshop.must({"musher-init", "--log", "target.db"});
  workshop.must({"musher-inspect", "--log", "link.db"});
}

TEST_CASE("a story that was not there yet at --at is not called a typo") {
  Workshop workshop;
  begin(workshop);
  workshop.must({"musher-put", "--new", "2_story", "stage=1_backlog"});
  for (const Words& words : {Words{"musher-inspect", "story", "2_story", "--at", "row:1"},
                             Words{"musher-replay", "--story", "2_story", "--at", "row:1"}}) {
    const Outcome outcome = workshop.run(words);
    INFO(words.front() << outcome.err);
    CHECK(outcome.code == 1);
    CHECK_THAT(outcome.err, Contains("was not there yet at row 1") && Contains("leave out --at"));
    CHECK_THAT(outcome.err, !Contains("did you mean"));
  }
}

TEST_CASE("every usage error says what to run next") {
  Workshop workshop;
  begin(workshop);
  for (const Words& words : {Words{"musher-inspect", "--log", ""}, Words{"musher-inspect", "--config", ""},
                             Words{"musher-inspect", "--server", ""}, Words{"musher-verify-order", "--state", ""},
                             Words{"musher-verify-order", "--state", "none", "--require-state"},
                             Words{"musher-init", "--log", "folder/.."}}) {
    const Outcome outcome = workshop.run(words);
    INFO(words.front() << " " << words.back() << ": " << outcome.err);
    CHECK((outcome.code == 2 || outcome.code == 5));
    CHECK_THAT(outcome.err, Contains("hint: "));
  }
}

TEST_CASE("a log that is named through a symbolic link is the log itself, lock and all") {
  Workshop workshop;
  begin(workshop);
  fs::create_directory(workshop.file("elsewhere"));
  fs::create_symlink(workshop.log(), workshop.file("elsewhere/link.db"));
  workshop.must({"musher-put", "--log", "elsewhere/link.db", "1_story", "stage=2_current"});
  CHECK(workshop.json(workshop.must({"musher-inspect", "story", "1_story", "--json"}),
                      "['story']['fields']['stage']") == "2_current");
  CHECK_FALSE(fs::exists(workshop.file("elsewhere/link.db.lock")));
  CHECK_FALSE(fs::exists(workshop.file("elsewhere/link.db.key")));
}

TEST_CASE("a log whose companion is another's -wal, or that was left by a killed writer, is read without loss") {
  Workshop workshop;
  begin(workshop);
  // The writer is gone before it could tidy up: rows are in the -wal alone.
  REQUIRE(workshop
              .shell("(echo 'pragma wal_autocheckpoint=0; update authors set name = \"renamed\";'; kill -9 $$) | "
                     "sqlite3 pipeline.db; true")
              .code >= 0);
  workshop.must({"musher-replay"});
  workshop.must({"musher-put", "1_story", "stage=2_current"});
}

TEST_CASE("reading commands leave every byte of the log as it was") {
  Workshop workshop;
  begin(workshop);
  workshop.must({"musher-purge", "1_story", "--yes"});
  const std::string before = contents(workshop.log());
  for (const Words& words :
       {Words{"musher-inspect"}, Words{"musher-inspect", "stories"}, Words{"musher-inspect", "story", "1_story"},
        Words{"musher-inspect", "ops"}, Words{"musher-inspect", "authors"}, Words{"musher-inspect", "heads"},
        Words{"musher-inspect", "quarantine"}, Words{"musher-inspect", "--copy"}, Words{"musher-replay"},
        Words{"musher-purge", "--list"}, Words{"musher-purge", "1_story", "-n"}, Words{"musher-trust", "list"}}) {
    workshop.must(words);
    CHECK(contents(workshop.log()) == before);
  }
}

TEST_CASE("a key that is missing, open to others, cut off or another's is exit 5, and says what to type") {
  Workshop workshop;
  begin(workshop);
  const fs::path key = workshop.file("pipeline.db.key");
  const Words put{"musher-put", "1_story", "stage=x"};
  const std::string good = contents(key);

  fs::permissions(key, fs::perms::owner_read | fs::perms::group_read);
  ::chmod(key.c_str(), 0644);
  const Outcome open_to_others = workshop.run(put);
  CHECK(open_to_others.code == 5);
  CHECK_THAT(open_to_others.err, Contains("chmod 600"));
  ::chmod(key.c_str(), 0600);

  for (const std::string& bytes :
       {std::string(), std::string("no key"), good.substr(0, good.size() - 10), good + "more\n"}) {
    write(key, bytes);
    const Outcome broken = workshop.run(put);
    INFO(broken.err);
    CHECK(broken.code == 5);
    CHECK_THAT(broken.err, Contains(key.filename().string()));
    CHECK(broken.err.find(good.substr(25, 20)) == std::string::npos);  // no part of the secret
  }
  fs::remove(key);
  const Outcome missing = workshop.run(put);
  CHECK(missing.code == 5);
  CHECK_FALSE(fs::exists(key));
  CHECK(workshop.run({"musher-init"}).code == 5);  // never a new one in silence

  workshop.must({"musher-identity", "new", "--identity", "stranger.key"});
  const Outcome stranger = workshop.run({"musher-put", "--identity", "stranger.key", "1_story", "stage=x"});
  CHECK(stranger.code == 5);
  CHECK_THAT(stranger.err, Contains("musher trust --log") && Contains(" add "));
}

TEST_CASE("an unknown flag, view, order, point in time or configuration key is exit 2 and does nothing") {
  Workshop workshop;
  begin(workshop);
  const std::string before = contents(workshop.log());
  write(workshop.file("bad.toml"), "lgo = \"pipeline.db\"\n");
  const std::vector<Words> mistakes = {{"musher-put", "--nwe", "2_story"},
                                       {"musher-purge", "1_story", "--yes", "--dry-rnu"},
                                       {"musher-inspect", "storys"},
                                       {"musher-inspect", "story"},
                                       {"musher-inspect", "stories", "--at", "yesterdayish"},
                                       {"musher-inspect", "stories", "--at", "row:99"},
                                       {"musher-replay", "--order", "time"},
                                       {"musher-replay", "--crypto", "openssl"},
                                       {"musher-replay", "--order", "seq", "--crypto", "libsodium"},
                                       {"musher-verify-order", "--crypto", "libsodum"},
                                       {"musher-verify-order", "--checks", "row", "--crypto", "libsodium"},
                                       {"musher-replay", "--order", "seq", "--compare", "seq"},
                                       {"musher-trust", "ad", "x", "y"},
                                       {"musher-trust", "add", "nokey", "name"},
                                       {"musher-identity", "renew"},
                                       {"musher-init", "--document", "xyz"},
                                       {"musher-put", "1_story"},
                                       {"musher-put", "1_story", "novalue"},
                                       {"musher-put", "1_story", "a=1", "a=2"},
                                       {"musher-put", "1_story", "story_id=2"},
                                       {"musher-put", "1_story", "n:=9007199254740993"},
                                       {"musher-put", "1_story", "n:={\"a\":1,\"a\":2}"},
                                       {"musher-inspect", "--config", "bad.toml"}};
  for (const Words& words : mistakes) {
    const Outcome outcome = workshop.run(words);
    INFO(words[0] << " " << words[1] << "\n" << outcome.err);
    CHECK(outcome.code == 2);
    CHECK(outcome.out.empty());
    CHECK_FALSE(outcome.err.empty());
  }
  CHECK_THAT(workshop.run({"musher-inspect", "--config", "bad.toml"}).err, Contains("bad.toml:1:1") && Contains("log"));
  CHECK(contents(workshop.log()) == before);
}

TEST_CASE("arguments with control bytes or of a megabyte are refused or stored, and never sent to the terminal raw") {
  Workshop workshop;
  begin(workshop);
  const std::string hostile = "1\x1b[31m_\xe2\x80\xae story\x07";
  const Outcome unknown = workshop.run({"musher-inspect", "story", hostile});
  CHECK(unknown.code == 2);
  CHECK(unknown.err.find('\x1b') == std::string::npos);
  CHECK(unknown.err.find("\xe2\x80\xae") == std::string::npos);
  CHECK(workshop.run({"musher-put", "--new", hostile}).code == 2);

  const std::string megabyte(100'000, 'a');  // one argument may have 128 KiB; the limit of all is higher
  const Outcome flag = workshop.run({"musher-inspect", "--" + megabyte});
  CHECK(flag.code == 2);
  CHECK(flag.err.size() < 2000);
  const Outcome story = workshop.run({"musher-inspect", "story", megabyte});
  CHECK((story.code == 1 || story.code == 2));
  CHECK(story.err.size() < 2000);

  // The whole command line may have more: each field of a put, and no file of that name.
  Words many = {"musher-put", "1_story"};
  for (int i = 0; i < 10; ++i) many.push_back("field" + std::to_string(i) + "=" + megabyte);
  CHECK(workshop.run(many).code == 0);
  Words stories = {"musher-purge"};
  for (int i = 0; i < 10; ++i) stories.push_back(std::to_string(i) + megabyte);
  CHECK(workshop.run(stories).code == 2);
  for (const Words& words : {Words{"musher-inspect", "-l", megabyte}, Words{"musher-trust", "add", megabyte, "x"},
                             Words{"musher-verify-order", "--state", megabyte}, Words{"musher-init", "-l", megabyte},
                             Words{"musher-replay", "--compare", megabyte}}) {
    const Outcome shown = workshop.run(words);
    CAPTURE(words.front(), shown.code);
    CHECK(shown.code != 0);
    CHECK(shown.err.size() + shown.out.size() < 6000);
  }

  workshop.must({"musher-put", "1_story", "name=\x1b[31mred\xe2\x80\xae"});
  for (const Words& words : {Words{"musher-inspect", "stories"}, Words{"musher-inspect", "story", "1_story"},
                             Words{"musher-inspect", "ops"}, Words{"musher-replay"}}) {
    const std::string shown = workshop.must(words);
    CHECK(shown.find('\x1b') == std::string::npos);
    CHECK(shown.find("\xe2\x80\xae") == std::string::npos);
  }
}

TEST_CASE("a full disk under stdout is exit 7, and a reader that goes away is a quiet 141") {
  Workshop workshop;
  begin(workshop);
  const Outcome full = workshop.shell("musher-inspect ops > /dev/full");
  CHECK(full.code == 7);
  CHECK_FALSE(full.err.empty());
  const Outcome gone = workshop.shell(
      "for i in $(seq 300); do echo stage$i=x; done > many; musher-put --new 2_story - < many; "
      "(musher-inspect ops --jsonl; echo $? > code) | true; cat code");
  CHECK_THAT(gone.out, Contains("141") || Contains("0"));
  CHECK(gone.err.empty());
}

TEST_CASE("an unknown command is exit 2 with a suggestion, and musher alone lists the commands") {
  Workshop workshop;
  const Outcome typo = workshop.run({"musher", "pruge"});
  CHECK(typo.code == 2);
  CHECK_THAT(typo.err, Contains("purge"));
  const Outcome alone = workshop.run({"musher"});
  CHECK(alone.code == 0);
  for (const std::string name : {"init", "identity", "trust", "put", "purge", "inspect", "replay", "verify-order"}) {
    CHECK_THAT(alone.out, Contains(name));
  }
}

TEST_CASE("a damaged row is never shown as good: inspect and replay are exit 1 and name the row") {
  Workshop workshop;
  begin(workshop);
  workshop.sql(
      "drop trigger crdt_ops_no_update; update crdt_ops set content = '{\"stage\":\"9_forged\"}' where rowid = 1");
  for (const Words& words :
       {Words{"musher-inspect", "stories"}, Words{"musher-inspect", "story", "1_story"}, Words{"musher-replay"}}) {
    const Outcome outcome = workshop.run(words);
    INFO(words.front() << outcome.out << outcome.err);
    CHECK(outcome.code == 1);
    CHECK(outcome.out.find("9_forged") == std::string::npos);
    CHECK_THAT(outcome.out + outcome.err, Contains("digest_mismatch"));
  }
  CHECK(workshop.run({"musher-put", "1_story", "stage=x"}).code == 1);
}
