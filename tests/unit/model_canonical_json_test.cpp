#include <catch2/catch.hpp>

#include <bit>
#include <cstdio>

#include "model/canonical_json.hpp"
#include "model/op.hpp"

using namespace musher;
using namespace std::string_literals;

namespace {

std::string canonical(std::string_view json) {
  const auto result = canonicalise(json);
  return result ? *result : "problem: " + result.error().why;
}

std::string problem(std::string_view json) {
  const auto result = canonicalise(json);
  return result ? "no problem: " + *result : result.error().why;
}

std::string nested(std::size_t depth, char open, char close) {
  return std::string(depth, open) + std::string(depth, close);
}

}  // namespace

TEST_CASE("canonicalise: whitespace goes, members are put in order, values stay", "[model]") {
  CHECK(canonical(" { \"b\" : [ 1 , true , null ] ,\n\t\"a\" : { } } ") == R"({"a":{},"b":[1,true,null]})");
  CHECK(canonical("\"x\"") == "\"x\"");
  CHECK(canonical(" [ ] ") == "[]");
  CHECK(canonical("false") == "false");
  CHECK(canonical(R"({"z":{"y":1,"x":[{"b":2,"a":1}]},"a":0})") == R"({"a":0,"z":{"x":[{"a":1,"b":2}],"y":1}})");
}

TEST_CASE("canonicalise: members are ordered by UTF-16 code units (RFC 8785, 3.2.3)", "[model]") {
  CHECK(
      canonical(
          R"({"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",)"
          R"("\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"})") ==
      "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xc2\x80\":\"Control\",\"\xc3\xb6\":\"Latin Small Letter O With "
      "Diaeresis\","
      "\"\xe2\x82\xac\":\"Euro Sign\",\"\xf0\x9f\x98\x80\":\"Emoji: Grinning Face\",\"\xef\xac\xb3\":\"Hebrew Letter "
      "Dalet With Dagesh\"}");
  CHECK(canonical(R"({"aa":1,"a":2,"":3})") == R"({"":3,"a":2,"aa":1})");
  CHECK(canonical(R"({"\"":1,"!":2,"#":3,"\\":4,"[":5,"]":6,"\n":7})") ==
        R"({"\n":7,"!":2,"\"":1,"#":3,"[":5,"\\":4,"]":6})");
  CHECK(canonical(R"({"a\nb":1,"a!":2,"a":3,"a\u0001":4})") == R"({"a":3,"a\u0001":4,"a\nb":1,"a!":2})");
}

