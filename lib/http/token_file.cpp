#include "http/token_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "crypto/hashing.hpp"
#include "crypto/secret_file.hpp"
#include "http/token_text.hpp"
#include "model/text.hpp"

namespace musher::http {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kForm =
    "each line is `NAME TOKEN` or `NAME TOKEN read-only`; a new token: openssl rand -hex 32";

}  // namespace

Result<TokenTable> TokenTable::load(const fs::path& file) {
  SecretText text(kLargestTokenFile + 1);
  const auto length = read_secret_file(file, text.bytes());
  if (!length) {
    const SecretFileProblem& problem = length.error();
    return fail(Errc::usage, fmt::format("cannot use the token file {}: {}", file.string(), problem.why),
                problem.missing
                    ? fmt::format("(umask 077; echo \"NAME $(openssl rand -hex 32)\" > {})", shell_word(file.native()))
                    : problem.hint);
  }
  if (*length > kLargestTokenFile) {
    return fail(Errc::usage, fmt::format("cannot use the token file {}: it is over 64 KiB", file.string()),
                std::string(kForm));
  }
  return parse(text.first(*length), file);
}

Result<TokenTable> TokenTable::parse(std::string_view text, const fs::path& file) {
  TokenTable table;
  std::size_t number = 0;
  const auto bad = [&](std::string_view why) {
    return fail(Errc::usage, fmt::format("cannot use the token file {}:{}: {}", file.string(), number, why),
                std::string(kForm));
  };
  while (!text.empty()) {
    ++number;
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::string_view name = next_word(line);
    if (name.empty() || name.starts_with('#')) continue;
    const std::string_view token = next_word(line);
    const std::string_view mark = next_word(line);
    if (!is_plain_utf8(name)) return bad("the name is not UTF-8 without control characters");
    if (name.size() > kLongestName) return bad("the name is longer than 128 bytes");
    if (token.empty()) return bad("there is no token after the name");
    if (!can_be_sent(token)) return bad("the token has characters other than letters, digits and -._~+/=");
    if (token.size() < kShortestToken) return bad("the token is shorter than 16 characters");
    if (!mark.empty() && mark != "read-only") return bad("after the token there is a word that is not read-only");
    if (!next_word(line).empty()) return bad("there is more after read-only");

    const Digest digest = token_digest(token);
    for (const Entry& known : table.entries_) {
      if (known.principal.name == name) return bad(fmt::format("the name {} comes twice", name));
      if (known.digest == digest) return bad(fmt::format("the token is also that of {}", known.principal.name));
    }
    table.entries_.push_back({digest, {std::string(name), !mark.empty()}});
  }
  if (table.entries_.empty()) {
    return fail(Errc::usage, fmt::format("cannot use the token file {}: there is no token in it", file.string()),
                std::string(kForm));
  }
  return table;
}

std::optional<Principal> TokenTable::find(const Digest& token) const {
  const Entry* found = nullptr;
  for (const Entry& entry : entries_) {
    if (equal_in_constant_time(entry.digest, token)) found = &entry;
  }
  if (found == nullptr) return std::nullopt;
  return found->principal;
}

}  // namespace musher::http
