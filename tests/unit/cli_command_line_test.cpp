#include <catch2/catch.hpp>

#include <algorithm>

#include "cli/command_line.hpp"

using namespace musher;
using namespace std::chrono_literals;

namespace {

enum class Order { rowid, seq };

/// A command with one of everything.
struct Sample {
  bool dry_run = false;
  std::string name = "unnamed";
  std::optional<std::string> log;
  std::optional<std::uint64_t> max;
  std::optional<std::chrono::milliseconds> wait;
  std::vector<std::string> confirm;
  Order order = Order::rowid;
  std::optional<Order> compare;
  std::string story;
  std::optional<std::string> second;
  std::vector<std::string> rest;
  CommandLine line{"musher-sample", "Shows one of everything"};

  Sample() {
    line.flag(dry_run, "-n,--dry-run", "Change nothing");
    line.option(name, "--name", "NAME", "A name");
    line.option(log, "-l,--log", "FILE", "The log");
    line.option(max, "--max", "N", "At most so many");
    line.option(wait, "--wait", "DURATION", "How long");
    line.option(confirm, "--confirm", "ID", "Once for each story");
    line.choice(order, "--order",
                std::vector<std::pair<std::string, Order>>{{"rowid", Order::rowid}, {"seq", Order::seq}}, "ORDER",
                "In which order");
    line.choice(compare, "--compare", std::vector<std::pair<std::string, Order>>{{"seq", Order::seq}}, "WITH",
                "With what");
    line.positional(story, "STORY", "The story");
    line.positional(second, "SECOND", "Another");
    line.positional(rest, "REST", "And more");
    line.exclusive({"--dry-run", "--confirm"});
  }

  Result<Parsed> parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "/usr/bin/musher-sample");
    return line.parse(static_cast<int>(arguments.size()), arguments.data());
  }
  Error refused(std::vector<const char*> arguments) {
    const auto result = parse(std::move(arguments));
    REQUIRE_FALSE(result);
    CHECK(result.error().code == Errc::usage);
    CHECK_FALSE(result.error().hint.empty());
    return result.error();
  }
};

}  // namespace

TEST_CASE("command line: what is not given keeps its value", "[cli]") {
  Sample sample;
  CHECK(sample.parse({"478_x"}) == Parsed::run);
  CHECK(sample.story == "478_x");
  CHECK_FALSE(sample.dry_run);
  CHECK(sample.name == "unnamed");
  CHECK_FALSE(sample.log);
  CHECK_FALSE(sample.second);
  CHECK(sample.rest.empty());
}

TEST_CASE("command line: every kind of option reaches its variable", "[cli]") {
  Sample sample;
  CHECK(sample.parse({"--name", "a", "-l", "x.db", "--max=12", "--wait", "5s", "--confirm", "1", "--confirm", "[2,3]",
                      "--order=seq", "--compare", "seq", "s", "t", "u", "v"}) == Parsed::run);
  CHECK(sample.name == "a");
  CHECK(sample.log == "x.db");
  CHECK(sample.max == 12);
  CHECK(sample.wait == 5s);
  CHECK(sample.confirm == std::vector<std::string>{"1", "[2,3]"});
  CHECK(sample.order == Order::seq);
  CHECK(sample.compare == Order::seq);
  CHECK(sample.second == "t");
  CHECK(sample.rest == std::vector<std::string>{"u", "v"});
}

TEST_CASE("command line: an unknown option gets the known one it is near to", "[cli]") {
  Sample sample;
  const Error error = sample.refused({"--oder", "seq", "s"});
  CHECK(error.what == "unknown option '--oder'");
  CHECK(error.candidates == std::vector<std::string>{"--order"});
  CHECK(error.hint == "musher-sample --help");
  CHECK(sample.refused({"-x"}).candidates.empty());
  CHECK(sample.refused({"--hlep"}).candidates == std::vector<std::string>{"--help"});
}

TEST_CASE("command line: a single option given twice is refused, a flag or a list is not", "[cli]") {
  Sample sample;
  CHECK(sample.refused({"--log", "a", "--log", "a", "s"}).what == "option --log is given 2 times");
  CHECK(sample.refused({"--order", "seq", "--order", "seq", "s"}).what == "option --order is given 2 times");
  CHECK(sample.parse({"-n", "-n", "s"}) == Parsed::run);
}

TEST_CASE("command line: options that exclude each other are refused together", "[cli]") {
  Sample sample;
  CHECK(sample.refused({"-n", "--confirm", "s", "s"}).what == "options --dry-run and --confirm exclude each other");
}

