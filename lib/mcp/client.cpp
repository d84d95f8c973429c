#include "mcp/client.hpp"

#include <fmt/format.h>

#include <array>

#include "http/unreached.hpp"
#include "json/json_writer.hpp"

namespace musher::mcp {
namespace {

constexpr std::string_view kVersion = "2026-07-28";
constexpr int kMostQuestions = 4;

/// What goes with a call that is made again: the answers, and the state to echo. Both are JSON.
struct Answers {
  std::string responses;
  std::string state;
};

std::string request_text(std::int64_t id, std::string_view tool, std::string_view arguments, bool can_ask,
                         std::string_view version, const Answers& answers) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.key("jsonrpc").string("2.0");
  json.key("id").number(id);
  json.key("method").string("tools/call");
  json.key("params").begin_object();
  json.key("name").string(tool);
  json.key("arguments").verbatim(arguments);
  json.key("_meta").begin_object();
  json.key("io.modelcontextprotocol/protocolVersion").string(kVersion);
  json.key("io.modelcontextprotocol/clientCapabilities").verbatim(can_ask ? R"({"elicitation":{}})" : "{}");
  json.key("io.modelcontextprotocol/clientInfo").begin_object();
  json.key("name").string("musher");
  json.key("version").string(version);
  json.end_object().end_object();
  if (!answers.responses.empty()) json.key("inputResponses").verbatim(answers.responses);
  if (!answers.state.empty()) json.key("requestState").verbatim(answers.state);
  json.end_object().end_object();
  json.end();
  return text;
}

/// The data of each event of a stream, the last of which is the response; or the body itself.
std::string message_of(const http::Reply& reply) {
  if (!reply.content_type.starts_with("text/event-stream")) return reply.body;
  std::string last;
  std::string data;
  for (std::string_view rest = reply.body; !rest.empty();) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("data:")) {
      data += line.substr(line.starts_with("data: ") ? 6 : 5);
    } else if (line.empty() && !data.empty()) {
      last = std::exchange(data, {});
    }
  }
  return data.empty() ? last : data;
}

Errc errc_named(std::string_view name) {
  static constexpr std::array kCodes = {Errc::usage,     Errc::not_found,    Errc::ambiguous, Errc::already_exists,
                                        Errc::not_a_log, Errc::newer_format, Errc::empty,     Errc::incomplete,
                                        Errc::refused,   Errc::no_identity,  Errc::busy,      Errc::damaged,
                                        Errc::io,        Errc::internal};
  for (const Errc code : kCodes) {
    if (to_string(code) == name) return code;
  }
  return Errc::internal;
}

std::string text_of(const JsonView& value) { return std::string(value.string().value_or("")); }

/// The error of a result with isError: {code, message, hint, candidates}, or only text.
std::unexpected<Error> tool_error(const JsonView& result) {
  const JsonView structured = result["structuredContent"];
  if (!structured["code"].string() || text_of(structured["message"]).empty()) {
    const auto content = result["content"].items();
    const std::string text = content.empty() ? "" : text_of(content.front()["text"]);
    return fail(Errc::usage, text.empty() ? "the server gives no reason" : text);
  }
  Error error{errc_named(*structured["code"].string()), text_of(structured["message"]), text_of(structured["hint"])};
  for (const JsonView& candidate : structured["candidates"].items()) error.candidates.push_back(text_of(candidate));
  return std::unexpected(std::move(error));
}

/// What a status says about the request, whatever is in the body; nothing when the body says it.
std::optional<Error> status_error(const http::Reply& reply, const std::string& server) {
  switch (reply.status) {
    case 401:
      return Error{Errc::refused, fmt::format("the server {} does not know this token, or none was shown", server),
                   "--token-file FILE, with a line of the server's own token file"};
    case 403:
      return Error{Errc::refused, fmt::format("the server {} does not allow this", server),
                   "a token that may write, or musher serve --allow-host for this name of it"};
    case 429:
    case 503: return Error{Errc::busy, fmt::format("the server {} is full or shutting down", server), "try again"};
    default: return std::nullopt;
  }
}

/// The result of the response, or why there is none.
Result<JsonView> result_of(const JsonView& message, const http::Reply& reply, const std::string& server) {
  if (const JsonView error = message["error"]; error.is_object()) {
    constexpr std::int64_t kInternalError = -32603;
    return fail(error["code"].integer() == kInternalError ? Errc::io : Errc::refused,
                fmt::format("the server {} refused: {}", server, text_of(error["message"])),
                "a read-only server or token has no tools that write; see the server's log");
  }
  if (!message["result"].is_object()) {
    return fail(Errc::io, fmt::format("{} answered {} and no result", server, reply.status),
                std::string(http::kIsItMusherServe));
  }
  return message["result"];
}

/// Asks about each question of an input_required result.
Result<Answers> answers_to(const JsonView& result, const Client::Confirm& confirm) {
  Answers answers;
  JsonWriter json(answers.responses);
  json.begin_object();
  for (const auto& [key, request] : result["inputRequests"].members()) {
    const JsonView params = request["params"];
    if (!confirm || request["method"].string() != "elicitation/create" ||
        !params["requestedSchema"]["properties"]["confirm"].exists()) {
      return fail(Errc::refused, "the server asks what cannot be answered here",
                  "use an MCP client that asks its user");
    }
    const bool yes = confirm(params["message"].string().value_or(""));
    json.key(key).verbatim(yes ? R"({"action":"accept","content":{"confirm":true}})" : R"({"action":"decline"})");
  }
  json.end_object();
  json.end();
  answers.state = result["requestState"].text();
  return answers;
}

}  // namespace

Result<ToolReply> Client::call_tool(std::string_view name, std::string_view arguments, http::Effect effect,
                                    const Confirm& confirm) {
  const http::Client::Headers headers = {
      {"MCP-Protocol-Version", std::string(kVersion)}, {"Mcp-Method", "tools/call"}, {"Mcp-Name", std::string(name)}};
  const std::string server = http_.url().text();
  Answers answers;
  for (int round = 0; round <= kMostQuestions; ++round) {
    const std::string request =
        request_text(++last_id_, name, arguments, static_cast<bool>(confirm), version_, answers);
    MUSHER_TRY(const http::Reply reply, http_.post(request, headers, effect));
    if (auto error = status_error(reply, server)) return std::unexpected(*std::move(error));
    const auto document = JsonDocument::parse(message_of(reply));
    MUSHER_TRY(const JsonView result, result_of(document ? document->root() : JsonView(), reply, server));
    if (result["resultType"].string() == "input_required") {
      MUSHER_TRY(answers, answers_to(result, confirm));
      continue;
    }
    if (result["isError"].boolean().value_or(false)) return tool_error(result);
    return ToolReply{document, result["structuredContent"]};
  }
  return fail(Errc::refused, fmt::format("the server {} asks again and again", server), "see the server's log");
}

}  // namespace musher::mcp
