#include <catch2/catch.hpp>

#include "model/escape.hpp"
#include "model/text.hpp"

using namespace musher;

TEST_CASE("escape: printable text of any script stays as it is", "[model]") {
  for (const char* text : {"478_story_sync", "Zürich – naïve", "日本語", "a\\b 'c' \"d\"", "👍🏽", "e\u0301"}) {
    CHECK(escape(text) == text);
  }
}

TEST_CASE("escape: control bytes and DEL become hex escapes", "[model]") {
  CHECK(escape("a\nb\tc\r") == "a\\x0ab\\x09c\\x0d");
  CHECK(escape("\x1b[31mred\x1b[0m") == "\\x1b[31mred\\x1b[0m");
  CHECK(escape(std::string("\0\x7f", 2)) == "\\x00\\x7f");
}

TEST_CASE("escape: C1 controls, which some terminals obey, are shown", "[model]") {
  CHECK(escape("\u009b31m") == "\\u{9b}31m");
  CHECK(escape("\u0085") == "\\u{85}");
}

TEST_CASE("escape: characters that turn the reading direction are shown", "[model]") {
  CHECK(escape("\u202egnp.exe") == "\\u{202e}gnp.exe");
  for (const char* text : {"\u200e", "\u200f", "\u202a", "\u202d", "\u2066", "\u2069", "\u061c"}) {
    CHECK(escape(text).starts_with("\\u{"));
  }
}

TEST_CASE("escape: characters without a glyph, and line separators, are shown", "[model]") {
  for (const char* text : {"\u200b", "\u200d", "\u2060", "\ufeff", "\u2028", "\u2029", "\u00ad", "\U000e0041"}) {
    CHECK(escape(text).starts_with("\\u{"));
  }
}

TEST_CASE("escape: bytes that are not UTF-8 become hex escapes, one by one", "[model]") {
  CHECK(escape("\xff\xc3") == "\\xff\\xc3");
  CHECK(escape("\xc3\xa9\xc3") == "é\\xc3");
  CHECK(escape("\xed\xa0\x80") == "\\xed\\xa0\\x80");  // a surrogate
  CHECK(escape("\xc0\xaf") == "\\xc0\\xaf");           // overlong
}

TEST_CASE("escape: the result is one line of UTF-8 and stays the same when it is escaped again", "[model]") {
  std::string every_byte;
  for (int byte = 0; byte < 256; ++byte) every_byte += static_cast<char>(byte);
  const std::string once = escape(every_byte);
  CHECK(is_plain_utf8(once));
  CHECK(escape(once) == once);
}

TEST_CASE("shortened text: what is too long is cut between characters, and ends in an ellipsis", "[model]") {
  CHECK(shortened_text("abcdef", 6) == "abcdef");
  CHECK(shortened_text("abcdefg", 6) == "abcdef…");
  CHECK(shortened_text("日本語", 5) == "日…");
  CHECK(shortened_text("日本語", 2) == "…");
}

TEST_CASE("message text: the middle of a long message is left out, not through a character", "[model]") {
  CHECK(message_text("a\nb", 4) == "a\\x0ab");
  CHECK(message_text("abcdefgh", 4) == "ab … (4 bytes left out) … gh");
  CHECK(message_text("日本語日本語", 8) == "日 … (12 bytes left out) … 語");
}

TEST_CASE("quote: a long argument is cut to its beginning and its size", "[model]") {
  CHECK(quote("a b") == "'a b'");
  CHECK(quote("\x1b") == "'\\x1b'");
  const std::string shown = quote(std::string(1024 * 1024, 'a'));
  CHECK(shown.size() < 300);
  CHECK(shown.ends_with("…' (1048576 bytes)"));
}

TEST_CASE("quote: a long text is not cut through a character", "[model]") {
  for (std::size_t shift = 0; shift < 4; ++shift) {
    std::string text(shift, 'a');
    while (text.size() < 1000) text += "👍";
    CHECK(quote(text).find("\\x") == std::string::npos);
  }
  CHECK(quote(std::string(1000, '\x80')).size() < 1000);
}
