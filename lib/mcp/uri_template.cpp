#include "mcp/uri_template.hpp"

#include <array>

#include "model/text.hpp"

namespace musher::mcp {

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    std::array<std::uint8_t, 1> byte{};
    if (i + 2 >= text.size() || !from_hex(text.substr(i + 1, 2), byte)) return std::nullopt;
    decoded += static_cast<char>(byte[0]);
    i += 2;
  }
  if (!is_utf8(decoded)) return std::nullopt;
  return decoded;
}

std::optional<UriTemplate> UriTemplate::parse(std::string_view text) {
  UriTemplate made;
  const auto literal = [&]() -> std::string& {
    return made.parts_.empty() ? made.literal_ : made.parts_.back().literal_after;
  };
  while (!text.empty()) {
    const std::size_t open = text.find_first_of("{}");
    literal() += text.substr(0, open);
    if (open == std::string_view::npos) return made;
    const std::size_t close = text.find('}', open);
    const bool touching = !made.parts_.empty() && made.parts_.back().literal_after.empty();
    if (text[open] == '}' || close == std::string_view::npos || close == open + 1 || touching) return std::nullopt;
    made.parts_.push_back({std::string(text.substr(open + 1, close - open - 1)), {}});
    text.remove_prefix(close + 1);
  }
  return made;
}

std::optional<UriTemplate::Variables> UriTemplate::match(std::string_view uri) const {
  if (!uri.starts_with(literal_)) return std::nullopt;
  uri.remove_prefix(literal_.size());
  Variables variables;
  for (const Part& part : parts_) {
    const bool last = &part == &parts_.back();
    std::size_t end = uri.size();
    if (!part.literal_after.empty()) {
      end = last && uri.ends_with(part.literal_after) ? uri.size() - part.literal_after.size()
                                                      : uri.find(part.literal_after);
      if (end == std::string_view::npos) return std::nullopt;
    }
    const std::string_view raw = uri.substr(0, end);
    auto value = percent_decoded(raw);
    if (raw.empty() || raw.find('/') != std::string_view::npos || !value) return std::nullopt;
    variables.emplace_back(part.variable, *std::move(value));
    uri.remove_prefix(end + part.literal_after.size());
  }
  if (!uri.empty()) return std::nullopt;
  return variables;
}

}  // namespace musher::mcp
