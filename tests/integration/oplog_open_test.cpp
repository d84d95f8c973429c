// Opening: every file that is not an op log, or not one that this version, user or machine can work on, is told apart,
// and none of them is changed by being looked at.

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <csignal>
#include <filesystem>
#include <map>

#include "oplog/file_facts.hpp"
#include "oplog/open_checks.hpp"
#include "support/faulty_vfs.hpp"
#include "support/process.hpp"
#include "support/raw_database.hpp"
#include "support/scratch_log.hpp"

using namespace musher;
using namespace musher::testing;
namespace fs = std::filesystem;

namespace {

constexpr uid_t kNobody = 65534;

Error error_of(const fs::path& path, OpenMode mode) {
  const auto log = SqliteOpLog::open(path, mode);
  REQUIRE_FALSE(log);
  return log.error();
}

/// Opens in every mode, checks the verdict, and that no file was changed, made or removed.
void check_refused(const fs::path& path, Errc code, const std::string& what, const std::string& hint = "") {
  const auto files = [&] {
    std::map<fs::path, std::string> bytes;
    for (const auto& entry : fs::directory_iterator(path.parent_path())) {
      bytes[entry.path()] = fs::is_regular_file(entry.symlink_status()) ? read_file(entry.path()) : "";
    }
    return bytes;
  };
  const auto before = files();
  for (const OpenMode mode : {OpenMode::read, OpenMode::read_copy, OpenMode::write}) {
    CAPTURE(static_cast<int>(mode));
    const Error error = error_of(path, mode);
    CHECK(to_string(error.code) == to_string(code));
    CHECK(error.what == what);
    CHECK_FALSE(error.hint.empty());
    if (!hint.empty()) CHECK(error.hint == hint);
  }
  CHECK(files() == before);
}

/// Overwrites bytes of a closed log.
void patch(const fs::path& path, std::size_t offset, const std::string& bytes) {
  std::string content = read_file(path);
  content.replace(offset, bytes.size(), bytes);
  write_file(path, content);
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("open: no such file, and init is named as the way to make one", "[oplog]") {
  const TempFolder folder;
  const std::string path = folder / "pipeline.db";
  check_refused(path, Errc::not_a_log, "there is no file " + path, "musher init --log " + path);
  check_refused(folder / "pipeline.db", Errc::not_a_log, "there is no file " + path);
  fs::create_symlink(folder / "elsewhere.db", folder / "link.db");
  check_refused(folder / "link.db", Errc::not_a_log,
                (folder / "link.db").string() + " is a symbolic link to a file that does not exist");
}

TEST_CASE("open: a hint can be pasted, whatever the file is called", "[oplog]") {
  const TempFolder folder;
  const std::string path = folder / "my log;$(id).db";
  check_refused(path, Errc::not_a_log, "there is no file " + path, "musher init --log '" + path + "'");
}

TEST_CASE("open: what is no regular file is named", "[oplog]") {
  const TempFolder folder;
  fs::create_directory(folder / "folder");
  REQUIRE(mkfifo((folder / "pipe").c_str(), 0600) == 0);
  const int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = folder / "socket";
  name.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  close(descriptor);
  check_refused(folder / "folder", Errc::not_a_log, (folder / "folder").string() + " is a folder");
  check_refused(folder / "pipe", Errc::not_a_log, (folder / "pipe").string() + " is a named pipe");
  check_refused(folder / "socket", Errc::not_a_log, (folder / "socket").string() + " is a socket");
  CHECK(error_of("/dev/null", OpenMode::read).what == "/dev/null is a device");
}

TEST_CASE("open: empty, text, a cut header and another program's database are told apart", "[oplog]") {
  const TempFolder folder;
  const std::string path = folder / "pipeline.db";
  write_file(path, "");
  check_refused(path, Errc::not_a_log, path + " is an empty file", "remove it, then: musher init --log " + path);
  write_file(path, "stage = backlog\n");
  check_refused(path, Errc::not_a_log, path + " is not an SQLite database");
  write_file(path, std::string(5000, 'x'));
  check_refused(path, Errc::not_a_log, path + " is not an SQLite database");
  write_file(path, std::string("SQLite format 3\0 and no more", 28));
  check_refused(path, Errc::not_a_log, path + " is cut off within its header: 28 bytes");
  fs::remove(path);
  RawDatabase(path).exec("CREATE TABLE crdt_ops (id)");
  check_refused(path, Errc::not_a_log, path + " is an SQLite database of another program (application_id 0x00000000)");
  RawDatabase(path).exec("PRAGMA application_id = 252006675");
  check_refused(path, Errc::not_a_log, path + " is an SQLite database of another program (application_id 0x0f055113)");
}

TEST_CASE("open: a newer format is refused before anything is read from it", "[oplog]") {
  const ScratchLog scratch;
  const std::string path = scratch.path();
  const std::string what = path + " has format 2; this version of musher knows formats up to 1";
  patch(scratch.path(), 60, std::string("\0\0\0\2", 4));
  check_refused(path, Errc::newer_format, what);
  patch(scratch.path(), 60, std::string("\0\0\0\0", 4));
  check_refused(path, Errc::not_a_log, path + " has musher's mark but no format number");
}

TEST_CASE("open: a newer format that is still in the -wal is refused as well", "[oplog]") {
  const ScratchLog scratch;
  Child child = Child::fork([&](const Child::Voice& voice) {
    RawDatabase raw(scratch.path());
    raw.exec("PRAGMA user_version = 7");
    voice.say("written");
    pause();
    return 0;
  });
  REQUIRE(child.read_line() == "written");
  child.signal(SIGKILL);
  CHECK(child.wait().signal == SIGKILL);
  for (const OpenMode mode : {OpenMode::read, OpenMode::read_copy, OpenMode::write}) {
    const Error error = error_of(scratch.path(), mode);
    CHECK(error.code == Errc::newer_format);
    CHECK(contains(error.what, "has format 7"));
  }
}

TEST_CASE("open: a log that was cut off is damaged, and says how much is left", "[oplog]") {
  const ScratchLog scratch;
  const std::string path = scratch.path();
  const auto size = fs::file_size(path);
  for (const auto cut : {size - 4096, size - 1, std::uintmax_t{4096}, std::uintmax_t{100}}) {
    fs::resize_file(path, cut);
    check_refused(path, Errc::damaged,
                  path + " is cut off: " + std::to_string(cut) + " bytes of " + std::to_string(size));
  }
}

TEST_CASE("open: a log that another process checkpoints at that moment is not called cut off", "[oplog]") {
  const ScratchLog scratch;
  const auto size_before = fs::file_size(scratch.path());
  FaultyVfs vfs;
  vfs.meanwhile([&] {
    Child child = Child::fork([&](const Child::Voice&) {
      RawDatabase raw(scratch.path());
      raw.exec(
          "CREATE TABLE pages (content); INSERT INTO pages VALUES (zeroblob(30000)); PRAGMA wal_checkpoint(TRUNCATE)");
      return 0;
    });
    REQUIRE(child.wait().exit_code == 0);
  });
  const auto file = check_log_file(scratch.path(), OpenMode::read);
  CHECK((file ? "" : file.error().what) == "");
  CHECK(fs::file_size(scratch.path()) > size_before);
}

TEST_CASE("open: a header with an impossible page size is damaged", "[oplog]") {
  const ScratchLog scratch;
  patch(scratch.path(), 16, std::string("\x11\x00", 2));
  check_refused(scratch.path(), Errc::damaged,
                scratch.path().string() + " has a damaged header: no page has 4352 bytes");
}

TEST_CASE("open: a log whose first page is garbage behind the header is damaged, and verify-order is named",
          "[oplog]") {
  const ScratchLog scratch;
  patch(scratch.path(), 100, std::string(3000, 'x'));
  for (const OpenMode mode : {OpenMode::read, OpenMode::read_copy, OpenMode::write}) {
    const Error error = error_of(scratch.path(), mode);
    CHECK(error.code == Errc::damaged);
    CHECK(error.hint == "musher verify-order --log " + scratch.path().string());
  }
}

TEST_CASE("open: a log without its meta rows or tables is damaged", "[oplog]") {
  const auto [sql, what] = GENERATE(table<const char*, const char*>({
      {"DELETE FROM meta WHERE key = 'log'", "its meta rows are not all there"},
      {"UPDATE meta SET value = x'00' WHERE key = 'document'", "its document id is malformed"},
      {"DROP TABLE meta", "no such table: meta"},
  }));
  const ScratchLog scratch;
  RawDatabase(scratch.path()).exec(sql);
  const Error error = error_of(scratch.path(), OpenMode::read);
  CHECK(error.code == Errc::damaged);
  CHECK(contains(error.what, what));
}

TEST_CASE("open: a log of another user says whose it is", "[oplog][root]") {
  const ScratchLog scratch;
  fs::permissions(scratch.folder().path(), fs::perms(0755));
  const std::string owned = scratch.path().string() + ": owned by root:root, mode 0600; you are nobody";
  for (const auto& [mode, verb] :
       {std::pair{OpenMode::read, "read"}, {OpenMode::read_copy, "read"}, {OpenMode::write, "write to"}}) {
    Child child = Child::fork([&, mode = mode](const Child::Voice& voice) {
      become(kNobody, {kNobody});
      const auto log = SqliteOpLog::open(scratch.path(), mode);
      voice.say(log ? "opened" : std::string(to_string(log.error().code)) + " " + log.error().what);
      return 0;
    });
    CHECK(child.read_line() == std::string("io may not ") + verb + " " + owned);
    CHECK(child.wait().exit_code == 0);
  }
}

TEST_CASE("open: a copy that VACUUM INTO made is read as it is, and its first writer brings it to WAL mode",
          "[oplog]") {
  const ScratchLog scratch;
  {
    const auto log = scratch.open();
    LogBuilder(*log, identity_of(1)).insert("478");
  }
  const fs::path copy = scratch.folder() / "backup.db";
  RawDatabase(scratch.path()).exec("VACUUM INTO '" + copy.string() + "'");
  const std::string bytes = read_file(copy);
  CHECK(must(must(SqliteOpLog::open(copy, OpenMode::read))->count()) == 1);
  CHECK(read_file(copy) == bytes);
  CHECK_FALSE(fs::exists(copy.string() + "-wal"));
  {
    const auto log = must(SqliteOpLog::open(copy, OpenMode::write));
    CHECK(must(log->schema_differences()).empty());
    LogBuilder(*log, identity_of(1)).insert("479");
    CHECK(fs::exists(copy.string() + "-wal"));
  }
  CHECK(must(must(SqliteOpLog::open(copy, OpenMode::read))->count()) == 2);
  CHECK(RawDatabase(copy).value("PRAGMA journal_mode") == "wal");
}

TEST_CASE("open: a backup put in the place of a log whose -wal is still there is refused", "[oplog]") {
  const ScratchLog scratch;
  const fs::path copy = scratch.folder() / "backup.db";
  RawDatabase(scratch.path()).exec("VACUUM INTO '" + copy.string() + "'");
  write_file(copy.string() + "-wal", "frames of another database");
  check_refused(
      copy, Errc::refused,
      copy.string() + "-wal was left by another database than " + copy.string() + " (a backup was put in its place?)",
      "move " + copy.string() + "-wal away");
}

TEST_CASE("open: a rollback journal beside a copy is somebody's unfinished change", "[oplog]") {
  const ScratchLog scratch;
  const fs::path copy = scratch.folder() / "backup.db";
  RawDatabase(scratch.path()).exec("VACUUM INTO '" + copy.string() + "'");
  write_file(copy.string() + "-journal", "half a change");
  const Error error = error_of(copy, OpenMode::read);
  CHECK(error.code == Errc::io);
  CHECK(contains(error.what, "is in the middle of a change by another program"));
}

TEST_CASE("open: what stands under the name of -wal, -shm or -journal and is no file of its own is refused at once",
          "[oplog]") {
  const std::string suffix = GENERATE("-wal", "-shm", "-journal");
  CAPTURE(suffix);
  const ScratchLog scratch;
  const std::string path = scratch.path(), companion = path + suffix;
  const auto refused = [&](const std::string& what) {
    check_refused(path, Errc::refused, "will not open " + path + ": " + companion + " is " + what,
                  "ls -l " + companion);
    fs::remove(companion);
  };
  REQUIRE(mkfifo(companion.c_str(), 0600) == 0);
  refused("a named pipe");
  write_file(scratch.folder() / "victim", "mine");
  fs::create_symlink(scratch.folder() / "victim", companion);
  refused("a symbolic link");
  fs::create_hard_link(scratch.folder() / "victim", companion);
  refused("a file with several names (hard links)");
  fs::create_directory(companion);
  refused("a folder");
  CHECK(must(scratch.open()->count()) == 0);
}

TEST_CASE("open: a log that is locked by another program's transaction is busy, not broken", "[oplog]") {
  const ScratchLog scratch;
  RawDatabase raw(scratch.path());
  raw.exec("BEGIN IMMEDIATE; UPDATE meta SET value = value");
  const auto log = scratch.open();  // reading goes on
  CHECK(must(log->count()) == 0);
  const auto write = log->begin_write(std::chrono::milliseconds(50));
  REQUIRE_FALSE(write);
  CHECK(write.error().code == Errc::busy);
  CHECK(write.error().what ==
        "cannot write to " + scratch.path().string() + ": another program holds SQLite's own lock on it");
  raw.exec("ROLLBACK");
  CHECK(log->begin_write(std::chrono::seconds(1)));
}

TEST_CASE("create: never takes the place of anything, and leaves nothing when it fails", "[oplog]") {
  const TempFolder folder;
  const CreateOptions options{.document = test_document()};
  const auto refused = [&](const fs::path& path) {
    const auto log = SqliteOpLog::create(path, options);
    REQUIRE_FALSE(log);
    CHECK(log.error().code == Errc::refused);
    return log.error().what;
  };
  write_file(folder / "text", "mine");
  CHECK(refused(folder / "text") ==
        "will not make " + (folder / "text").string() + ": something has that name already");
  CHECK(read_file(folder / "text") == "mine");
  fs::create_symlink("nowhere", folder / "link");
  CHECK(contains(refused(folder / "link"), "something has that name already"));
  fs::create_directory(folder / "sub");
  CHECK(contains(refused(folder / "sub"), "something has that name already"));
  for (const char* suffix : {"-wal", "-shm", "-journal"}) {
    write_file(folder / ("new.db" + std::string(suffix)), "");
    CHECK(contains(refused(folder / "new.db"), "is left over from another database"));
    fs::remove(folder / ("new.db" + std::string(suffix)));
  }
  const auto missing = SqliteOpLog::create(folder / "none" / "new.db", options);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == Errc::io);
  CHECK(missing.error().hint == "mkdir -p " + (folder / "none").string());
  const auto nameless = SqliteOpLog::create(folder.path().string() + "/", options);
  REQUIRE_FALSE(nameless);
  CHECK(nameless.error().code == Errc::usage);
  const auto group = SqliteOpLog::create(folder / "new.db", {.document = test_document(), .group = "no-such-group"});
  REQUIRE_FALSE(group);
  CHECK(group.error().code == Errc::usage);
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 3);
}

