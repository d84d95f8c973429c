#include "model/canonical_json.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iterator>

#include "model/op.hpp"
#include "model/text.hpp"

namespace musher {
namespace {

constexpr double kMaxExactInteger = 9007199254740991;  // 2^53-1
constexpr char kHexDigits[] = "0123456789abcdef";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex_digit(char c) { return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); }

std::string shortened(std::string_view text) {
  constexpr std::size_t kShown = 40;
  return text.size() <= kShown ? std::string(text) : std::string(text.substr(0, kShown)) + "...";
}

// The text at the front of `text` that needs no escape: up to a quote, a backslash or a control character.
std::size_t plain_length(std::string_view text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHigh = 0x8080808080808080;
  const auto has_zero = [](std::uint64_t x) { return (x - kOnes) & ~x & kHigh; };
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + i, sizeof word);
    const std::uint64_t control = (word - kOnes * 0x20) & ~word & kHigh;
    if ((control | has_zero(word ^ (kOnes * '"')) | has_zero(word ^ (kOnes * '\\'))) != 0) break;
  }
  while (i < text.size() && text[i] != '"' && text[i] != '\\' && static_cast<std::uint8_t>(text[i]) >= 0x20) ++i;
  return i;
}

// One ASCII character as a canonical string has it.
void append_escaped(std::string& out, char c) {
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\b': out += "\\b"; return;
    case '\t': out += "\\t"; return;
    case '\n': out += "\\n"; return;
    case '\f': out += "\\f"; return;
    case '\r': out += "\\r"; return;
    default: break;
  }
  const auto byte = static_cast<std::uint8_t>(c);
  if (byte >= 0x20) {
    out += c;
  } else {
    out += "\\u00";
    out += kHexDigits[byte >> 4];
    out += kHexDigits[byte & 15];
  }
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto tail = [&](unsigned shift) { out += static_cast<char>(0x80 | ((code >> shift) & 0x3F)); };
  if (code < 0x80) {
    append_escaped(out, static_cast<char>(code));
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    tail(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

void append_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const std::size_t plain = plain_length(text);
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    append_escaped(out, text.front());
    text.remove_prefix(1);
  }
  out += '"';
}

std::uint32_t hex_digit(char c) {
  if (is_digit(c)) return static_cast<std::uint32_t>(c - '0');
  return static_cast<std::uint32_t>((c | 0x20) - 'a' + 10);
}

// What a canonical string (without its quotes) stands for.
std::string unescape(std::string_view body) {
  std::string text;
  text.reserve(body.size());
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (body[i] != '\\') {
      text += body[i];
      continue;
    }
    switch (body[++i]) {
      case 'b': text += '\b'; break;
      case 't': text += '\t'; break;
      case 'n': text += '\n'; break;
      case 'f': text += '\f'; break;
      case 'r': text += '\r'; break;
      case 'u':
        text += static_cast<char>(hex_digit(body[i + 3]) * 16 + hex_digit(body[i + 4]));
        i += 4;
        break;
      default: text += body[i]; break;
    }
  }
  return text;
}

// UTF-8 sorts as code points do. UTF-16 puts U+E000..U+FFFF (lead bytes EE, EF) behind the surrogates (lead bytes
// F0..F4).
std::uint8_t utf16_rank(char c) {
  const auto byte = static_cast<std::uint8_t>(c);
  return byte == 0xEE || byte == 0xEF ? static_cast<std::uint8_t>(byte + 0x10) : byte;
}

// Orders well-formed texts by UTF-16 code units.
std::strong_ordering compare_utf16(std::string_view a, std::string_view b) {
  const auto [left, right] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  if (left == a.end() || right == b.end()) return a.size() <=> b.size();
  return utf16_rank(*left) <=> utf16_rank(*right);
}

// The same for the bodies of canonical strings. Escapes matter only where the two have not yet differed.
std::strong_ordering compare_names(std::string_view a, std::string_view b) {
  const auto [left, right] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  const bool escapes = std::find(a.begin(), left, '\\') != left || (left != a.end() && *left == '\\') ||
                       (right != b.end() && *right == '\\');
  if (escapes) return compare_utf16(unescape(a), unescape(b));
  if (left == a.end() || right == b.end()) return a.size() <=> b.size();
  return utf16_rank(*left) <=> utf16_rank(*right);
}

