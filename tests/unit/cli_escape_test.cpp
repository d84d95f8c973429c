#include <catch2/catch.hpp>

#include "cli/escape.hpp"
#include "model/text.hpp"

using namespace musher;

TEST_CASE("escape: printable text of any script stays as it is", "[cli]") {
  for (const char* text : {"478_story_sync", "Zürich – naïve", "日本語", "a\\b 'c' \"d\"", "👍🏽", "e\u0301"}) {
    CHECK(escape(text) == text);
  }
}

TEST_CASE("escape: control bytes and DEL become hex escapes", "[cli]") {
  CHECK(escape("a\nb\tc\r") == "a\\x0ab\\x09c\\x0d");
  CHECK(escape("\x1b[31mred\x1b[0m") == "\\x1b[31mred\\x1b[0m");
  CHECK(escape(std::string("\0\x7f", 2)) == "\\x00\\x7f");
}

TEST_CASE("escape: C1 controls, which some terminals obey, are shown", "[cli]") {
  CHECK(escape("\u009b31m") == "\\u{9b}31m");
  CHECK(escape("\u0085") == "\\u{85}");
}

TEST_CASE("escape: characters that turn the reading direction are shown", "[cli]") {
  CHECK(escape("\u202egnp.exe") == "\\u{202e}gnp.exe");
  for (const char* text : {"\u200e", "\u200f", "\u202a", "\u202d", "\u2066", "\u2069", "\u061c"}) {
    CHECK(escape(text).starts_with("\\u{"));
  }
}

TEST_CASE("escape: characters without a glyph, and line separators, are shown", "[cli]") {
  for (const char* text : {"\u200b", "\u200d", "\u2060", "\ufeff", "\u2028", "\u2029", "\u00ad", "\U000e0041"}) {
    CHECK(escape(text).starts_with("\\u{"));
  }
}

TEST_CASE("escape: bytes that are not UTF-8 become hex escapes, one by one", "[cli]") {
  CHECK(escape("\xff\xc3") == "\\xff\\xc3");
  CHECK(escape("\xc3\xa9\xc3") == "é\\xc3");
  CHECK(escape("\xed\xa0\x80") == "\\xed\\xa0\\x80");  // a surrogate
  CHECK(escape("\xc0\xaf") == "\\xc0\\xaf");           // overlong
}

TEST_CASE("escape: the result is one line of UTF-8 and stays the same when it is escaped again", "[cli]") {
  std::string every_byte;
  for (int byte = 0; byte < 256; ++byte) every_byte += static_cast<char>(byte);
  const std::string once = escape(every_byte);
  CHECK(is_plain_utf8(once));
  CHECK(escape(once) == once);
}

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

TEST_CASE("quote: a long argument is cut to its beginning and its size", "[cli]") {
  CHECK(quote("a b") == "'a b'");
  CHECK(quote("\x1b") == "'\\x1b'");
  const std::string shown = quote(std::string(1024 * 1024, 'a'));
  CHECK(shown.size() < 300);
  CHECK(shown.ends_with("…' (1048576 bytes)"));
}

TEST_CASE("quote: a long text is not cut through a character", "[cli]") {
  for (std::size_t shift = 0; shift < 4; ++shift) {
    std::string text(shift, 'a');
    while (text.size() < 1000) text += "👍";
    CHECK(quote(text).find("\\x") == std::string::npos);
  }
  CHECK(quote(std::string(1000, '\x80')).size() < 1000);
}