TEST_CASE("create: a relative path, a symlinked folder and a umask of 077 or 000 give the same log", "[oplog]") {
  const TempFolder folder;
  fs::create_directory(folder / "real");
  fs::create_directory_symlink("real", folder / "link");
  for (const mode_t mask : {mode_t{0077}, mode_t{0000}}) {
    Child child = Child::fork([&](const Child::Voice&) {
      umask(mask);
      fs::current_path(folder.path());
      const auto log = must(SqliteOpLog::create("link/pipeline.db", {.document = test_document()}));
      LogBuilder(*log, identity_of(1)).insert("478");
      if (log->info().path != (folder / "real/pipeline.db").string()) return 1;
      for (const char* suffix : {"", "-wal", "-shm", ".lock"}) {
        const auto facts = facts_of(log->info().path + suffix);
        if (!facts || facts->permissions != 0600) return 2;
      }
      return 0;
    });
    CHECK(child.wait().exit_code == 0);
    CHECK(fs::exists(folder / "real/pipeline.db.lock"));
    CHECK_FALSE(fs::exists(folder / "real/pipeline.db-wal"));
    fs::remove(folder / "real/pipeline.db");
  }
}

TEST_CASE("network file systems are known by their numbers, and a FUSE one by its mount's type", "[oplog]") {
  CHECK(network_file_system(0x6969, "") == "nfs");
  CHECK(network_file_system(0xFF534D42, "") == "cifs");
  CHECK(network_file_system(0xFE534D42, "") == "smb2");
  CHECK(network_file_system(0x01021997, "") == "9p");
  CHECK(network_file_system(0x00C36400, "") == "ceph");
  CHECK(network_file_system(0x65735546, "fuse.sshfs") == "fuse.sshfs");
  CHECK_FALSE(network_file_system(0x65735546, "fuse.gocryptfs"));
  CHECK_FALSE(network_file_system(0x65735546, ""));
  CHECK_FALSE(network_file_system(0xEF53, "ext4"));
  CHECK_FALSE(network_file_system(0x01021994, "tmpfs"));
  CHECK_FALSE(network_file_system(0x9123683E, "btrfs"));
  const TempFolder folder;
  CHECK_FALSE(network_file_system(folder.path().string()));
}
