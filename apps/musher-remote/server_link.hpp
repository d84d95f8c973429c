#pragma once
// The server a command was told to work with, and its documents on our standard output.

#include <string_view>

#include "cli/run_command.hpp"
#include "json/json_writer.hpp"
#include "mcp/client.hpp"

namespace musher {

/// A client of settings.server that shows the token of settings.token_file. Nothing is sent yet. Warns when the
/// token or the answers, `readable`, go over a network that anyone may read.
/// @errors usage: no URL, or a token file that cannot be used.
[[nodiscard]] Result<mcp::Client> server_link(Context& context, std::string_view readable = "the stories");

/// The member of a document that must be there.
/// @errors io: it is not, so the server is not one of ours.
[[nodiscard]] Result<mcp::JsonView> member(const mcp::JsonView& document, std::string_view name);

/// Writes the server's document with `tool` and `exit_code` where the envelope of the local command has them.
void print_document(Context& context, const mcp::JsonView& document, ExitCode code);
/// Opens an object with schema, tool, exit_code and the log of this document. The caller ends it.
void begin_document(JsonWriter& json, std::string_view schema, const mcp::JsonView& document, ExitCode code);

/// @errors usage: an option was given that only a log here has.
[[nodiscard]] Result<void> refuse(bool given, std::string_view option, std::string_view why);

}  // namespace musher
