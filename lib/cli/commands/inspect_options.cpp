#include "cli/commands/inspect_options.hpp"

namespace musher {

void declare(InspectOptions& options, CommandLine& line) {
  line.positional(options.view, "VIEW",
                  "summary (the default), stories, story, ops, op, authors, heads, peers or quarantine");
  line.positional(options.name, "ID", "story: the story id; op: the first 6 or more digits of the op id");
  line.option(options.at, "--at", "POINT",
              "the log as it was: row:N, op:ID, @UNIX, 2026-04-09T12:00:00Z, -2h, \"2 hours ago\"");
  line.flag(options.verify, "--verify", "ops: check every signature too (ids and content digests always are)");
  line.flag(options.copy, "--copy", "read from a private copy of the log");
  line.usage("[OPTION]... [summary|stories|ops|authors|heads|peers|quarantine]");
  line.usage("[OPTION]... story STORY");
  line.usage("[OPTION]... op OP");
  line.paragraph(
      "Reads only, and is safe beside a live server. Ids and content digests of every op that is read are checked; "
      "signatures where the answer says so. musher verify-order checks everything.");
  line.example("musher inspect story 478_story_sync", "who set which field, and who won");
  line.example("musher inspect stories --at '2 hours ago'", "the pipeline as it was");
}

}  // namespace musher
