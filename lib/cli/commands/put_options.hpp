#pragma once
// The command line of musher put, the same for a log here and one at a server.

#include <iosfwd>
#include <string>
#include <vector>

#include "cli/assignments.hpp"
#include "cli/command_line.hpp"
#include "cli/live_confirmation.hpp"
#include "replica/put.hpp"

namespace musher {

struct PutOptions {
  std::vector<std::string> assignments;
  PutRequest request;
  WaitOption wait;
};

void declare(PutOptions& options, CommandLine& line);

/// What to write: the assignments that were given, or with a single - those of `in`.
/// @errors as parse_assignment and read_assignments.
[[nodiscard]] Result<std::vector<Assignment>> fields_of(const PutOptions& options, std::istream& in);

}  // namespace musher
