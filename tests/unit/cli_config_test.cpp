#include <catch2/catch.hpp>

#include "cli/config.hpp"
#include "support/temp_dir.hpp"

using namespace musher;
using namespace musher::test;
using namespace std::chrono_literals;

namespace {

Environment with(std::map<std::string, std::string> variables) { return Environment(std::move(variables)); }

const Environment kHome = with({{"HOME", "/home/alice"}});

Result<Config> parse(const std::string& text) { return parse_config(text, "/etc/musher/config.toml", kHome); }

Error refused(const std::string& text) {
  const auto result = parse(text);
  REQUIRE_FALSE(result);
  CHECK(result.error().code == Errc::usage);
  return result.error();
}

}  // namespace

TEST_CASE("config: every key is read", "[cli]") {
  const auto config = parse(
      "# the pipeline\n"
      "log = \"/srv/pipeline.db\"\nidentity = \"~/alice.key\"\ncolor = \"never\"\nutc = true\nlock_timeout = "
      "\"250ms\"\n");
  REQUIRE(config);
  CHECK(config->log == "/srv/pipeline.db");
  CHECK(config->identity == "/home/alice/alice.key");
  CHECK(config->color == ColorMode::never);
  CHECK(config->utc == true);
  CHECK(config->lock_timeout == 250ms);
}

TEST_CASE("config: how often the log is audited is a duration, or 0 for only at start", "[cli]") {
  CHECK(parse("[serve]\naudit_interval = \"90m\"")->serve.audit_interval == 90min);
  CHECK(parse("[serve]\naudit_interval = \"0\"")->serve.audit_interval == 0ms);
  CHECK_FALSE(parse("[serve]\nread_only = true")->serve.audit_interval);
  for (const char* bad : {"\"1\"", "\"\"", "0", "\"daily\""}) {
    CHECK(refused(std::string("[serve]\naudit_interval = ") + bad).what ==
          "/etc/musher/config.toml:2:18: audit_interval must be a duration in quotes, such as \"1h\", or \"0\"");
  }
  CHECK(refused("[serve]\naudit_intervall = \"1h\"").candidates == std::vector<std::string>{"audit_interval"});
}

TEST_CASE("config: an empty file says nothing", "[cli]") {
  const auto config = parse("");
  REQUIRE(config);
  CHECK_FALSE(config->log);
  CHECK_FALSE(config->utc);
}

TEST_CASE("config: a relative path is relative to the file's folder", "[cli]") {
  CHECK(parse("log = \"data/p.db\"")->log == "/etc/musher/data/p.db");
  CHECK(parse_config("log = \"p.db\"", "config.toml", kHome)->log == "p.db");
}

TEST_CASE("config: an unknown key is refused with its place and the key it is near to", "[cli]") {
  const Error error = refused("utc = true\n  loq = \"x\"\n");
  CHECK(error.what == "/etc/musher/config.toml:2:3: unknown key 'loq'");
  CHECK(error.candidates == std::vector<std::string>{"log"});
  CHECK(refused("rendezvous = [\"ws://a:1\"]").what ==
        "/etc/musher/config.toml:1:1: unknown key 'rendezvous': it goes in [serve]");
  CHECK(refused("read_only = true").what == "/etc/musher/config.toml:1:1: unknown key 'read_only': it goes in [serve]");
  CHECK(refused("[server]\nport = 1").what == "/etc/musher/config.toml:1:2: unknown key 'server'");
  const Error in_table = refused("[serve]\nrendevous = \"ws://a:1\"");
  CHECK(in_table.what == "/etc/musher/config.toml:2:1: unknown key 'rendevous' in [serve]");
  CHECK(in_table.candidates == std::vector<std::string>{"rendezvous"});
}

TEST_CASE("config: a value of the wrong kind is refused with its place", "[cli]") {
  CHECK(refused("log = 5").what == "/etc/musher/config.toml:1:7: log must be a path in quotes");
  CHECK(refused("identity = \"\"").what == "/etc/musher/config.toml:1:12: identity must be a path in quotes");
  CHECK(refused("log = \"a\\u0000b\"").what == "/etc/musher/config.toml:1:7: log must be a path in quotes");
  CHECK(refused("color = \"blue\"").what ==
        "/etc/musher/config.toml:1:9: color must be \"auto\", \"always\" or \"never\"");
  CHECK(refused("utc = \"yes\"").what == "/etc/musher/config.toml:1:7: utc must be true or false");
  CHECK(refused("lock_timeout = 5").what ==
        "/etc/musher/config.toml:1:16: lock_timeout must be a duration in quotes, such as \"10s\"");
}

TEST_CASE("config: text that is not TOML is refused with its place, hostile bytes escaped", "[cli]") {
  CHECK(refused("log = \n").what.starts_with("/etc/musher/config.toml:1:"));
  CHECK(refused("log = \"a\"\nlog = \"b\"\n").what.starts_with("/etc/musher/config.toml:2:"));
  CHECK(refused("\x1b[31m = 1").what.find('\x1b') == std::string::npos);
}

TEST_CASE("config: the file is the flag's, else MUSHER_CONFIG's, else the first that exists", "[cli]") {
  const TempDir dir;
  const std::string home = dir.path().native();
  CHECK(find_config("flag.toml", with({{"MUSHER_CONFIG", "env.toml"}})) == "flag.toml");
  CHECK(find_config({}, with({{"MUSHER_CONFIG", "env.toml"}})) == "env.toml");
  CHECK(find_config({}, with({{"HOME", home}})) == std::nullopt);
  dir.write(".config/musher/config.toml", "");
  CHECK(find_config({}, with({{"HOME", home}})) == dir / ".config/musher/config.toml");
  CHECK(find_config({}, with({{"HOME", home}, {"XDG_CONFIG_HOME", home + "/xdg"}})) == std::nullopt);
  dir.write("xdg/musher/config.toml", "");
  CHECK(find_config({}, with({{"HOME", home}, {"XDG_CONFIG_HOME", home + "/xdg"}})) == dir / "xdg/musher/config.toml");
}

TEST_CASE("config: a named file that cannot be read is a usage error that says why", "[cli]") {
  const TempDir dir;
  const auto missing = read_config(dir / "missing.toml", kHome);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == Errc::usage);
  CHECK(missing.error().what.ends_with("missing.toml': No such file or directory"));
  const auto folder = read_config(dir.path(), kHome);
  REQUIRE_FALSE(folder);
  CHECK(folder.error().what.ends_with(": Is a directory"));
}
