#include <signal.h>
#include <catch2/catch.hpp>

#include "cli/pager.hpp"
#include "support/fake_terminal.hpp"
#include "support/temp_dir.hpp"

using namespace musher;
using namespace musher::test;

namespace {

std::string lines(int count) {
  std::string text;
  for (int i = 1; i <= count; ++i) text += "line " + std::to_string(i) + "\n";
  return text;
}

struct Shown {
  std::string directly;
  std::string by_pager;
  std::string err;
};

/// Pages text with these variables; "FILE" in a pager's command is where its output is looked for.
Shown shown(const std::string& text, bool is_tty, std::map<std::string, std::string> variables) {
  const TempDir dir;
  for (auto& [name, value] : variables) {
    if (const auto at = value.find("FILE"); at != std::string::npos) value.replace(at, 4, (dir / "paged").native());
  }
  FakeTerminal fake;
  Terminal terminal = fake.terminal(is_tty, variables);
  page(terminal, Environment(variables), text);
  return {fake.out.str(), read_file(dir / "paged"), fake.err.str()};
}

}  // namespace

TEST_CASE("pager: text that is taller than the terminal goes through the pager, whole", "[cli]") {
  const std::string text = lines(100'000);  // more than a pipe holds
  const Shown result = shown(text, true, {{"PAGER", "cat > FILE"}});
  CHECK(result.by_pager == text);
  CHECK(result.directly.empty());
  CHECK(result.err.empty());
}

TEST_CASE("pager: MUSHER_PAGER wins over PAGER, and empty means none", "[cli]") {
  CHECK(shown(lines(30), true, {{"PAGER", "false"}, {"MUSHER_PAGER", "cat > FILE"}}).by_pager == lines(30));
  CHECK(shown(lines(30), true, {{"PAGER", "cat > FILE"}, {"MUSHER_PAGER", ""}}).directly == lines(30));
  CHECK(shown(lines(30), true, {}).directly == lines(30));
}

TEST_CASE("pager: text that fits the terminal, or out that is no terminal, is written directly", "[cli]") {
  CHECK(shown(lines(10), true, {{"PAGER", "cat > FILE"}}).directly == lines(10));
  const Shown to_file = shown(lines(30), false, {{"PAGER", "cat > FILE"}});
  CHECK(to_file.directly == lines(30));
  CHECK(to_file.by_pager.empty());
}

TEST_CASE("pager: less and lv are told to show colours", "[cli]") {
  const Shown result = shown(lines(30), true, {{"PAGER", "echo $LESS $LV > FILE"}});
  CHECK(result.by_pager == "FRX -c\n");
}

TEST_CASE("pager: leaving it early is no error", "[cli]") {
  const Shown result = shown(lines(100'000), true, {{"PAGER", "head -n 1 > FILE"}});
  CHECK(result.by_pager == "line 1\n");
  CHECK(result.directly.empty());
  CHECK(result.err.empty());
}

TEST_CASE("pager: one that cannot be started is named, and the text is not lost", "[cli]") {
  const Shown result = shown(lines(30), true, {{"PAGER", "/nowhere/less 2> FILE"}, {"NO_COLOR", "1"}});
  CHECK(result.directly == lines(30));
  CHECK(result.err.starts_with("musher-put: warning: the pager '/nowhere/less"));
}

TEST_CASE("pager: the signals of this process are as before when it has ended", "[cli]") {
  struct sigaction before {};
  sigaction(SIGINT, nullptr, &before);
  REQUIRE(shown(lines(30), true, {{"PAGER", "cat > FILE"}}).by_pager == lines(30));
  struct sigaction after {};
  sigaction(SIGINT, nullptr, &after);
  CHECK(after.sa_handler == before.sa_handler);
}
