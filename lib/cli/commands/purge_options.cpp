#include "cli/commands/purge_options.hpp"

namespace musher {

void declare(PurgeOptions& options, CommandLine& line) {
  line.positional(options.selection.stories, "STORY", "a story id");
  line.flag(options.list, "--list", "list the stories that were purged: by which op, when, by whom and why");
  line.option(options.reason, "--reason", "TEXT", "why; kept in the op, signed");
  line.flag(options.dry_run, "-n,--dry-run", "show what would be purged, and write nothing");
  line.group("Choosing by what stories are");
  line.option(options.selection.stage, "--stage", "STAGE", "stories in this stage");
  line.option(options.older_than, "--older-than", "DURATION",
              "stories of which this log received no effective op in the last DURATION (30d)");
  line.group("Confirming");
  line.option(options.confirmed, "--confirm", "STORY", "say the story id again; once for each story");
  line.flag(options.yes, "--yes", "do not ask, when there are no more stories than --max");
  line.option(options.max, "--max", "N", "how many stories --yes stands for (default: 1)");
  options.wait.add_to(line);
  line.usage("[OPTION]... STORY...");
  line.usage("[OPTION]... --stage STAGE [--older-than DURATION]");
  line.usage("--list");
  line.paragraph(
      "A purge is one signed delete for each item of the story, or one in all if it has more than 100, written like "
      "any other op. All or nothing: one unknown story and nothing is written. Running it again changes nothing. It "
      "touches no worktree, timer, agent or file.");
  line.example("musher purge 478_story_sync --reason 'came back twice'", "asks for the story id, then purges");
  line.example("musher purge --stage 6_archived --older-than 90d -n", "see what that would take out");
}

}  // namespace musher
