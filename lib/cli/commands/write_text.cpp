#include "cli/commands/write_text.hpp"

#include <fmt/format.h>

#include <ostream>

#include "cli/display_width.hpp"
#include "cli/log_access.hpp"
#include "model/escape.hpp"

namespace musher {

std::string put_text(const PutReport& report) {
  std::string text;
  for (const OpView& view : report.ops) {
    const bool insert = view.row.op.op.kind == OpKind::insert;
    const std::string what = insert ? fmt::format("story {}", escape(report.story))
                                    : fmt::format("{} {} = {}", escape(report.story), escape(view.row.op.op.name),
                                                  cut(escape(view.row.op.content.value_or("")), 60));
    text += fmt::format("{} {}: op {}, row {}, seq {}\n", report.dry_run ? "would write" : (insert ? "made" : "set"),
                        what, short_id(view.row.id), raw(view.row.row), raw(view.row.op.op.seq));
  }
  return text;
}

std::string removal_text(const PurgedStory& story, const Terminal& terminal) {
  const OpView& first = story.ops.front();
  return fmt::format("{}: {} by {} at {}{}", escape(story.story), op_list(story.ops), escape(writer_text(first)),
                     terminal.time(first.row.op.op.time_ms), story.reason ? ": " + escape(*story.reason) : "");
}

std::string describe(const PurgedStory& story, const Terminal& terminal) {
  switch (story.status) {
    case PurgeStatus::would_purge:
      return fmt::format("would purge {}: {} item{}", escape(story.story), story.items.size(),
                         story.items.size() == 1 ? "" : "s");
    case PurgeStatus::purged: return "purged " + removal_text(story, terminal);
    case PurgeStatus::already_purged: return "already purged " + removal_text(story, terminal);
  }
  return {};
}

void show_purges(const PurgeReport& report, Context& context) {
  if (context.settings.quiet && !report.dry_run) return;
  for (const PurgedStory& story : report.stories) context.terminal.out() << describe(story, context.terminal) << '\n';
  if (report.stories.empty()) context.terminal.note("no story matches: nothing to purge");
}

}  // namespace musher
