// musher init: make a log and an identity.

#include <fmt/format.h>

#include <filesystem>
#include <ostream>

#include "cli/commands/commands.hpp"
#include "cli/commands/init_options.hpp"
#include "cli/log_access.hpp"
#include "model/escape.hpp"
#include "model/text.hpp"
#include "replica/init.hpp"
#include "report/write_json.hpp"

namespace musher {

void declare(InitOptions& options, CommandLine& line) {
  line.option(options.document, "--document", "ID",
              "hold a copy of this document (32 hex digits), which other nodes have");
  line.option(options.join, "--join", "FILE|URL",
              "hold a copy of the document of another log, or of the server at http://HOST:PORT or https://HOST");
  line.exclusive({"--document", "--join"});
  line.option(options.token_file, "--token-file", "FILE", "with --join URL: one line TOKEN or NAME TOKEN, shown to it");
  line.option(options.name, "--name", "NAME", "what the new identity is called in this log (default: the login name)");
  line.option(options.group, "--group", "GROUP", "let the members of this group read and write the log (mode 0660)");
  line.paragraph("Never overwrites. Where a good log and its key are, it says so and ends with 0.");
  line.example("musher init", "make pipeline.db and pipeline.db.key in this folder");
  line.example("musher init --log /srv/pipeline/pipeline.db --group pipeline", "a log for the users of a group");
}

namespace {

/// "127.0.0.1:7777", "one.example.org:7777/mcp": all of a server's URL but its scheme, and no file here.
bool is_address(std::string_view text) {
  std::error_code ignored;
  if (std::filesystem::exists(text, ignored)) return false;
  const std::string_view authority = text.substr(0, text.find('/'));
  const auto colon = authority.rfind(':');
  if (colon == authority.npos || colon == 0) return false;
  const std::string_view port = authority.substr(colon + 1);
  return !port.empty() && port.find_first_not_of("0123456789") == port.npos;
}

Result<std::optional<DocumentId>> wanted_document(const InitOptions& options) {
  if (options.token_file) {
    return fail(Errc::usage, "--token-file is for a server", "musher init --join https://HOST --token-file FILE");
  }
  if (options.join) {
    auto other = open_other_log("--join", *options.join);
    if (other) return (*other)->info().document;
    Error error = std::move(other).error();
    const std::string_view scheme = options.join->starts_with("https:") ? "https:" : "http:";
    std::string_view address = *options.join;
    if (address.starts_with(scheme))
      address.remove_prefix(std::min(address.find_first_not_of('/', scheme.size()), address.size()));
    if (error.code == Errc::not_a_log && is_address(address))
      error.hint = fmt::format("of a server: musher init --join {}//{}", scheme, shell_word(std::string(address)));
    return std::unexpected(std::move(error));
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
  return make_log(options, document, context);
}

}  // namespace

Result<ExitCode> make_log(const InitOptions& options, const std::optional<DocumentId>& document, Context& context) {
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

Command init_command() {
  auto options = std::make_shared<InitOptions>();
  return {.program = "musher-init",
          .wants = {},
          .declare = [options](CommandLine& line) { declare(*options, line); },
          .run = [options](Context& context) { return run(*options, context); },
          .hands_over = [options] { return options->joins_server(); }};
}

}  // namespace musher
