// Canonical JSON against two other readers: a printer of random values written here, and simdjson.
#include <simdjson.h>
#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>

#include "model/canonical_json.hpp"
#include "support/property.hpp"

using namespace musher;
using musher::testing::holds;

namespace {

using Random = std::mt19937_64;

std::size_t below(Random& random, std::size_t limit) { return random() % limit; }

// --- a random value and its canonical form, by other means than the code under test

struct Value {
  enum class Kind { literal, number, text, array, object } kind{};
  std::string literal;
  double number = 0;
  std::u32string text;
  std::vector<Value> elements;
  std::vector<std::pair<std::u32string, Value>> members;
};

std::u32string random_text(Random& random) {
  static constexpr char32_t kCorners[] = {0,      1,      8,      9,       10,      0x1f,    '"',   '\\',
                                          '/',    'a',    'b',    0x7f,    0x80,    0x7ff,   0x800, 0xd7ff,
                                          0xe000, 0xfb33, 0xffff, 0x10000, 0x1f600, 0x10ffff};
  std::u32string text;
  for (std::size_t n = below(random, 5); n > 0; --n) text += kCorners[below(random, std::size(kCorners))];
  if (below(random, 8) == 0) text += U"a longer text that needs no escape";
  return text;
}

double random_number(Random& random) {
  for (;;) {
    double number = 0;
    switch (below(random, 4)) {
      case 0: number = static_cast<double>(static_cast<std::int64_t>(random()) >> (11 + below(random, 52))); break;
      case 1: number = static_cast<double>(random() % 100000) / 1000; break;
      case 2:
        number = std::ldexp(static_cast<double>(random() >> 11), static_cast<int>(below(random, 160)) - 120);
        break;
      default: {
        const std::uint64_t bits = random();
        std::memcpy(&number, &bits, sizeof number);
      }
    }
    const bool printed_whole = std::fabs(number) < 1e21 && std::trunc(number) == number;
    if (std::isfinite(number) && !(printed_whole && std::fabs(number) > 9007199254740991)) return number;
  }
}

Value random_value(Random& random, int depth) {
  Value value;
  switch (below(random, depth > 0 ? 6 : 3)) {
    case 0:
      value.kind = Value::Kind::literal;
      value.literal = std::array{"true", "false", "null"}[below(random, 3)];
      break;
    case 1:
      value.kind = Value::Kind::number;
      value.number = random_number(random);
      break;
    case 2:
      value.kind = Value::Kind::text;
      value.text = random_text(random);
      break;
    case 3:
      value.kind = Value::Kind::array;
      for (std::size_t n = below(random, 4); n > 0; --n) value.elements.push_back(random_value(random, depth - 1));
      break;
    default:
      value.kind = Value::Kind::object;
      std::map<std::u32string, Value> members;
      for (std::size_t n = below(random, 7); n > 0; --n) members[random_text(random)] = random_value(random, depth - 1);
      value.members.assign(members.begin(), members.end());
  }
  return value;
}

std::u16string utf16(const std::u32string& text) {
  std::u16string units;
  for (const char32_t code : text) {
    if (code >= 0x10000) units += static_cast<char16_t>(0xd800 + ((code - 0x10000) >> 10));
    units += static_cast<char16_t>(code >= 0x10000 ? 0xdc00 + ((code - 0x10000) & 0x3ff) : code);
  }
  return units;
}

std::string utf8(char32_t code) {
  if (code < 0x80) return {static_cast<char>(code)};
  std::string bytes;
  const int tails = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  static constexpr int kLead[] = {0, 0xc0, 0xe0, 0xf0};
  bytes += static_cast<char>(kLead[tails] | static_cast<int>(code >> (6 * tails)));
  for (int i = tails - 1; i >= 0; --i) bytes += static_cast<char>(0x80 | ((code >> (6 * i)) & 0x3f));
  return bytes;
}

std::string print_text(const std::u32string& text) {
  std::string out = "\"";
  for (const char32_t code : text) {
    static const std::map<char32_t, std::string> kShort = {{8, "\\b"},  {9, "\\t"},    {10, "\\n"},   {12, "\\f"},
                                                           {13, "\\r"}, {'"', "\\\""}, {'\\', "\\\\"}};
    char hex[8];
    std::snprintf(hex, sizeof hex, "\\u%04x", static_cast<unsigned>(code));
    out += kShort.contains(code) ? kShort.at(code) : code < 0x20 ? hex : utf8(code);
  }
  return out + "\"";
}

// The fewest digits that read back as the same double, then ECMAScript's layout.
std::string print_number(double number) {
  if (number == 0) return "0";
  char text[40];
  int precision = 0;
  do {
    std::snprintf(text, sizeof text, "%.*e", precision++, std::fabs(number));
  } while (std::strtod(text, nullptr) != std::fabs(number));
  const std::string printed = text;
  const std::size_t e = printed.find('e');
  std::string digits = printed.substr(0, e);
  std::erase(digits, '.');
  const int k = static_cast<int>(digits.size());
  const int n = std::atoi(printed.c_str() + e + 1) + 1;
  const std::string sign = number < 0 ? "-" : "";
  if (k <= n && n <= 21) return sign + digits + std::string(static_cast<std::size_t>(n - k), '0');
  if (0 < n && n <= 21) return sign + digits.insert(static_cast<std::size_t>(n), ".");
  if (-6 < n && n <= 0) return sign + "0." + std::string(static_cast<std::size_t>(-n), '0') + digits;
  if (k > 1) digits.insert(1, ".");
  return sign + digits + (n > 0 ? "e+" : "e-") + std::to_string(std::abs(n - 1));
}

std::string canonical(Value value) {
  switch (value.kind) {
    case Value::Kind::literal: return value.literal;
    case Value::Kind::number: return print_number(value.number);
    case Value::Kind::text: return print_text(value.text);
    case Value::Kind::array: {
      std::string out;
      for (const Value& element : value.elements) out += (out.empty() ? "[" : ",") + canonical(element);
      return (out.empty() ? "[" : out) + "]";
    }
    case Value::Kind::object: break;
  }
  std::ranges::sort(value.members, {}, [](const auto& member) { return utf16(member.first); });
  std::string out;
  for (const auto& [name, member] : value.members) {
    out += (out.empty() ? "{" : ",") + print_text(name) + ":" + canonical(member);
  }
  return (out.empty() ? "{" : out) + "}";
}

// --- the same value, spelt at random

std::string spell_text(const std::u32string& text, Random& random) {
  std::string out = "\"";
  for (const char32_t code : text) {
    if (code >= 0x20 && code != '"' && code != '\\' && below(random, 2) == 0) {
      out += utf8(code);
      continue;
    }
    for (const char16_t unit : utf16({code})) {
      char hex[8];
      std::snprintf(hex, sizeof hex, below(random, 2) == 0 ? "\\u%04x" : "\\u%04X", static_cast<unsigned>(unit));
      out += code == '/' ? "\\/" : code == 10 && below(random, 2) == 0 ? "\\n" : hex;
    }
  }
  return out + "\"";
}

std::string spell_number(double number, Random& random) {
  char text[64];
  switch (below(random, 4)) {
    case 0: std::snprintf(text, sizeof text, "%.17g", number); break;
    case 1: std::snprintf(text, sizeof text, "%.25g", number); break;
    case 2: std::snprintf(text, sizeof text, "%.17E", number); break;
    default: std::snprintf(text, sizeof text, "%.20e", number); break;
  }
  return text;
}

std::string spell(Value value, Random& random) {
  const auto space = [&] { return std::array{"", "", " ", "\n\t", "\r "}[below(random, 5)]; };
  std::string out = space();
  std::string separator;
  switch (value.kind) {
    case Value::Kind::literal: out += value.literal; break;
    case Value::Kind::number: out += spell_number(value.number, random); break;
    case Value::Kind::text: out += spell_text(value.text, random); break;
    case Value::Kind::array:
      out += "[";
      for (const Value& element : value.elements) out += std::exchange(separator, ",") + spell(element, random);
      out += space() + std::string("]");
      break;
    case Value::Kind::object:
      std::ranges::shuffle(value.members, random);
      out += "{";
      for (const auto& [name, member] : value.members) {
        out +=
            std::exchange(separator, ",") + space() + spell_text(name, random) + space() + ":" + spell(member, random);
      }
      out += space() + std::string("}");
      break;
  }
  return out + space();
}

// A few bytes of text changed, cut or doubled.
std::string mutated(std::string text, Random& random) {
  static constexpr std::string_view kBytes = "{}[]:,\"\\u0019-+.eEtfn \x00\x1f\x7f\x80\xc2\xed\xff";
  for (std::size_t n = 1 + below(random, 3); n > 0 && !text.empty(); --n) {
    const std::size_t at = below(random, text.size());
    switch (below(random, 4)) {
      case 0: text[at] = kBytes[below(random, kBytes.size())]; break;
      case 1: text.erase(at, 1); break;
      case 2: text.insert(at, 1, kBytes[below(random, kBytes.size())]); break;
      default: text.insert(at, text.substr(at, below(random, 8)));
    }
  }
  return text;
}

bool has_any(const std::string& why, std::initializer_list<const char*> words) {
  return std::ranges::any_of(words, [&](const char* word) { return why.find(word) != why.npos; });
}

}  // namespace

