#include <catch2/catch.hpp>

#include "support/fake_terminal.hpp"

using namespace musher;
using namespace musher::test;

namespace {

bool colours(bool is_tty, std::map<std::string, std::string> variables, std::optional<ColorMode> mode = {}) {
  FakeTerminal fake;
  Terminal terminal = fake.terminal(is_tty, std::move(variables));
  if (mode) terminal.set_color(*mode);
  const std::string painted = terminal.paint(Style::red, "x");
  CHECK((painted == "x" || painted == "\x1b[31mx\x1b[0m"));
  return painted != "x";
}

}  // namespace

TEST_CASE("terminal: colour is for terminals only, unless the user says otherwise", "[cli]") {
  CHECK(colours(true, {}));
  CHECK_FALSE(colours(false, {}));
  CHECK(colours(false, {}, ColorMode::always));
  CHECK_FALSE(colours(true, {}, ColorMode::never));
}

TEST_CASE("terminal: NO_COLOR, CLICOLOR_FORCE and TERM=dumb are honoured, empty ones are not", "[cli]") {
  CHECK_FALSE(colours(true, {{"NO_COLOR", "1"}}));
  CHECK(colours(true, {{"NO_COLOR", ""}}));
  CHECK(colours(false, {{"CLICOLOR_FORCE", "1"}}));
  CHECK_FALSE(colours(false, {{"CLICOLOR_FORCE", "0"}}));
  CHECK_FALSE(colours(false, {{"CLICOLOR_FORCE", "1"}, {"NO_COLOR", "1"}}));
  CHECK_FALSE(colours(true, {{"TERM", "dumb"}}));
}

TEST_CASE("terminal: notes and warnings go to err, one escaped line each, after the program's name", "[cli]") {
  FakeTerminal fake;
  Terminal terminal = fake.terminal();
  terminal.note("read from a copy of \x1b[2J");
  terminal.warn("two\nlines");
  CHECK(fake.err.str() == "musher-put: read from a copy of \\x1b[2J\nmusher-put: warning: two\\x0alines\n");
  CHECK(fake.out.str().empty());
}

TEST_CASE("terminal: quiet silences notes, warnings and status", "[cli]") {
  FakeTerminal fake;
  Terminal terminal = fake.terminal(true);
  terminal.set_quiet(true);
  terminal.note("a");
  terminal.warn("b");
  terminal.status("c");
  CHECK(fake.err.str().empty());
  CHECK_FALSE(terminal.has_status());
}

TEST_CASE("terminal: a status line is replaced by the next one, and taken away before a note", "[cli]") {
  FakeTerminal fake;
  Terminal terminal = fake.terminal(true, {{"NO_COLOR", "1"}});
  terminal.status("1/2");
  terminal.status("2/2");
  terminal.note("done");
  terminal.clear_status();
  CHECK(fake.err.str() == "1/2\r\x1b[K2/2\r\x1b[Kmusher-put: done\n");
}

TEST_CASE("terminal: a status line never wraps", "[cli]") {
  FakeTerminal fake;
  Terminal terminal = fake.terminal(true);
  terminal.status(std::string(200, 'a'));
  CHECK(fake.err.str() == std::string(78, 'a') + "…");
}

TEST_CASE("terminal: without a terminal, or on a dumb one, there is no status line", "[cli]") {
  FakeTerminal plain;
  Terminal file = plain.terminal(false);
  file.status("1/2");
  CHECK(plain.err.str().empty());
  FakeTerminal dumb;
  Terminal console = dumb.terminal(true, {{"TERM", "dumb"}});
  console.status("1/2");
  CHECK(dumb.err.str().empty());
}

TEST_CASE("terminal: ask returns the line that was typed, or nothing at the end of the input", "[cli]") {
  FakeTerminal fake;
  fake.in.str("478_x\n");
  Terminal terminal = fake.terminal(true);
  CHECK(terminal.ask("Type the story id to purge it:") == "478_x");
  CHECK(terminal.ask("Again:") == std::nullopt);
  CHECK(fake.err.str() == "Type the story id to purge it: Again: ");
}