// As ECMAScript prints a number, from the shortest digits that read back as the same double.
std::string print_number(double value) {
  if (value == 0) return "0";
  char buffer[40];
  const auto printed =
      std::to_chars(std::begin(buffer), std::end(buffer), std::fabs(value), std::chars_format::scientific);
  const std::string_view text(buffer, static_cast<std::size_t>(printed.ptr - buffer));
  const std::size_t e = text.find('e');
  std::string digits(1, text[0]);
  if (e > 2) digits += text.substr(2, e - 2);
  int exponent = 0;
  const char* from = text.data() + e + 1;
  if (*from == '+') ++from;
  std::from_chars(from, printed.ptr, exponent);

  const int count = static_cast<int>(digits.size());
  const int point = exponent + 1;  // where the decimal point stands, counted from the first digit
  std::string out;
  if (value < 0) out += '-';
  if (count <= point && point <= 21) {
    out += digits;
    out.append(static_cast<std::size_t>(point - count), '0');
  } else if (0 < point && point <= 21) {
    out.append(digits, 0, static_cast<std::size_t>(point));
    out += '.';
    out.append(digits, static_cast<std::size_t>(point));
  } else if (-6 < point && point <= 0) {
    out += "0.";
    out.append(static_cast<std::size_t>(-point), '0');
    out += digits;
  } else {
    out += digits[0];
    if (count > 1) {
      out += '.';
      out.append(digits, 1);
    }
    out += exponent < 0 ? "e-" : "e+";
    out += std::to_string(std::abs(exponent));
  }
  return out;
}

// Reads JSON text and writes its canonical form in one pass; the members of an object are put in order when it ends.
class Canonicaliser {
 public:
  // Offsets in the canonical text: the name's opening quote, the value, and the end of the value.
  struct Member {
    std::size_t begin, value, end;
  };

  explicit Canonicaliser(std::string_view text) : text_(text) { out_.reserve(std::min(text.size(), kMaxContentBytes)); }

  bool run() {
    if (text_.starts_with("\xEF\xBB\xBF")) return fail("it begins with a byte order mark");
    if (!is_utf8(text_)) return fail("it is not UTF-8");
    skip_space();
    if (!value(0)) return false;
    skip_space();
    if (at_ != text_.size()) return fail_here("text after the value");
    return true;
  }

  [[nodiscard]] std::string& written() { return out_; }
  [[nodiscard]] std::string& why() { return why_; }
  // Of the outermost value, in order; empty when it is no object.
  [[nodiscard]] const std::vector<Member>& members() const { return members_; }
  [[nodiscard]] std::string_view name(const Member& member) const {
    return std::string_view(out_).substr(member.begin + 1, member.value - member.begin - 3);
  }

 private:
  bool fail(std::string why) {
    why_ = std::move(why);
    return false;
  }
  bool fail_here(std::string_view what) { return fail(std::string(what) + " at byte " + std::to_string(at_)); }
  [[nodiscard]] bool next_is(char c) const { return at_ < text_.size() && text_[at_] == c; }