TEST_CASE("canonicalise: strings are escaped only where they must be (RFC 8785, 3.2.2.2)", "[model]") {
  CHECK(canonical(R"("\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/")") ==
        "\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"");
  CHECK(canonical(R"("\u0008\u0009\u000a\u000c\u000d\b\t\n\f\r\u0000\u001F\u007F")") ==
        "\"\\b\\t\\n\\f\\r\\b\\t\\n\\f\\r\\u0000\\u001f\x7f\"");
  CHECK(canonical(R"("\uD834\uDD1E\u2028")") == "\"\xf0\x9d\x84\x9e\xe2\x80\xa8\"");
}

TEST_CASE("canonicalise: numbers print as ECMAScript prints them (RFC 8785, appendix B)", "[model]") {
  struct Sample {
    std::uint64_t bits;
    std::string text;
  };
  const Sample samples[] = {{0x0000000000000000, "0"},
                            {0x8000000000000000, "0"},
                            {0x0000000000000001, "5e-324"},
                            {0x8000000000000001, "-5e-324"},
                            {0x7fefffffffffffff, "1.7976931348623157e+308"},
                            {0xffefffffffffffff, "-1.7976931348623157e+308"},
                            {0x433fffffffffffff, "9007199254740991"},
                            {0xc33fffffffffffff, "-9007199254740991"},
                            {0x44b52d02c7e14af5, "9.999999999999997e+22"},
                            {0x44b52d02c7e14af6, "1e+23"},
                            {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
                            {0x444b1ae4d6e2ef50, "1e+21"},
                            {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
                            {0x3eb0c6f7a0b5ed8d, "0.000001"},
                            {0x41b3de4355555553, "333333333.3333332"},
                            {0x41b3de4355555554, "333333333.33333325"},
                            {0x41b3de4355555555, "333333333.3333333"},
                            {0x41b3de4355555556, "333333333.3333334"},
                            {0x41b3de4355555557, "333333333.33333343"},
                            {0xbecbf647612f3696, "-0.0000033333333333333333"},
                            {0x43143ff3c1cb0959, "1424953923781206.2"}};
  for (const Sample& sample : samples) {
    char spelling[400];
    std::snprintf(spelling, sizeof spelling, "%.1100g", std::bit_cast<double>(sample.bits));
    CAPTURE(sample.text);
    std::snprintf(spelling, sizeof spelling, "%.17e", std::bit_cast<double>(sample.bits));
    CHECK(canonical(spelling) == sample.text);
    CHECK(is_canonical(sample.text));
  }
}

TEST_CASE("canonicalise: each number has one spelling", "[model]") {
  for (const char* spelling :
       {"1", "1.0", "1e0", "10e-1", "0.1e1", "1.000000000000000000000000000001", "100E-2", "1E+0"}) {
    CAPTURE(spelling);
    CHECK(canonical(spelling) == "1");
    CHECK(is_canonical(spelling) == (spelling == "1"s));
  }
  for (const char* spelling : {"0", "-0", "0.0", "-0.0", "0e5", "-0E-7", "1e-400", "-1e-400", "0e99999999999999999999",
                               "1e-99999999999999999999", "0.000e+12"}) {
    CAPTURE(spelling);
    CHECK(canonical(spelling) == "0");
  }
  CHECK(canonical("1000000000000000000000") == "1e+21");
  CHECK(canonical("100000000000000000000000e-10") == "10000000000000");
  CHECK(canonical("0." + std::string(400, '0') + "1e401") == "1");
  CHECK(canonical("0." + std::string(400, '0') + "1e10") == "0");
  CHECK(canonical("0." + std::string(400, '0') + "1") == "0");
}

TEST_CASE("canonicalise: integers past 2^53-1 and numbers past a double are refused", "[model]") {
  CHECK(canonical("9007199254740991") == "9007199254740991");
  CHECK(canonical("-9007199254740991") == "-9007199254740991");
  for (const char* number : {"9007199254740992", "9007199254740993", "-9007199254740992", "18446744073709551616",
                             "1e20", "999999999999999900000", "9007199254740992.0"}) {
    CAPTURE(number);
    CHECK(problem(number) == "number "s + number + " is past 2^53-1");
  }
  for (const char* number : {"1e400", "-1e400", "1.7976931348623159e308", "1e99999999999999999999"}) {
    CAPTURE(number);
    CHECK(problem(number) == "number "s + number + " is past the range of a double");
  }
  CHECK(problem(std::string(400, '1')) == "number " + std::string(40, '1') + "... is past the range of a double");
}

TEST_CASE("canonicalise: a name twice is refused, however it is spelt", "[model]") {
  CHECK(problem(R"({"stage":1,"stage":1})") == R"(duplicate key "stage")");
  CHECK(problem(R"({"a":1,"b":2,"\u0061":3})") == R"(duplicate key "a")");
  CHECK(problem(R"({"x":{"\n":1,"\u000a":1}})") == R"(duplicate key "\n")");
  CHECK(problem(R"({"b":1,"a":1,"b":1})") == R"(duplicate key "b")");
  CHECK(canonical(R"([{"a":1},{"a":1}])") == R"([{"a":1},{"a":1}])");
}

TEST_CASE("canonicalise: 32 levels are taken, 33 and 100,000 are not", "[model]") {
  CHECK(canonical(nested(kMaxJsonDepth, '[', ']')) == nested(kMaxJsonDepth, '[', ']'));
  CHECK(problem(nested(kMaxJsonDepth + 1, '[', ']')) == "it nests deeper than 32");
  CHECK(problem(std::string(100'000, '[')) == "it nests deeper than 32");
  std::string objects = "1";
  for (std::size_t i = 0; i < kMaxJsonDepth; ++i) objects = "{\"a\":" + objects + "}";
  CHECK(canonical(objects) == objects);
  CHECK(problem("[" + objects + "]") == "it nests deeper than 32");
}

TEST_CASE("canonicalise: 1 MiB is taken, one byte more is not", "[model]") {
  const std::string largest = "\"" + std::string(kMaxContentBytes - 2, 'x') + "\"";
  CHECK(canonical(largest) == largest);
  CHECK(is_canonical(largest));
  const std::string larger = "\"" + std::string(kMaxContentBytes - 1, 'x') + "\"";
  CHECK(problem(larger) == "it is longer than 1 MiB");
  CHECK_FALSE(is_canonical(larger));
  CHECK(canonical(std::string(2 * kMaxContentBytes, ' ') + "1") == "1");
}

TEST_CASE("canonicalise: what is not JSON is refused, with the place", "[model]") {
  const std::pair<std::string, std::string> bad[] = {{"", "no value at byte 0"},
                                                     {"  ", "no value at byte 2"},
                                                     {"\xEF\xBB\xBF{}", "it begins with a byte order mark"},
                                                     {"\"\xff\"", "it is not UTF-8"},
                                                     {"\"\xed\xa0\x80\"", "it is not UTF-8"},
                                                     {"\"\xc0\x80\"", "it is not UTF-8"},
                                                     {R"("\ud800")", "a lone surrogate at byte 7"},
                                                     {R"("\udc00")", "a lone surrogate at byte 7"},
                                                     {R"("\ud800\ud800")", "a lone surrogate at byte 13"},
                                                     {R"("\ud800\n")", "a lone surrogate at byte 8"},
                                                     {R"("\ud800x")", "a lone surrogate at byte 7"},
                                                     {R"("\u12)", "a string does not end"},
                                                     {R"("\u12G4")", "an unknown escape at byte 5"},
                                                     {R"("\x41")", "an unknown escape at byte 3"},
                                                     {"\"\\", "an unknown escape at byte 2"},
                                                     {"\"a\nb\"", "a control character in a string at byte 2"},
                                                     {"\"a\0b\""s, "a control character in a string at byte 2"},
                                                     {"\"abc", "a string does not end"},
                                                     {"{}\0"s, "text after the value at byte 2"},
                                                     {"1 2", "text after the value at byte 2"},
                                                     {"NaN", "no value at byte 0"},
                                                     {"Infinity", "no value at byte 0"},
                                                     {"-Infinity", "no value at byte 1"},
                                                     {"nul", "no value at byte 0"},
                                                     {"+1", "no value at byte 0"},
                                                     {"-", "no value at byte 1"},
                                                     {"01", "a number begins with 0"},
                                                     {"-01", "a number begins with 0"},
                                                     {"1.", "no digit at byte 2"},
                                                     {".5", "no value at byte 0"},
                                                     {"1e", "no digit at byte 2"},
                                                     {"1e+", "no digit at byte 3"},
                                                     {"0x10", "text after the value at byte 1"},
                                                     {"[1,]", "no value at byte 3"},
                                                     {"[1 2]", "no comma or bracket at byte 3"},
                                                     {"[", "no value at byte 1"},
                                                     {"{\"a\"}", "no colon at byte 4"},
                                                     {"{\"a\":1,}", "no name at byte 7"},
                                                     {"{a:1}", "no name at byte 1"},
                                                     {"{\"a\":1 \"b\":2}", "no comma or brace at byte 7"},
                                                     {"{\"a\":", "no value at byte 5"},
                                                     {"'a'", "no value at byte 0"},
                                                     {"/**/1", "no value at byte 0"},
                                                     {"[1]]", "text after the value at byte 3"}};
  for (const auto& [text, why] : bad) {
    CAPTURE(text);
    CHECK(problem(text) == why);
    CHECK_FALSE(is_canonical(text));
  }
}

TEST_CASE("is_canonical: a spelling that canonicalise would change is not", "[model]") {
  for (const std::string other :
       {" 1", "1 ", R"({"b":1,"a":2})", R"("\u0061")", R"("\/")", R"("\u000A")", R"("\u001F")", "1.0", "-0", "1E+21",
        "1e21", "[ ]", "{\"a\": 1}", R"("\ud83d\ude00")"}) {
    CAPTURE(other);
    CHECK_FALSE(is_canonical(other));
    CHECK(is_canonical(canonical(other)));
  }
}

TEST_CASE("canonical_string and string_value: any text comes back, and only strings have one", "[model]") {
  for (const std::string& text :
       {""s, "plain"s, "\"\\/\b\f\n\r\t\x01\x1f\x7f"s, "a\0b"s, "\xf0\x9f\x98\x80 \xe2\x80\xae"s}) {
    CAPTURE(text);
    const auto json = canonical_string(text);
    REQUIRE(json);
    CHECK(is_canonical(*json));
    CHECK(string_value(*json) == text);
  }
  CHECK(canonical_string("\xff").error().why == "it is not UTF-8");
  CHECK(canonical_string(std::string(kMaxContentBytes, 'x')).error().why == "it is longer than 1 MiB");
  for (const std::string other : {"1", "null", "{}", "[\"a\"]", "", "\"", "\"a", R"("\u0061")", R"("a"b")"}) {
    CAPTURE(other);
    CHECK_FALSE(string_value(other));
  }
}

TEST_CASE("members: names unescaped, values canonical, nothing for anything else", "[model]") {
  CHECK(members(R"({"\n":"x","a":[1,{"b":2}],"stage":"2_current"})") ==
        JsonMembers{{"\n", "\"x\""}, {"a", R"([1,{"b":2}])"}, {"stage", "\"2_current\""}});
  CHECK(members("{}").empty());
  for (const std::string other : {"[]", "1", "", "{", R"({"b":1,"a":2})", R"({"a": 1})", R"([{"a":1}])"}) {
    CAPTURE(other);
    CHECK(members(other).empty());
  }
}

TEST_CASE("canonical_object: the inverse of members, in any order", "[model]") {
  const auto object =
      canonical_object({{"stage", "\"1\""}, {"a\n", "[]"}, {"\xef\xac\xb3", "1"}, {"\xf0\x9f\x98\x80", "2"}});
  REQUIRE(object);
  CHECK(*object == "{\"a\\n\":[],\"stage\":\"1\",\"\xf0\x9f\x98\x80\":2,\"\xef\xac\xb3\":1}");
  CHECK(is_canonical(*object));
  CHECK(canonical_object(members(*object)) == *object);
  CHECK(canonical_object({}) == "{}"s);
  CHECK(canonical_object({{"a", "1"}, {"b", "1"}, {"a", "1"}}).error().why == R"(duplicate key "a")");
  CHECK(canonical_object({{"\xff", "1"}}).error().why == "it is not UTF-8");
  CHECK(canonical_object({{"a", nested(kMaxJsonDepth, '[', ']')}}).error().why == "it nests deeper than 32");
  CHECK(canonical_object({{"a", "\"" + std::string(kMaxContentBytes - 8, 'x') + "\""}}));
  CHECK(canonical_object({{"a", "\"" + std::string(kMaxContentBytes - 7, 'x') + "\""}}).error().why ==
        "it is longer than 1 MiB");
}

TEST_CASE("inexact integer: the first that a double cannot hold, outside text", "[model]") {
  CHECK(inexact_integer(R"([1, "12345678901234567890", -9007199254740991, 1e30, 0.12345678901234567890])") ==
        std::nullopt);
  CHECK(inexact_integer(R"({"a\"9": [9007199254740992]})") == "9007199254740992");
  CHECK(inexact_integer("-123456789012345678901234567890") == "-123456789012345678901234567890");
  CHECK(inexact_integer("\"unended 9007199254740993") == std::nullopt);
}
