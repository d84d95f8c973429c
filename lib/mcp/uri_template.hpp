#pragma once
// RFC 6570 templates, level 1, matched backwards: which variables would have made this URI.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace musher::mcp {

class UriTemplate {
 public:
  /// Nothing when braces do not match, a name is empty, or two variables touch.
  [[nodiscard]] static std::optional<UriTemplate> parse(std::string_view text);

  using Variables = std::vector<std::pair<std::string, std::string>>;
  /// The variables of a URI that has this form, percent-decoded; a variable is one or more characters without '/'.
  [[nodiscard]] std::optional<Variables> match(std::string_view uri) const;

 private:
  struct Part {
    std::string variable;
    std::string literal_after;
  };
  std::string literal_;  ///< before the first variable
  std::vector<Part> parts_;
};

/// "a%20b" as "a b"; nothing when an escape is broken or the result is not UTF-8.
[[nodiscard]] std::optional<std::string> percent_decoded(std::string_view text);

}  // namespace musher::mcp