  bool take(char c) {
    if (!next_is(c)) return false;
    ++at_;
    return true;
  }

  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r'))
      ++at_;
  }

  bool value(std::size_t depth) {
    if (at_ == text_.size()) return fail_here("no value");
    bool read = false;
    switch (text_[at_]) {
      case '{': read = object(depth + 1); break;
      case '[': read = array(depth + 1); break;
      case '"': read = string(); break;
      case 't': read = literal("true"); break;
      case 'f': read = literal("false"); break;
      case 'n': read = literal("null"); break;
      default: read = number(); break;
    }
    if (read && out_.size() > kMaxContentBytes) return fail("it is longer than 1 MiB");
    return read;
  }

  bool literal(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return fail_here("no value");
    at_ += word.size();
    out_ += word;
    return true;
  }

  bool array(std::size_t depth) {
    if (depth > kMaxJsonDepth) return fail("it nests deeper than 32");
    ++at_;
    out_ += '[';
    skip_space();
    if (!take(']')) {
      for (;;) {
        skip_space();
        if (!value(depth)) return false;
        skip_space();
        if (take(']')) break;
        if (!take(',')) return fail_here("no comma or bracket");
        out_ += ',';
      }
    }
    out_ += ']';
    return true;
  }

  bool object(std::size_t depth) {
    if (depth > kMaxJsonDepth) return fail("it nests deeper than 32");
    ++at_;
    if (members_.capacity() == 0) members_.reserve(16);
    const std::size_t first = members_.size();
    const std::size_t begin = out_.size();
    bool ordered = true;
    out_ += '{';
    skip_space();
    if (!take('}')) {
      for (;;) {
        skip_space();
        if (!member(depth)) return false;
        if (members_.size() - first > 1) {
          const auto order = compare_names(name(members_[members_.size() - 2]), name(members_.back()));
          if (order == 0) return fail_duplicate(members_.back());
          if (order > 0) ordered = false;
        }
        skip_space();
        if (take('}')) break;
        if (!take(',')) return fail_here("no comma or brace");
        out_ += ',';
      }
    }
    out_ += '}';
    if (!ordered && !put_in_order(first, begin)) return false;
    if (depth > 1) members_.resize(first);
    return true;
  }

  bool member(std::size_t depth) {
    Member member{};
    member.begin = out_.size();
    if (!next_is('"')) return fail_here("no name");
    if (!string()) return false;
    skip_space();
    if (!take(':')) return fail_here("no colon");
    out_ += ':';
    member.value = out_.size();
    skip_space();
    if (!value(depth)) return false;
    member.end = out_.size();
    members_.push_back(member);
    return true;
  }

  bool fail_duplicate(const Member& member) { return fail("duplicate key \"" + shortened(name(member)) + "\""); }

  // Sorts the members from `first` on, whose object is what was written from `begin` on.
  bool put_in_order(std::size_t first, std::size_t begin) {
    const auto from = members_.begin() + static_cast<std::ptrdiff_t>(first);
    std::sort(from, members_.end(),
              [&](const Member& a, const Member& b) { return compare_names(name(a), name(b)) < 0; });
    const auto twice =
        std::adjacent_find(from, members_.end(), [&](const Member& a, const Member& b) { return name(a) == name(b); });
    if (twice != members_.end()) return fail_duplicate(*twice);

    const std::string unordered = out_.substr(begin);
    std::size_t to = begin + 1;
    for (auto member = from; member != members_.end(); ++member) {
      if (member != from) out_[to++] = ',';
      const Member moved{to, to + (member->value - member->begin), to + (member->end - member->begin)};
      unordered.copy(out_.data() + to, member->end - member->begin, member->begin - begin);
      *member = moved;
      to = moved.end;
    }
    return true;
  }

  bool string() {
    ++at_;
    out_ += '"';
    for (;;) {
      const std::size_t plain = plain_length(text_.substr(at_));
      out_ += text_.substr(at_, plain);
      at_ += plain;
      if (at_ == text_.size()) return fail("a string does not end");
      if (take('"')) break;
      if (!take('\\')) return fail_here("a control character in a string");
      if (!escape()) return false;
    }
    out_ += '"';
    return true;
  }

  bool escape() {
    const char c = at_ < text_.size() ? text_[at_++] : '\0';
    switch (c) {
      case '"':
      case '\\':
      case '/': append_escaped(out_, c); return true;
      case 'b': append_escaped(out_, '\b'); return true;
      case 'f': append_escaped(out_, '\f'); return true;
      case 'n': append_escaped(out_, '\n'); return true;
      case 'r': append_escaped(out_, '\r'); return true;
      case 't': append_escaped(out_, '\t'); return true;
      case 'u': return code_point();
      default: return fail_here("an unknown escape");
    }
  }

  bool code_unit(std::uint32_t& unit) {
    unit = 0;
    if (text_.size() - at_ < 4) return fail("a string does not end");
    for (int i = 0; i < 4; ++i, ++at_) {
      if (!is_hex_digit(text_[at_])) return fail_here("an unknown escape");
      unit = unit * 16 + hex_digit(text_[at_]);
    }
    return true;
  }

  bool code_point() {
    std::uint32_t code = 0;
    if (!code_unit(code)) return false;
    if (code >= 0xDC00 && code <= 0xDFFF) return fail_here("a lone surrogate");
    if (code >= 0xD800 && code <= 0xDBFF) {
      std::uint32_t low = 0;
      if (!take('\\') || !take('u')) return fail_here("a lone surrogate");
      if (!code_unit(low)) return false;
      if (low < 0xDC00 || low > 0xDFFF) return fail_here("a lone surrogate");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(out_, code);
    return true;
  }

  std::size_t skip_digits() {
    const std::size_t from = at_;
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    return at_ - from;
  }

  bool number() {
    const std::size_t from = at_;
    const bool negative = take('-');
    const bool leading_zero = next_is('0');
    const std::size_t digits = skip_digits();
    if (digits == 0) return fail_here("no value");
    if (leading_zero && digits > 1) return fail("a number begins with 0");
    bool whole = true;
    if (take('.')) {
      whole = false;
      if (skip_digits() == 0) return fail_here("no digit");
    }
    if (next_is('e') || next_is('E')) {
      whole = false;
      ++at_;
      if (!take('+')) take('-');
      if (skip_digits() == 0) return fail_here("no digit");
    }

    const std::string_view spelling = text_.substr(from, at_ - from);
    constexpr std::size_t kSafeDigits = 15;  // below 2^53 whatever they are
    if (whole && digits <= kSafeDigits && !(negative && leading_zero)) {
      out_ += spelling;
      return true;
    }
    return inexact_number(spelling);
  }

  bool inexact_number(std::string_view spelling) {
    double value = 0;
    const auto read = std::from_chars(spelling.data(), spelling.data() + spelling.size(), value);
    if (read.ec == std::errc::result_out_of_range) value = underflows(spelling) ? 0 : HUGE_VAL;
    if (!std::isfinite(value)) return fail("number " + shortened(spelling) + " is past the range of a double");
    const std::string printed = print_number(value);
    const bool whole = printed.find_first_of(".e") == printed.npos;
    if (whole && std::fabs(value) > kMaxExactInteger) return fail("number " + shortened(spelling) + " is past 2^53-1");
    out_ += printed;
    return true;
  }

  // Of a number other than 0 that no double holds: whether it is too near to 0, and not too far from it.
  static bool underflows(std::string_view spelling) {
    const std::size_t e = std::min(spelling.find_first_of("eE"), spelling.size());
    const std::size_t point = std::min(spelling.find('.'), e);
    const std::size_t first = spelling.find_first_of("123456789");
    const auto place = static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first);
    if (e == spelling.size()) return place < 0;
    const bool negative = spelling[e + 1] == '-';
    const char* const from = spelling.data() + e + (spelling[e + 1] == '+' ? 2 : 1);
    std::int64_t exponent = 0;
    const auto read = std::from_chars(from, spelling.data() + spelling.size(), exponent);
    return read.ec == std::errc{} && std::abs(exponent) < INT64_MAX / 2 ? place + exponent < 0 : negative;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string out_;
  std::string why_;
  std::vector<Member> members_;
};

}  // namespace

