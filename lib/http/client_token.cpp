#include "http/client_token.hpp"

#include <fmt/format.h>

#include "crypto/secret_file.hpp"
#include "http/token_file.hpp"
#include "http/token_text.hpp"
#include "model/text.hpp"

namespace musher::http {

Result<std::string> read_client_token(const std::filesystem::path& file) {
  const auto bad = [&](std::string_view why, std::string hint) {
    return fail(Errc::usage, fmt::format("cannot use the token file {}: {}", file.string(), why), std::move(hint));
  };
  const std::string form = "it has one line, TOKEN or NAME TOKEN: yours of the server's --token-file";
  const std::string make_it =
      fmt::format("with yours of the server's --token-file: (umask 077; echo TOKEN > {})", shell_word(file.native()));
  SecretText text(kLargestTokenFile);
  const auto length = read_secret_file(file, text.bytes());
  if (!length) return bad(length.error().why, length.error().missing ? make_it : length.error().hint);
  std::string token;
  for (std::string_view rest = text.first(*length); !rest.empty();) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const std::string_view first = next_word(line);
    if (first.empty() || first.starts_with('#')) continue;
    if (!token.empty()) return bad("it has several tokens, and which is yours is not known", form);
    const std::string_view second = next_word(line);
    const std::string_view mark = next_word(line);
    if ((!mark.empty() && mark != "read-only") || !next_word(line).empty()) return bad("the line has more words", form);
    token = second.empty() ? first : second;
    if (!can_be_sent(token)) return bad("the token has characters other than letters, digits and -._~+/=", form);
  }
  if (token.empty()) return bad("there is no token in it", form);
  return token;
}

}  // namespace musher::http
