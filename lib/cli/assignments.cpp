#include "cli/assignments.hpp"

#include <fmt/format.h>

#include <istream>

#include "model/canonical_json.hpp"
#include "model/escape.hpp"

namespace musher {

Result<Assignment> parse_assignment(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) {
    return fail(Errc::usage, fmt::format("{} is no assignment", quote(text)),
                "FIELD=TEXT, or FIELD:=JSON for other than text");
  }
  const bool is_json = equals > 0 && text[equals - 1] == ':';
  const std::string field = text.substr(0, is_json ? equals - 1 : equals);
  const std::string value = text.substr(equals + 1);
  if (const auto number = is_json ? inexact_integer(value) : std::nullopt) {
    return fail(Errc::usage,
                fmt::format("the value of {} cannot be stored: {} is past 2^53-1", quote(field), quote(*number)),
                "as text: FIELD=TEXT");
  }
  const auto canonical = is_json ? canonicalise(value) : canonical_string(value);
  if (!canonical) {
    return fail(Errc::usage, fmt::format("the value of {} cannot be stored: {}", quote(field), canonical.error().why),
                is_json ? "FIELD:=JSON takes one JSON value; FIELD=TEXT takes text as it is"
                        : "FIELD=TEXT takes UTF-8, at most 1 MiB: keep more in a file, and its name here");
  }
  return Assignment{field, *canonical};
}

Result<std::vector<Assignment>> read_assignments(std::istream& in) {
  std::vector<Assignment> assignments;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (line.ends_with('\r')) line.pop_back();  // a file with CRLF
    if (line.empty()) continue;
    auto assignment = parse_assignment(line);
    if (!assignment) {
      Error error = std::move(assignment).error();
      error.what = fmt::format("line {} of stdin: {}", number, error.what);
      return std::unexpected(std::move(error));
    }
    assignments.push_back(*std::move(assignment));
  }
  if (in.bad()) return fail(Errc::io, "cannot read stdin", "");
  return assignments;
}

}  // namespace musher