std::expected<std::string, JsonProblem> canonicalise(std::string_view json) {
  Canonicaliser reader(json);
  if (!reader.run()) return std::unexpected(JsonProblem{std::move(reader.why())});
  return std::move(reader.written());
}

std::optional<std::string_view> inexact_integer(std::string_view json) {
  constexpr std::string_view kNumber = "0123456789-+.eE";
  for (std::size_t at = 0; at < json.size();) {
    if (json[at] == '"') {
      for (++at; at < json.size() && json[at] != '"'; ++at) {
        if (json[at] == '\\') ++at;
      }
      ++at;
    } else if (json[at] == '-' || (json[at] >= '0' && json[at] <= '9')) {
      const std::string_view token = json.substr(at, std::min(json.find_first_not_of(kNumber, at), json.size()) - at);
      std::int64_t value = 0;
      const auto read = std::from_chars(token.data(), token.data() + token.size(), value);
      if (token.find_first_of(".eE") == token.npos &&
          (read.ec != std::errc{} || std::abs(static_cast<double>(value)) > kMaxExactInteger)) {
        return token;
      }
      at += token.size();
    } else {
      ++at;
    }
  }
  return std::nullopt;
}

bool is_canonical(std::string_view text) {
  if (text.size() > kMaxContentBytes) return false;
  Canonicaliser reader(text);
  return reader.run() && reader.written() == text;
}

std::expected<std::string, JsonProblem> canonical_string(std::string_view text) {
  if (!is_utf8(text)) return std::unexpected(JsonProblem{"it is not UTF-8"});
  std::string out;
  out.reserve(text.size() + 2);
  append_string(out, text);
  if (out.size() > kMaxContentBytes) return std::unexpected(JsonProblem{"it is longer than 1 MiB"});
  return out;
}

std::optional<std::string> string_value(std::string_view canonical) {
  if (!canonical.starts_with('"') || !is_canonical(canonical)) return std::nullopt;
  return unescape(canonical.substr(1, canonical.size() - 2));
}

JsonMembers members(std::string_view object) {
  JsonMembers list;
  if (!object.starts_with('{') || object.size() > kMaxContentBytes) return list;
  Canonicaliser reader(object);
  if (!reader.run() || reader.written() != object) return list;
  list.reserve(reader.members().size());
  for (const auto& member : reader.members()) {
    list.emplace_back(unescape(reader.name(member)), object.substr(member.value, member.end - member.value));
  }
  return list;
}

std::expected<std::string, JsonProblem> canonical_object(const JsonMembers& members) {
  std::string out = "{";
  for (const auto& [name, value] : members) {
    if (out.size() > 1) out += ',';
    append_string(out, name);
    out += ':';
    out += value;
  }
  out += '}';
  return canonicalise(out);
}

}  // namespace musher
