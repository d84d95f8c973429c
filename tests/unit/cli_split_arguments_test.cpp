#include <catch2/catch.hpp>

#include "cli/split_arguments.hpp"

using namespace musher;

namespace {

// -q, --quiet (0) is a flag; -l, --log (1) takes a value; -n (2) is a flag.
std::optional<OptionShape> shape_of(std::string_view name) {
  if (name == "-q" || name == "--quiet") return OptionShape{0, false};
  if (name == "-l" || name == "--log") return OptionShape{1, true};
  if (name == "-n") return OptionShape{2, false};
  return std::nullopt;
}

Result<SplitArguments> split(const std::vector<std::string>& arguments) { return split_arguments(arguments, shape_of); }

std::string log_of(const std::vector<std::string>& arguments) {
  const auto result = split(arguments);
  REQUIRE(result);
  REQUIRE(result->options.size() == 1);
  REQUIRE(result->options.front().index == 1);
  return result->options.front().value;
}

}  // namespace

TEST_CASE("split: a value may be the next argument or be attached", "[cli]") {
  CHECK(log_of({"--log", "a.db"}) == "a.db");
  CHECK(log_of({"--log=a.db"}) == "a.db");
  CHECK(log_of({"-l", "a.db"}) == "a.db");
  CHECK(log_of({"-la.db"}) == "a.db");
}

TEST_CASE("split: a value is taken as it is: empty, with an equals sign, in brackets or with a dash in front",
          "[cli]") {
  CHECK(log_of({"--log", ""}).empty());
  CHECK(log_of({"--log="}).empty());
  CHECK(log_of({"--log=a=b"}) == "a=b");
  CHECK(log_of({"--log", "[a,b]"}) == "[a,b]");
  CHECK(log_of({"--log", "-2h"}) == "-2h");
  CHECK(log_of({"--log", "--quiet"}) == "--quiet");
  CHECK(log_of({"--log", "--"}) == "--");
}

TEST_CASE("split: options and positional arguments may be mixed, each in its order", "[cli]") {
  const auto result = split({"one", "-q", "two", "--log", "a.db", "[x,y]", "-", "three=-1"});
  REQUIRE(result);
  CHECK(result->positionals == std::vector<std::string>{"one", "two", "[x,y]", "-", "three=-1"});
  REQUIRE(result->options.size() == 2);
  CHECK(result->options[0].index == 0);
  CHECK(result->options[1].value == "a.db");
}

TEST_CASE("split: short flags may share a dash, the last one with a value", "[cli]") {
  const auto result = split({"-qnla.db"});
  REQUIRE(result);
  REQUIRE(result->options.size() == 3);
  CHECK(result->options[0].index == 0);
  CHECK(result->options[1].index == 2);
  CHECK(result->options[2].value == "a.db");
}

TEST_CASE("split: after -- everything is positional, a second -- too", "[cli]") {
  const auto result = split({"-q", "--", "--log", "--", "-x"});
  REQUIRE(result);
  CHECK(result->options.size() == 1);
  CHECK(result->positionals == std::vector<std::string>{"--log", "--", "-x"});
}

TEST_CASE("split: an unknown option is refused by its name", "[cli]") {
  const std::pair<const char*, const char*> unknown[] = {{"--oder=seq", "--oder"}, {"-x", "-x"},   {"-5", "-5"},
                                                         {"---log", "---log"},     {"--=x", "--"}, {"-qx", "-x"}};
  for (const auto& [argument, name] : unknown) {
    const auto result = split({argument});
    REQUIRE_FALSE(result);
    CHECK(result.error().code == Errc::usage);
    CHECK(result.error().what == "unknown option '" + std::string(name) + "'");
    CHECK(result.error().candidates == std::vector<std::string>{name});
  }
}

TEST_CASE("split: a name is not recognised by its beginning", "[cli]") {
  const auto result = split({"--qui"});
  REQUIRE_FALSE(result);
  CHECK(result.error().what == "unknown option '--qui'");
}

TEST_CASE("split: a flag with a value and an option without one are refused", "[cli]") {
  CHECK(split({"--quiet=no"}).error().what == "option '--quiet' takes no value");
  CHECK(split({"--log"}).error().what == "option '--log' needs a value");
  CHECK(split({"-ql"}).error().what == "option '-l' needs a value");
}
