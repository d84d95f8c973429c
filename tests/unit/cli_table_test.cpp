#include <catch2/catch.hpp>

#include "cli/table.hpp"
#include "support/fake_terminal.hpp"

using namespace musher;
using namespace musher::test;

TEST_CASE("table: columns are as wide as their widest cell, numbers to the right, no trailing spaces", "[cli]") {
  FakeTerminal fake;
  Table table({{"STORY"}, {"OPS", Align::right}, {"NAME"}});
  table.row({"478_story_sync", "7", "Sync"});
  table.row({"9_x", "12"});
  CHECK(table.text(fake.terminal()) ==
        "STORY           OPS  NAME\n"
        "478_story_sync    7  Sync\n"
        "9_x              12\n");
  CHECK(table.size() == 2);
}

TEST_CASE("table: wide characters keep the columns aligned", "[cli]") {
  FakeTerminal fake;
  Table table({{"A"}, {"B"}});
  table.row({"日本", "x"});
  table.row({"abcd", "y"});
  CHECK(table.text(fake.terminal()) == "A     B\n日本  x\nabcd  y\n");
}

TEST_CASE("table: cells are escaped and cut to their column's width", "[cli]") {
  FakeTerminal fake;
  Table table({{"A", Align::left, 6}, {"B"}});
  table.row({"\x1b[31mred", "two\nlines"});
  CHECK(table.text(fake.terminal()) == "A       B\n\\x1b[…  two\\x0alines\n");
}

TEST_CASE("table: on a terminal the last column is cut so that no row wraps", "[cli]") {
  FakeTerminal fake;
  Table table({{"A"}, {"B"}});
  table.row({"x", std::string(200, 'b')});
  CHECK(table.text(fake.terminal(true, {{"NO_COLOR", "1"}})) == "A  B\nx  " + std::string(76, 'b') + "…\n");
  CHECK(table.text(fake.terminal(false)) == "A  B\nx  " + std::string(200, 'b') + "\n");
}

TEST_CASE("table: styles colour the text and not the padding", "[cli]") {
  FakeTerminal fake;
  Table table({{"A"}, {"B"}});
  table.row({Cell(Style::red, "x"), "y"});
  CHECK(table.text(fake.terminal(true)) == "\x1b[1mA\x1b[0m  \x1b[1mB\x1b[0m\n\x1b[31mx\x1b[0m  y\n");
}
