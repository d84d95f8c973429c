#include <catch2/catch.hpp>

#include <new>
#include <stdexcept>

#include "cli/run_command.hpp"
#include "support/fake_terminal.hpp"
#include "support/temp_dir.hpp"

using namespace musher;
using namespace musher::test;

namespace {

struct Outcome {
  ExitCode code;
  std::string out;
  std::string err;
};

/// Runs a command that does this, without the user's configuration.
Outcome outcome(std::vector<const char*> arguments, std::function<Result<ExitCode>(Context&)> run) {
  const TempDir dir;
  const Command command{.program = "musher-put", .declare = [](CommandLine&) {}, .run = std::move(run)};
  arguments.insert(arguments.begin(), "musher-put");
  FakeTerminal fake;
  const Environment environment({{"MUSHER_CONFIG", dir.write("config.toml", "").native()}, {"TERM", "xterm"}});
  const ExitCode code =
      run_with(static_cast<int>(arguments.size()), arguments.data(), command, fake.streams(false), environment);
  return {code, fake.out.str(), fake.err.str()};
}

}  // namespace

TEST_CASE("run: the command's answer and exit code are what it says", "[cli]") {
  const Outcome result = outcome({}, [](Context& context) -> Result<ExitCode> {
    context.terminal.out() << "answer\n";
    return ExitCode::no;
  });
  CHECK(result.code == ExitCode::no);
  CHECK(result.out == "answer\n");
  CHECK(result.err.empty());
}

TEST_CASE("run: an error is reported on err with its exit code, out stays empty", "[cli]") {
  const Outcome result = outcome(
      {}, [](Context&) -> Result<ExitCode> { return fail(Errc::busy, "the log is locked by PID 7", "try again"); });
  CHECK(result.code == ExitCode::busy);
  CHECK(result.out.empty());
  CHECK(result.err == "musher-put: the log is locked by PID 7\n  hint: try again\n");
}

TEST_CASE("run: with --json an error is JSON, also one of the options themselves", "[cli]") {
  const Outcome busy = outcome({"--json"}, [](Context&) -> Result<ExitCode> { return fail(Errc::busy, "locked"); });
  CHECK(busy.err == R"({"schema":"musher.error/1","exit_code":6,"code":"busy","message":"locked","candidates":[]})"
                    "\n");
  const Outcome usage = outcome({"--bogus", "--json"}, nullptr);
  CHECK(usage.code == ExitCode::usage);
  CHECK(usage.err.starts_with(
      R"({"schema":"musher.error/1","exit_code":2,"code":"usage","message":"unknown option '--bogus'")"));
}

TEST_CASE("run: --help and --version answer on out and do not run the command", "[cli]") {
  const Outcome help = outcome({"--help"}, nullptr);
  CHECK(help.code == ExitCode::ok);
  CHECK(help.out.starts_with("Usage: musher-put [OPTION]...\n\nWrite fields of a story"));
  const Outcome version = outcome({"--version"}, nullptr);
  CHECK(version.code == ExitCode::ok);
  CHECK(version.out.starts_with("musher-put 1.0.0 (commit "));
  CHECK(version.out.find("), SQLite 3.") != std::string::npos);
  CHECK(version.out.find(", libsodium 1.") != std::string::npos);
}

TEST_CASE("run: the common options reach the settings and the terminal", "[cli]") {
  const Outcome result =
      outcome({"-l", "x.db", "-q", "--utc", "--color", "always"}, [](Context& context) -> Result<ExitCode> {
        CHECK(context.settings.log == "x.db");
        CHECK(context.terminal.quiet());
        CHECK(context.terminal.time(0) == "1970-01-01 00:00:00 UTC");
        CHECK(context.terminal.paint(Style::bold, "x") == "\x1b[1mx\x1b[0m");
        return ExitCode::ok;
      });
  CHECK(result.code == ExitCode::ok);
}

TEST_CASE("run: every exception ends as an internal error with exit code 7", "[cli]") {
  CHECK(outcome({}, [](Context&) -> Result<ExitCode> { throw std::bad_alloc(); }).err == "musher-put: out of memory\n");
  const Outcome logic = outcome({}, [](Context&) -> Result<ExitCode> { throw std::logic_error("no \x1b way"); });
  CHECK(logic.code == ExitCode::io);
  CHECK(logic.err.starts_with("musher-put: an internal error: no \\x1b way\n"));
  CHECK(outcome({}, [](Context&) -> Result<ExitCode> { throw 7; }).code == ExitCode::io);
}

TEST_CASE("run: an out that has gone bad unwinds the command without a word: the caller knows why", "[cli]") {
  const Outcome result = outcome({}, [](Context& context) -> Result<ExitCode> {
    context.terminal.out().exceptions(std::ios::badbit);
    context.terminal.out().setstate(std::ios::badbit);
    return ExitCode::no;
  });
  CHECK(result.code == ExitCode::ok);
  CHECK(result.err.empty());
}
