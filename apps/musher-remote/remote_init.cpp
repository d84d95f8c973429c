// musher init --join URL: a server says which document it holds; the log is made here.

#include <fmt/format.h>

#include "cli/commands/commands.hpp"
#include "cli/commands/init_options.hpp"
#include "model/escape.hpp"
#include "model/text.hpp"
#include "musher-remote/remote_commands.hpp"
#include "musher-remote/server_link.hpp"

namespace musher {
namespace {

Result<ExitCode> run(InitOptions& options, Context& context) {
  Settings settings = context.settings;
  settings.server = options.join;
  if (options.token_file) settings.token_file = *options.token_file;
  Context there{context.terminal, settings, context.environment, context.common};
  MUSHER_TRY(mcp::Client client,
             server_link(there, "what the server says of itself, no story, and can name another document"));
  MUSHER_TRY(const mcp::ToolReply reply, client.call_tool("get_node", "{}", http::Effect::reads));
  MUSHER_TRY(const mcp::JsonView document, member(reply.structured, "document"));
  DocumentId id;
  if (!from_hex(document.string().value_or(""), id.bytes)) {
    return fail(Errc::io, fmt::format("{} answers with no document id", *options.join),
                "is it a musher serve of this version?");
  }
  return make_log(options, id, context);
}

}  // namespace

Command remote_init_command() {
  Command command = make_command<InitOptions>("musher-init", {}, declare, run);
  command.is_remote = true;
  return command;
}

}  // namespace musher
