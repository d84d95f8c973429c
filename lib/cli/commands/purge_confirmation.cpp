#include "cli/commands/purge_confirmation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "cli/commands/write_text.hpp"
#include "model/escape.hpp"
#include "model/text.hpp"

namespace musher {
namespace {

Result<void> ask(Context& context, const std::vector<const PurgedStory*>& wanted) {
  // Also when quiet: nobody confirms what is not shown.
  for (const PurgedStory* story : wanted) context.terminal.err() << describe(*story, context.terminal) << '\n';
  for (const PurgedStory* story : wanted) {
    const auto typed =
        context.terminal.ask(fmt::format("to purge {} for ever, type its story id:", escape(story->story)));
    if (typed != story->story) {
      return fail(Errc::refused, "not confirmed: nothing was purged", "type the story id as it stands");
    }
  }
  return {};
}

Result<void> check_confirmations(const PurgeOptions& options, const PurgePlan& plan) {
  for (const std::string& id : options.confirmed) {
    if (std::ranges::find(plan.stories, id, &PurgedStory::story) != plan.stories.end()) continue;
    return fail(Errc::refused, fmt::format("--confirm {} names a story that is not among those to purge", quote(id)),
                "say exactly the story ids that are to go");
  }
  return {};
}

}  // namespace

Result<void> check_options(const PurgeOptions& options, const PurgePlan& plan) {
  MUSHER_CHECK(check_confirmations(options, plan));
  const std::uint64_t max = options.max.value_or(1);
  if (!options.yes || plan.to_purge() <= max) return {};
  return fail(
      Errc::refused,
      fmt::format("--yes stands for {} stor{}, and this would purge {}", max, max == 1 ? "y" : "ies", plan.to_purge()),
      fmt::format("look at them with -n, then: --yes --max {}", plan.to_purge()));
}

Result<void> confirm(const PurgeOptions& options, const PurgePlan& plan, Context& context) {
  std::vector<const PurgedStory*> wanted;
  for (const PurgedStory& story : plan.stories) {
    if (story.status == PurgeStatus::would_purge &&
        std::ranges::find(options.confirmed, story.story) == options.confirmed.end()) {
      wanted.push_back(&story);
    }
  }
  if (wanted.empty() || options.yes) return {};
  if (context.terminal.in_is_tty() && context.terminal.err_is_tty()) return ask(context, wanted);
  return fail(Errc::refused, fmt::format("not confirmed: {} would be purged for ever", escape(wanted.front()->story)),
              "add --confirm " + shell_word(wanted.front()->story));
}

}  // namespace musher
