// musher put --server: put_story.

#include <fmt/format.h>

#include <ostream>
#include <set>

#include "cli/commands/commands.hpp"
#include "cli/commands/put_options.hpp"
#include "cli/commands/write_text.hpp"
#include "cli/log_access.hpp"
#include "model/escape.hpp"
#include "musher-remote/remote_commands.hpp"
#include "musher-remote/server_link.hpp"
#include "musher-remote/views.hpp"

namespace musher {
namespace {

Result<std::string> arguments_of(const PutRequest& request) {
  std::set<std::string_view> names;
  for (const auto& [name, value] : request.fields) {
    if (!names.insert(name).second) return fail(Errc::usage, fmt::format("the field {} is given twice", quote(name)));
  }
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.key("story_id").string(request.story);
  json.key("fields").begin_object();
  for (const auto& [name, value] : request.fields) json.key(name).verbatim(value);
  json.end_object();
  if (request.create) json.key("new").boolean(true);
  if (request.again) json.key("again").boolean(true);
  json.end_object();
  json.end();
  return text;
}

Result<ExitCode> run(PutOptions& options, Context& context) {
  MUSHER_CHECK(refuse(options.request.dry_run, "-n", "a server has no dry run of put"));
  MUSHER_CHECK(refuse(options.wait.wait.has_value(), "--wait", "the server itself waits for the others"));
  MUSHER_CHECK(
      refuse(context.settings.identity_is_given, "--identity", "the server signs, and names you as the actor"));
  MUSHER_TRY(options.request.fields, fields_of(options, context.terminal.in()));
  MUSHER_TRY(const std::string arguments, arguments_of(options.request));
  MUSHER_TRY(mcp::Client client, server_link(context));
  MUSHER_TRY(const mcp::ToolReply reply, client.call_tool("put_story", arguments, http::Effect::writes));
  MUSHER_TRY(const mcp::JsonView ops, member(reply.structured, "ops"));
  PutReport report{options.request.story, reply.structured["created"].boolean().value_or(false), false, op_views(ops)};
  context.terminal.wrote(op_list(report.ops));
  if (!wants_json(context) && !context.settings.quiet) context.terminal.out() << put_text(report);
  const LiveConfirmation live{live_answers(reply.structured["live"])};
  tell_live(context, live, report.ops, false);
  if (wants_json(context)) print_document(context, reply.structured, live.exit_code());
  return live.exit_code();
}

}  // namespace

Command remote_put_command() {
  Command command = make_command<PutOptions>("musher-put", {.server = true}, declare, run);
  command.is_remote = true;
  return command;
}

}  // namespace musher
