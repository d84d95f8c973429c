#pragma once
// FIELD=TEXT and FIELD:=JSON, from argv or lines of stdin.

#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

#include "model/result.hpp"

namespace musher {

/// Field name and canonical JSON value.
using Assignment = std::pair<std::string, std::string>;

/// FIELD=TEXT is a JSON string, FIELD:=JSON any JSON value. The first `=` or `:=` ends the field name.
/// @errors usage: neither; not UTF-8; JSON that musher does not store, and why.
[[nodiscard]] Result<Assignment> parse_assignment(const std::string& text);

/// One assignment a line; empty lines are passed over.
/// @errors usage: with the line's number.  io: the stream failed.
[[nodiscard]] Result<std::vector<Assignment>> read_assignments(std::istream& in);

}  // namespace musher
