#include "audit/high_water_mark.hpp"

#include <fmt/format.h>

#include <charconv>

#include "crypto/hashing.hpp"
#include "model/text.hpp"
#include "model/utc.hpp"

namespace musher {
namespace {

constexpr std::string_view kFirstLine = "musher state 1";

/// Reads words one after the other; after one that is not what was asked for it is bad for good.
class Words {
 public:
  explicit Words(std::string_view text) : left_(text) {}

  std::string_view word() {
    const auto end = left_.find_first_of(" \n");
    if (end == left_.npos) return fail();
    const std::string_view found = left_.substr(0, end);
    left_.remove_prefix(end + 1);
    return found;
  }
  void name(std::string_view expected) {
    if (word() != expected) fail();
  }
  /// Whether the next line begins with this word; takes the word.
  bool takes(std::string_view word) {
    if (!left_.starts_with(word) || !left_.substr(word.size()).starts_with(' ')) return false;
    left_.remove_prefix(word.size() + 1);
    return true;
  }
  template <class Number>
  void number(Number& out) {
    if constexpr (std::is_enum_v<Number>) {
      std::underlying_type_t<Number> value{};
      number(value);
      out = Number{value};
    } else {
      const std::string_view text = word();
      if (std::from_chars(text.data(), text.data() + text.size(), out).ec != std::errc{}) fail();
    }
  }
  template <std::size_t N>
  void hex(std::array<std::uint8_t, N>& out) {
    if (!from_hex(word(), out)) fail();
  }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool at_end() const { return left_.empty(); }

 private:
  std::string_view fail() {
    good_ = false;
    left_ = {};
    return {};
  }
  std::string_view left_;
  bool good_ = true;
};

std::string record_text(const AuthorRecord& record) {
  return fmt::format("{} {} {} {} {}", to_hex(record.author.key),
                     record.trust == Trust::allowed ? "allowed" : "revoked", record.eraser ? 1 : 0,
                     record.revoked_from ? to_hex(record.revoked_from->hash) : "-", record.name);
}

}  // namespace

std::int64_t sample_distance(RowId last) {
  std::int64_t distance = 1;
  while (raw(last) / distance > static_cast<std::int64_t>(HighWaterMark::kMaxSamples)) distance *= 2;
  return distance;
}

Digest trust_digest(const std::vector<TrustChange>& changes, std::uint64_t count) {
  std::string text;
  for (std::uint64_t i = 0; i < count; ++i) {
    const TrustChange& change = changes[i];
    // Lengths first: names may hold any character a line is made of.
    text += fmt::format("{} {}:{} {}:{} {}\n", change.at_ms, change.who.size(), change.who, change.action.size(),
                        change.action, record_text(change.after));
  }
  return content_digest(Salt{}, text);
}

std::string to_text(const HighWaterMark& mark) {
  std::string text = fmt::format(
      "{}\nlog {}\ndocument {}\nmade {} {}\nruns {}\nops {}\nrow {}\nop {}\nchain {}\ntrust {} {}\n", kFirstLine,
      to_hex(mark.log.bytes), to_hex(mark.document.bytes), to_utc(mark.made_ms), mark.made_ms, mark.runs, mark.ops,
      raw(mark.row), to_hex(mark.last_op.hash), to_hex(mark.chain.bytes), mark.trust_changes, to_hex(mark.trust.bytes));
  for (const Head& head : mark.heads) text += fmt::format("head {} {}\n", to_hex(head.id.hash), raw(head.depth));
  for (const Tip& tip : mark.tips) {
    text += fmt::format("tip {} {} {}\n", to_hex(tip.author.key), raw(tip.index), to_hex(tip.id.hash));
  }
  for (const auto& sample : mark.samples)
    text += fmt::format("at {} {}\n", raw(sample.row), to_hex(sample.chain.bytes));
  return text;
}

std::optional<HighWaterMark> parse_high_water_mark(std::string_view text) {
  HighWaterMark mark;
  if (!text.starts_with(kFirstLine)) return std::nullopt;
  Words words(text);
  for (int i = 0; i < 3; ++i) words.word();
  words.name("log");
  words.hex(mark.log.bytes);
  words.name("document");
  words.hex(mark.document.bytes);
  words.name("made");
  words.word();
  words.number(mark.made_ms);
  words.name("runs");
  words.number(mark.runs);
  words.name("ops");
  words.number(mark.ops);
  words.name("row");
  words.number(mark.row);
  words.name("op");
  words.hex(mark.last_op.hash);
  words.name("chain");
  words.hex(mark.chain.bytes);
  words.name("trust");
  words.number(mark.trust_changes);
  words.hex(mark.trust.bytes);
  while (words.takes("head")) {
    Head& head = mark.heads.emplace_back();
    words.hex(head.id.hash);
    words.number(head.depth);
  }
  while (words.takes("tip")) {
    Tip& tip = mark.tips.emplace_back();
    words.hex(tip.author.key);
    words.number(tip.index);
    words.hex(tip.id.hash);
  }
  while (words.takes("at")) {
    auto& sample = mark.samples.emplace_back();
    words.number(sample.row);
    words.hex(sample.chain.bytes);
  }
  if (!words.good() || !words.at_end() || to_text(mark) != text) return std::nullopt;
  return mark;
}

}  // namespace musher