TEST_CASE("command line: a value of the wrong kind names the option and the value", "[cli]") {
  Sample sample;
  CHECK(sample.refused({"--max", "-1", "s"}).what == "option --max: '-1' is not a whole number");
  CHECK(sample.refused({"--max", "1x", "s"}).what == "option --max: '1x' is not a whole number");
  CHECK(sample.refused({"--max", "18446744073709551616", "s"}).what ==
        "option --max: '18446744073709551616' is not a whole number");
  CHECK(sample.refused({"--wait", "5", "s"}).what == "option --wait: '5' is not a duration: it has no unit");
  const Error error = sample.refused({"--order", "rovid", "s"});
  CHECK(error.what == "option --order: 'rovid' is not one of rowid, seq");
  CHECK(error.candidates == std::vector<std::string>{"rowid"});
}

TEST_CASE("command line: a missing argument and one too many are refused", "[cli]") {
  Sample sample;
  CHECK(sample.refused({}).what == "argument STORY is missing");
  bool flag = false;
  CommandLine bare("musher-bare", "Takes nothing");
  bare.flag(flag, "--flag", "A flag");
  const char* const arguments[] = {"musher-bare", "what"};
  const auto result = bare.parse(2, arguments);
  REQUIRE_FALSE(result);
  CHECK(result.error().what == "unexpected argument 'what'");
}

TEST_CASE("command line: hostile and huge arguments are cut and escaped in the message", "[cli]") {
  Sample sample;
  CHECK(sample.refused({"--\x1b[31m"}).what == "unknown option '--\\x1b[31m'");
  const std::string huge = "--" + std::string(1024 * 1024, 'a');
  const Error error = sample.refused({huge.c_str()});
  CHECK(error.what.size() < 300);
  CHECK(error.what.find("(1048578 bytes)") != std::string::npos);
  CHECK(error.candidates.empty());
}

TEST_CASE("command line: --help and --version win over whatever else is wrong, but not after --", "[cli]") {
  Sample sample;
  CHECK(sample.parse({"--bogus", "--help"}) == Parsed::help);
  CHECK(sample.parse({"-h"}) == Parsed::help);
  CHECK(sample.parse({"--version", "--bogus"}) == Parsed::version);
  CHECK(sample.parse({"--", "--help"}) == Parsed::run);
  CHECK(sample.story == "--help");
}

TEST_CASE("command line: a custom reader's error names the option", "[cli]") {
  CommandLine line("musher-x", "X");
  line.option([](const std::string&) -> Result<void> { return fail(Errc::usage, "it is never right", "give up"); },
              "--at", "T", "When");
  const char* const arguments[] = {"musher-x", "--at", "now"};
  const auto result = line.parse(3, arguments);
  REQUIRE_FALSE(result);
  CHECK(result.error().what == "option --at: it is never right");
  CHECK(result.error().hint == "give up");
}

TEST_CASE("command line: help shows usage, every option and every choice within 80 columns", "[cli]") {
  Sample sample;
  sample.line.paragraph(
      "A paragraph that is long enough to be broken into two lines, since eighty columns are not many.");
  sample.line.example("musher sample 478_x", "does it");
  const std::string help = sample.line.help();
  CHECK(help.starts_with("Usage: musher-sample [OPTION]... STORY [SECOND] [REST...]\n\nShows one of everything\n"));
  CHECK(help.find("\nArguments:\n  STORY ") != std::string::npos);
  CHECK(help.find("\n  -l, --log FILE            The log\n") != std::string::npos);
  CHECK(help.find("\n      --order ORDER         In which order: rowid, seq\n") != std::string::npos);
  CHECK(help.find("\nExamples:\n  musher sample 478_x\n      does it\n") != std::string::npos);
  for (const OptionInfo& option : sample.line.options()) {
    for (const std::string& name : option.names) CHECK(help.find(name) != std::string::npos);
  }
  for (std::size_t at = 0; at < help.size(); at = help.find('\n', at) + 1) CHECK(help.find('\n', at) - at <= 80);
}

TEST_CASE("command line: options() lists what was declared, with --help and --version", "[cli]") {
  Sample sample;
  const auto options = sample.line.options();
  const auto has = [&](const std::string& name) {
    return std::ranges::any_of(
        options, [&](const OptionInfo& one) { return std::ranges::find(one.names, name) != one.names.end(); });
  };
  for (const char* name : {"-n", "--dry-run", "--confirm", "STORY", "--help", "--version"}) CHECK(has(name));
}