TEST_CASE("canonicalise: every spelling of a value gives its one canonical form", "[model]") {
  CHECK(holds("canonicalise(spelling) == canonical form", [](std::uint64_t seed) {
    Random random(seed);
    for (int i = 0; i < 20; ++i) {
      const Value value = random_value(random, 4);
      const std::string expected = canonical(value);
      const std::string spelling = spell(value, random);
      const auto got = canonicalise(spelling);
      if (!got) RC_FAIL(spelling + ": " + got.error().why);
      RC_ASSERT(*got == expected);
      RC_ASSERT(canonicalise(expected).value() == expected);
      RC_ASSERT(is_canonical(expected));
      RC_ASSERT(is_canonical(spelling) == (spelling == expected));
    }
  }));
}

TEST_CASE("members and canonical_object: they take apart and put together every canonical object", "[model]") {
  CHECK(holds("canonical_object(members(x)) == x", [](std::uint64_t seed) {
    Random random(seed);
    Value value;
    do value = random_value(random, 3);
    while (value.kind != Value::Kind::object);
    const std::string object = canonical(value);
    JsonMembers list = members(object);
    RC_ASSERT(list.size() == value.members.size());
    std::ranges::shuffle(list, random);
    RC_ASSERT(canonical_object(list).value() == object);
  }));
}

TEST_CASE("canonicalise: it takes what simdjson takes, but for the limits that are musher's own", "[model]") {
  CHECK(holds("agrees with simdjson", [](std::uint64_t seed) {
    Random random(seed);
    simdjson::dom::parser parser;
    for (int i = 0; i < 50; ++i) {
      const std::string text = mutated(spell(random_value(random, 3), random), random);
      const auto mine = canonicalise(text);
      const auto theirs = parser.parse(simdjson::padded_string(text)).error();
      if (mine) {
        const bool is_long_integer = theirs == simdjson::NUMBER_ERROR;  // simdjson has 64 bits for it
        if (theirs != simdjson::SUCCESS && !is_long_integer) RC_FAIL("taken: " + text);
        RC_ASSERT(is_canonical(*mine));
      } else if (theirs == simdjson::SUCCESS) {
        const bool own_limit =
            has_any(mine.error().why, {"duplicate key", "past 2^53-1", "lone surrogate", "byte order mark"});
        if (!own_limit) RC_FAIL("refused: " + text + ": " + mine.error().why);
      }
      if (is_canonical(text)) RC_ASSERT(*mine == text);
    }
  }));
}
