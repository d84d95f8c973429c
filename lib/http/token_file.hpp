#pragma once
// The tokens that clients show. The file has a line `NAME TOKEN` or `NAME TOKEN read-only` for each; blank lines and
// lines that begin with '#' say nothing. It is held to the rule of key files: crypto/secret_file.hpp.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/exchange.hpp"
#include "model/ids.hpp"
#include "model/result.hpp"

namespace musher::http {

inline constexpr std::size_t kShortestToken = 16;            ///< bytes
inline constexpr std::size_t kLongestName = 128;             ///< bytes: what the actor of an op may have
inline constexpr std::size_t kLargestTokenFile = 1U << 16U;  ///< bytes

/// Digests of tokens, never the tokens, and whose they are.
class TokenTable {
 public:
  /// @errors usage: the file is missing or may be read by others, a line is not as above, a name or a token comes
  ///   twice, a token is shorter than 16 bytes or could not be sent in a header, or there is none. what names file:line
  ///   and never shows a token.
  [[nodiscard]] static Result<TokenTable> load(const std::filesystem::path& file);
  /// The same for text that came from `file`.
  [[nodiscard]] static Result<TokenTable> parse(std::string_view text, const std::filesystem::path& file);

  /// Whose token this digest (crypto's token_digest) is. Takes the same time for every token that has the same length.
  [[nodiscard]] std::optional<Principal> find(const Digest& token) const;
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Digest digest;
    Principal principal;
  };
  std::vector<Entry> entries_;
};

}  // namespace musher::http
