#include "cli/display_width.hpp"

#include <catch2/catch.hpp>

using namespace musher;

TEST_CASE("display width: wide characters take two columns and combining marks none", "[cli]") {
  CHECK(display_width("abc") == 3);
  CHECK(display_width("日本") == 4);
  CHECK(display_width("e\u0301") == 1);
  CHECK(display_width("é") == 1);
  CHECK(display_width("") == 0);
}

TEST_CASE("cut: text that fits stays, longer text ends in an ellipsis within the width", "[cli]") {
  CHECK(cut("abcdef", 6) == "abcdef");
  CHECK(cut("abcdefg", 6) == "abcde…");
  CHECK(cut("日本語", 5) == "日本…");
  CHECK(cut("日本語", 4) == "日…");
  CHECK(cut("abc", 1) == "…");
  CHECK(cut("abcdef", 0) == "abcdef");
}
