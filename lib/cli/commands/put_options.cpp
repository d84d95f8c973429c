#include "cli/commands/put_options.hpp"

namespace musher {

void declare(PutOptions& options, CommandLine& line) {
  line.positional(options.request.story, "STORY", "the story id");
  line.positional(options.assignments, "FIELD=TEXT",
                  "a field and its text, or FIELD:=JSON; a single - reads them from stdin, one a line");
  line.flag(options.request.create, "--new", "make the story; without this a story that is not there is an error");
  line.flag(options.request.again, "--again", "with --new: start a purged or muted story afresh");
  line.flag(options.request.dry_run, "-n,--dry-run", "do all but the writing");
  options.wait.add_to(line);
  line.usage("[OPTION]... STORY FIELD=TEXT|FIELD:=JSON...");
  line.usage("[OPTION]... --new STORY [FIELD=TEXT|FIELD:=JSON]...");
  line.usage("[OPTION]... STORY - < ASSIGNMENTS");
  line.example("musher put --new 478_story_sync name='Sync' stage=1_backlog retry_count:=0", "make a story");
  line.example("musher put 478_story_sync stage=2_current", "set one field");
}

Result<std::vector<Assignment>> fields_of(const PutOptions& options, std::istream& in) {
  if (options.assignments.size() == 1 && options.assignments.front() == "-") return read_assignments(in);
  std::vector<Assignment> assignments;
  for (const std::string& text : options.assignments) {
    MUSHER_TRY(auto assignment, parse_assignment(text));
    assignments.push_back(std::move(assignment));
  }
  return assignments;
}

}  // namespace musher
