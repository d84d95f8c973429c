#include <catch2/catch.hpp>

#include <array>

#include "model/reject.hpp"
#include "model/result.hpp"
#include "model/text.hpp"

using namespace musher;
using namespace std::string_literals;

TEST_CASE("hex: lower case is written, either case is read", "[model]") {
  const std::array<std::uint8_t, 4> bytes = {0x00, 0x9f, 0xab, 0xff};
  CHECK(to_hex(bytes) == "009fabff");
  std::array<std::uint8_t, 4> read{};
  CHECK(from_hex("009FabFf", read));
  CHECK(read == bytes);
}

TEST_CASE("hex: wrong lengths and other characters are refused", "[model]") {
  std::array<std::uint8_t, 2> out{};
  for (const std::string bad : {"", "0", "000", "00000", "00g0", "0x00", " 000", "00-0", "00\0\0"}) {
    CAPTURE(bad);
    CHECK_FALSE(from_hex(bad, out));
  }
}

TEST_CASE("UTF-8: what is well-formed is taken", "[model]") {
  for (const std::string good :
       {"", "plain", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
        "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "12345678\xc3\xa9", "1234567\xc3\xa9"}) {
    CAPTURE(good);
    CHECK(is_utf8(good));
  }
}

TEST_CASE("UTF-8: overlong forms, surrogates, cut sequences and stray bytes are refused", "[model]") {
  for (const std::string bad :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x41", "\xe0\x9f\xbf", "\xe0\xa0", "\xed\xa0\x80",
        "\xed\xbf\xbf", "\xef\xbf", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff",
        "\xfe", "12345678\xff", "1234567\xc3"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_utf8(bad));
  }
}

TEST_CASE("plain UTF-8: no control characters, C0, DEL or C1; everything else", "[model]") {
  for (const std::string& good : {""s, "478_story sync"s, "\xc2\xa0"s, "\xe2\x80\xae"s, "\xf0\x9f\x98\x80"s, "~"s}) {
    CAPTURE(good);
    CHECK(is_plain_utf8(good));
  }
  for (const std::string& bad : {"\0"s, "a\nb"s, "\x1f"s, "\x7f"s, "\xc2\x80"s, "\xc2\x9f"s, "\x1b[31m"s, "\xff"s}) {
    CAPTURE(bad);
    CHECK_FALSE(is_plain_utf8(bad));
  }
}

TEST_CASE("shell_word: what a shell would take apart is quoted", "[model]") {
  CHECK(shell_word("/srv/pipeline.db.key") == "/srv/pipeline.db.key");
  CHECK(shell_word("") == "''");
  CHECK(shell_word("my log.db") == "'my log.db'");
  CHECK(shell_word("it's") == "'it'\\''s'");
  CHECK(shell_word("$(rm x)") == "'$(rm x)'");
  CHECK(shell_word("~root") == "'~root'");
}

TEST_CASE("nearest: a mistyped story is found, the nearest first", "[model]") {
  const std::vector<std::string> stories = {"478_story_sync", "478_story_sink", "479_story_sync", "12_login"};
  CHECK(nearest("478_story_snyc", stories) ==
        std::vector<std::string>{"478_story_sync", "479_story_sync", "478_story_sink"});
  CHECK(nearest("478_story_snyc", stories, 1) == std::vector<std::string>{"478_story_sync"});
  CHECK(nearest("login", stories) == std::vector<std::string>{"12_login"});
  CHECK(nearest("12_login_page", stories) == std::vector<std::string>{"12_login"});
}

TEST_CASE("nearest: upper and lower case make no difference", "[model]") {
  CHECK(nearest("478_STORY_SYNC", std::vector<std::string>{"478_story_sync", "503"}) ==
        std::vector<std::string>{"478_story_sync"});
  CHECK(nearest("abc", std::vector<std::string>{"ABC"}) == std::vector<std::string>{"ABC"});
}

TEST_CASE("shell words: an operand that begins with a dash comes after the end of the options", "[model]") {
  CHECK(shell_operand("478") == "478");
  CHECK(shell_operand("my story") == "'my story'");
  CHECK(shell_operand("--config=/tmp/x") == "-- --config=/tmp/x");
  CHECK(shell_operand("-$(id)") == "-- '-$(id)'");
}

TEST_CASE("visible: a name shows something, and has no blank at an end", "[model]") {
  for (const char* name : {"a", "my story", "\u00e9t\u00e9", "\u2708\ufe0f", "\u200ba", "\U0001f469\u200d\U0001f4bb"}) {
    CAPTURE(name);
    CHECK(is_visible(name));
  }
  for (const char* name : {"", " ", " a", "a ", "\u00a0a", "a\u3000", "\u200b", "\u200b\u2060\ufeff", "\u3164",
                           "\u2800", "\ufe0f", "a\u2028", "\xff"}) {
    CAPTURE(name);
    CHECK_FALSE(is_visible(name));
  }
}

TEST_CASE("nearest: nothing near is no suggestion", "[model]") {
  const std::vector<std::string> stories = {"478_story_sync", "", "12_login"};
  CHECK(nearest("payments", stories).empty());
  CHECK(nearest("", stories).empty());
  CHECK(nearest("xy", std::vector<std::string>{"ab"}).empty());
  CHECK(nearest("x", {}).empty());
}

TEST_CASE("nearest: a transposition costs one, a name that is there twice is shown once", "[model]") {
  CHECK(nearest("ba_", std::vector<std::string>{"ab_", "ab_"}) == std::vector<std::string>{"ab_"});
  CHECK(nearest("ehlp", std::vector<std::string>{"elk", "help"}) == std::vector<std::string>{"help", "elk"});
}

TEST_CASE("names of rejects and errors are stable and distinct", "[model]") {
  CHECK(to_string(Reject::malformed) == "malformed");
  CHECK(to_string(Reject::seq_out_of_bounds) == "seq_out_of_bounds");
  std::vector<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(Reject::seq_out_of_bounds); ++i)
    names.push_back(to_string(static_cast<Reject>(i)));
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());

  CHECK(to_string(Errc::usage) == "usage");
  CHECK(to_string(Errc::internal) == "internal");
  names.clear();
  for (int i = 0; i <= static_cast<int>(Errc::internal); ++i) names.push_back(to_string(static_cast<Errc>(i)));
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
}
