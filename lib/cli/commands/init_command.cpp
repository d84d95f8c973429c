// musher init: make a log and an identity.

#include <fmt/format.h>

#include <filesystem>
#include <ostream>

#include "cli/commands/commands.hpp"
#include "cli/escape.hpp"
#include "cli/log_access.hpp"
#include "model/text.hpp"
#include "replica/init.hpp"
#include "report/write_json.hpp"

namespace musher {
namespace {

struct InitOptions {
  std::optional<std::string> document;
  std::optional<std::string> join;
  std::optional<std::string> name;
  std::optional<std::string> group;
};

void declare(InitOptions& options, CommandLine& line) {
  line.option(options.document, "--document", "ID",
              "hold a copy of this document (32 hex digits), which other nodes have");
  line.option(options.join, "--join", "FILE", "hold a copy of the document of another log");
  line.exclusive({"--document", "--join"});
  line.option(options.name, "--name", "NAME", "what the new identity is called in this log (default: the login name)");
  line.option(options.group, "--group", "GROUP", "let the members of this group read and write the log (mode 0660)");
  line.paragraph("Never overwrites. Where a good log and its key are, it says so and ends with 0.");
  line.example("musher init", "make pipeline.db and pipeline.db.key in this folder");
  line.example("musher init --log /srv/pipeline/pipeline.db --group pipeline", "a log for the users of a group");
}

Result<std::optional<DocumentId>> wanted_document(const InitOptions& options) {
  if (options.join) {
    MUSHER_TRY(const auto other, open_other_log("--join", *options.join));
    return other->info().document;
  }
  if (!options.document) return std::nullopt;
  DocumentId id;
  if (!from_hex(*options.document, id.bytes)) {
    return fail(Errc::usage, fmt::format("{} is no document id", quote(*options.document)),
                "32 hex digits, as musher inspect summary shows them");
  }
  return id;
}

void render_text(const InitReport& report, Terminal& terminal) {
  terminal.out() << fmt::format("{} {}\n", report.created ? "made the op log" : "already there: the op log",
                                escape(report.log.path))
                 << fmt::format("  document  {}\n", to_hex(report.log.document.bytes))
                 << fmt::format("  key       {}{}\n", escape(report.key_file.string()),
                                report.key_created ? " (new)" : "")
                 << fmt::format("  author    {}\n", to_hex(report.author.key));
}

Result<ExitCode> run(InitOptions& options, Context& context) {
  MUSHER_TRY(const auto document, wanted_document(options));
  const InitRequest request{context.settings.log, context.settings.identity, document,
                            options.name.value_or(login_name()), options.group};
  MUSHER_TRY(const InitReport report, init(request, host_of(context)));
  if (report.created) context.terminal.wrote("the op log " + report.log.path);
  if (wants_json(context)) {
    MUSHER_TRY(const auto log, open_for_reading(context));
    MUSHER_TRY(const LogCard card, log_card(*log));
    JsonWriter json(context.terminal.out());
    write_init(json, {"musher.init/1", 0, &card}, report);
  } else if (!context.settings.quiet) {
    render_text(report, context.terminal);
  }
  return ExitCode::ok;
}

}  // namespace

Command init_command() { return make_command<InitOptions>("musher-init", {}, declare, run); }

}  // namespace musher
