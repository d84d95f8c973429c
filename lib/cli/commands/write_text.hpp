#pragma once
// What put and purge wrote, for people. Free to change: programs read --json.

#include <string>

#include "cli/run_command.hpp"
#include "replica/purge.hpp"
#include "replica/put.hpp"

namespace musher {

/// A line for each op.
[[nodiscard]] std::string put_text(const PutReport& report);

/// "478_x: op 3f5a12c0ffee (row 7) by alice at TIME: why"
[[nodiscard]] std::string removal_text(const PurgedStory& story, const Terminal& terminal);
/// "would purge 478_x: 1 item", or what was done to it.
[[nodiscard]] std::string describe(const PurgedStory& story, const Terminal& terminal);
/// A line on out for each story; none when quiet, unless it is a dry run.
void show_purges(const PurgeReport& report, Context& context);

}  // namespace musher
