#include <catch2/catch.hpp>

#include "cli/settings.hpp"
#include "support/temp_dir.hpp"

using namespace musher;
using namespace musher::test;
using namespace std::chrono_literals;

namespace {

Settings resolved(const CommonOptions& options, std::map<std::string, std::string> variables) {
  const auto settings = resolve_settings(options, Environment(std::move(variables)));
  REQUIRE(settings);
  return *settings;
}

}  // namespace

TEST_CASE("settings: a flag wins over the environment, that over the file, that over the default", "[cli]") {
  const TempDir dir;
  const std::string config = dir.write("config.toml",
                                       "log = \"/file.db\"\nidentity = \"/file.key\"\ncolor = \"always\"\n"
                                       "utc = true\nlock_timeout = \"3s\"\n");
  const std::string none = dir.write("empty.toml", "");

  const Settings defaults = resolved({}, {{"MUSHER_CONFIG", none}});
  CHECK(defaults.log == "pipeline.db");
  CHECK(defaults.identity.filename() == "pipeline.db.key");
  CHECK_FALSE(defaults.identity_is_named);
  CHECK(defaults.color == ColorMode::automatic);
  CHECK_FALSE(defaults.utc);
  CHECK(defaults.lock_timeout == kDefaultLockTimeout);

  const Settings file = resolved({}, {{"MUSHER_CONFIG", config}});
  CHECK(file.log == "/file.db");
  CHECK(file.identity == "/file.key");
  CHECK(file.identity_is_named);
  CHECK(file.color == ColorMode::always);
  CHECK(file.utc);
  CHECK(file.lock_timeout == 3s);

  const std::map<std::string, std::string> variables = {{"MUSHER_CONFIG", config},
                                                        {"MUSHER_LOG", "/env.db"},
                                                        {"MUSHER_IDENTITY", "/env.key"},
                                                        {"MUSHER_LOCK_TIMEOUT", "20ms"},
                                                        {"NO_COLOR", "1"}};
  const Settings environment = resolved({}, variables);
  CHECK(environment.log == "/env.db");
  CHECK(environment.identity == "/env.key");
  CHECK(environment.color == ColorMode::never);
  CHECK(environment.lock_timeout == 20ms);

  const Settings flag = resolved({.log = "/flag.db", .identity = "/flag.key", .color = ColorMode::always}, variables);
  CHECK(flag.log == "/flag.db");
  CHECK(flag.identity == "/flag.key");
  CHECK(flag.color == ColorMode::always);
}

TEST_CASE("settings: an empty variable is as good as none", "[cli]") {
  const TempDir dir;
  const std::string none = dir.write("empty.toml", "");
  CHECK(resolved({}, {{"MUSHER_CONFIG", none}, {"MUSHER_LOG", ""}}).log == "pipeline.db");
}

TEST_CASE("settings: the default identity lies beside the log itself, not beside a link to it", "[cli]") {
  const TempDir dir;
  dir.write("data/real.db", "");
  std::filesystem::create_symlink(dir / "data/real.db", dir / "link.db");
  CHECK(default_identity(dir / "link.db") == std::filesystem::canonical(dir.path()) / "data/real.db.key");
}

TEST_CASE("settings: an empty file name and a bad MUSHER_LOCK_TIMEOUT are refused", "[cli]") {
  const auto empty = resolve_settings({.log = ""}, Environment());
  REQUIRE_FALSE(empty);
  CHECK(empty.error().what == "option --log: the file's name is empty");
  const TempDir dir;
  const std::string none = dir.write("empty.toml", "");
  const auto bad = resolve_settings({}, Environment({{"MUSHER_CONFIG", none}, {"MUSHER_LOCK_TIMEOUT", "soon"}}));
  REQUIRE_FALSE(bad);
  CHECK(bad.error().code == Errc::usage);
  CHECK(bad.error().what.starts_with("MUSHER_LOCK_TIMEOUT: 'soon' is not a duration"));
}

TEST_CASE("settings: a bad configuration file ends the command", "[cli]") {
  const TempDir dir;
  const std::string file = dir.write("config.toml", "lgo = 1");
  const auto result = resolve_settings({}, Environment({{"MUSHER_CONFIG", file}}));
  REQUIRE_FALSE(result);
  CHECK(result.error().what == file + ":1:1: unknown key 'lgo'");
}

TEST_CASE("settings: the common options are declared as each command wants them", "[cli]") {
  const auto names = [](const CommonWants& wants) {
    CommandLine line("musher-x", "X");
    CommonOptions options;
    options.add_to(line, wants);
    std::string all;
    for (const OptionInfo& option : line.options()) all += option.names.back() + " ";
    return all;
  };
  CHECK(names({}) == "--log --identity --json --quiet --utc --color --config --help --version ");
  CHECK(names({.log = false, .identity = false, .jsonl = true}) ==
        "--json --jsonl --quiet --utc --color --config --help --version ");
  CHECK(names({.common = false, .log = false, .identity = false, .json = false}) == "--help --version ");
}

TEST_CASE("settings: --json, --jsonl and neither choose the output, and both are refused", "[cli]") {
  const TempDir dir;
  const std::string none = dir.write("empty.toml", "");
  CHECK(resolved({}, {{"MUSHER_CONFIG", none}}).output == Output::text);
  CHECK(resolved({.json = true}, {{"MUSHER_CONFIG", none}}).output == Output::json);
  CHECK(resolved({.jsonl = true}, {{"MUSHER_CONFIG", none}}).output == Output::jsonl);
  CommandLine line("musher-x", "X");
  CommonOptions options;
  options.add_to(line, {.jsonl = true});
  const char* const arguments[] = {"musher-x", "--json", "--jsonl"};
  const auto result = line.parse(3, arguments);
  REQUIRE_FALSE(result);
  CHECK(result.error().what == "options --json and --jsonl exclude each other");
}
