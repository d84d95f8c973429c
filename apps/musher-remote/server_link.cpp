#include "musher-remote/server_link.hpp"

#include <fmt/format.h>

#include "http/client_token.hpp"
#include "report/version.hpp"

namespace musher {

Result<mcp::Client> server_link(Context& context, std::string_view readable) {
  const Settings& settings = context.settings;
  if (!settings.server) return fail(Errc::usage, "there is no server to speak to", "--server URL, or MUSHER_SERVER");
  MUSHER_TRY(http::ServerUrl url, http::parse_server_url(*settings.server));
  std::optional<std::string> token;
  if (settings.token_file) {
    MUSHER_TRY(token, http::read_client_token(*settings.token_file));
  }
  if (!url.tls && !url.is_loopback) {
    context.terminal.warn(fmt::format("{} without TLS: whoever is on the way reads {}{}", url.text(),
                                      token ? "the token and " : "", readable));
  }
  return mcp::Client(http::Client(std::move(url), std::move(token)), std::string(version()));
}

Result<mcp::JsonView> member(const mcp::JsonView& document, std::string_view name) {
  const mcp::JsonView found = document[name];
  if (found.exists()) return found;
  return fail(Errc::io, fmt::format("the server's answer has no {}", name), "is it a musher serve of this version?");
}

void begin_document(JsonWriter& json, std::string_view schema, const mcp::JsonView& document, ExitCode code) {
  json.begin_object();
  json.key("schema").string(schema);
  json.key("tool").string(version());
  json.key("exit_code").number(static_cast<std::int64_t>(code));
  if (document["log"].exists()) json.key("log").verbatim(document["log"].text());
}

void print_document(Context& context, const mcp::JsonView& document, ExitCode code) {
  JsonWriter json(context.terminal.out());
  begin_document(json, document["schema"].string().value_or(""), document, code);
  for (const auto& [name, value] : document.members()) {
    if (name != "schema" && name != "log") json.key(name).verbatim(value.text());
  }
  json.end_object();
  json.end_line();
}

Result<void> refuse(bool given, std::string_view option, std::string_view why) {
  if (!given) return {};
  return fail(Errc::usage, fmt::format("{} does not go with a server: {}", option, why),
              "where the log's file is: --log FILE");
}

}  // namespace musher
