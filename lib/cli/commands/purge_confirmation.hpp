#pragma once
// Nothing is purged that nobody confirmed: the story id is typed on a terminal, or said by --confirm or --yes.

#include "cli/commands/purge_options.hpp"
#include "cli/run_command.hpp"

namespace musher {

/// What the options themselves say no to, in a dry run too.
/// @errors refused: --confirm names another story, or --yes stands for fewer.
[[nodiscard]] Result<void> check_options(const PurgeOptions& options, const PurgePlan& plan);

/// Returns when every story of the plan that is to go is confirmed: on a terminal the story id is typed; elsewhere
/// --confirm for each story, or --yes for up to --max.
/// @errors refused: one is not.
[[nodiscard]] Result<void> confirm(const PurgeOptions& options, const PurgePlan& plan, Context& context);

}  // namespace musher
