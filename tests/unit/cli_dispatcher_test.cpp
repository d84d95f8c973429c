#include <catch2/catch.hpp>

#include "cli/dispatcher.hpp"
#include "support/fake_terminal.hpp"
#include "support/temp_dir.hpp"

using namespace musher;
using namespace musher::test;

namespace {

/// A folder with musher-put and musher-inspect, and a musher-notes.txt that is no program.
struct Folder {
  TempDir dir;
  Folder() {
    for (const char* name : {"musher-put", "musher-inspect"}) {
      std::filesystem::permissions(dir.write(name, "#!/bin/sh\n"), std::filesystem::perms::owner_all);
    }
    dir.write("musher-notes", "");
    std::filesystem::permissions(dir / "musher-notes", std::filesystem::perms::owner_read);
    std::filesystem::create_directory(dir / "musher-folder");
  }

  [[nodiscard]] std::optional<Target> target(std::vector<const char*> arguments) const {
    arguments.insert(arguments.begin(), "musher");
    return find_target(static_cast<int>(arguments.size()), arguments.data(), dir.path());
  }
};

struct Outcome {
  ExitCode code;
  std::string out;
  std::string err;
};

Outcome run(const Folder& folder, std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "musher");
  FakeTerminal fake;
  const ExitCode code = run_with(static_cast<int>(arguments.size()), arguments.data(),
                                 dispatcher_command(folder.dir.path()), fake.streams(false), Environment());
  return {code, fake.out.str(), fake.err.str()};
}

}  // namespace

TEST_CASE("musher: a command is the program of that name beside it, with its arguments", "[cli]") {
  const Folder folder;
  const auto target = folder.target({"put", "--new", "478_x", "--", "-a"});
  REQUIRE(target);
  CHECK(target->file == folder.dir / "musher-put");
  CHECK(target->arguments == std::vector<std::string>{"musher-put", "--new", "478_x", "--", "-a"});
}

TEST_CASE("musher: help COMMAND asks that command", "[cli]") {
  const Folder folder;
  const auto target = folder.target({"help", "inspect"});
  REQUIRE(target);
  CHECK(target->file == folder.dir / "musher-inspect");
  CHECK(target->arguments == std::vector<std::string>{"musher-inspect", "--help"});
}

TEST_CASE("musher: what is not a program in its folder is never run", "[cli]") {
  const Folder folder;
  folder.dir.write("evil/musher-x", "");
  for (const char* name : {"purge", "notes", "folder", "--help", "-q", "", "../musher-put", "/bin/sh", "put ", "Put"}) {
    INFO(name);
    CHECK_FALSE(folder.target({name}));
  }
  CHECK_FALSE(folder.target({}));
}

TEST_CASE("musher: alone, or asked for help, it lists the commands that are there", "[cli]") {
  const Folder folder;
  for (const auto& arguments : std::vector<std::vector<const char*>>{{}, {"help"}, {"--help"}}) {
    const Outcome outcome = run(folder, arguments);
    CHECK(outcome.code == ExitCode::ok);
    CHECK(outcome.out.find("\n  put           Write fields of a story") != std::string::npos);
    CHECK(outcome.out.find("\n  inspect ") != std::string::npos);
    CHECK(outcome.out.find("purge") == std::string::npos);
    CHECK(outcome.err.empty());
  }
}

TEST_CASE("musher: an unknown command gets a suggestion and exit code 2", "[cli]") {
  const Folder folder;
  const Outcome outcome = run(folder, {"inspct", "--json-like"});
  CHECK(outcome.code == ExitCode::usage);
  CHECK(run(folder, {"inspct"}).err ==
        "musher: unknown command 'inspct'; did you mean 'inspect'?\n  hint: musher help\n");
  CHECK(run(folder, {"help", "inspct"}).err.starts_with("musher: unknown command 'inspct'"));
  CHECK(run(folder, {"\x1b[31m"}).err.starts_with("musher: unknown command '\\x1b[31m'"));
}
