#include "server/tool_result.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "json/json_writer.hpp"
#include "model/text.hpp"

namespace musher {

std::string json_text(const std::function<void(JsonWriter&)>& write) {
  std::string text;
  JsonWriter json(text);
  write(json);
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

namespace {

/// What to do next, for a model that has these tools, too, and not for a shell alone.
std::string hint_of(const Error& error) {
  using namespace std::string_view_literals;
  constexpr std::array kTools{
      std::pair("musher inspect stories"sv, "get_pipeline_status has the stories that there are"sv),
      std::pair("to make it: "sv, "put_story with new makes it"sv),
      std::pair("to start it afresh: "sv, "put_story with new and again starts it afresh"sv),
      std::pair("to change it, leave out --new: "sv, "put_story without new changes it"sv)};
  for (const auto& [said, tool] : kTools) {
    if (!error.hint.starts_with(said)) continue;
    const std::string command = said.ends_with(' ') ? error.hint.substr(said.size()) : std::string(said);
    return fmt::format("{}; at a shell: {}", tool, command);
  }
  return error.hint;
}

/// All but what is about the call itself or about this machine.
bool may_quote_the_log(const Error& error) {
  switch (error.code) {
    case Errc::usage:
    case Errc::no_identity:
    case Errc::busy:
    case Errc::io:
    case Errc::internal: return !error.candidates.empty();
    default: return true;
  }
}

}  // namespace

mcp::ToolResult error_result(const Error& error) {
  Error told = error;
  told.hint = hint_of(error);
  return mcp::error_result(told, may_quote_the_log(error) ? kDataNotice : "");
}

void begin_result(JsonWriter& json, std::string_view schema, const LogCard& card,
                  const std::optional<ResolvedPoint>& at, const std::optional<std::string>& next_cursor) {
  json.begin_object();
  write_envelope(json, {schema, std::nullopt, &card, {}, at, next_cursor});
}

std::optional<std::string> text_argument(const mcp::Call& call, std::string_view name) {
  const auto text = call.arguments()[name].string();
  return text ? std::optional<std::string>(*text) : std::nullopt;
}

bool flag_argument(const mcp::Call& call, std::string_view name) {
  return call.arguments()[name].boolean().value_or(false);
}

PageRequest page_argument(const mcp::Call& call, std::size_t default_limit) {
  const auto limit = call.arguments()["limit"].integer();
  return {limit ? static_cast<std::size_t>(*limit) : default_limit, text_argument(call, "cursor")};
}

Result<std::optional<Cursor>> read_cursor(const std::optional<std::string>& text) {
  if (!text || text->empty()) return std::nullopt;
  Cursor cursor;
  const auto colon = text->find(':');
  const auto read = std::from_chars(text->data(), text->data() + std::min(colon, text->size()), cursor.number);
  if (colon == text->npos || read.ec != std::errc{} || read.ptr != text->data() + colon) {
    return fail(Errc::usage, "the cursor is not one that this tool gave", "call without a cursor for the first page");
  }
  cursor.name = text->substr(colon + 1);
  return cursor;
}

mcp::ToolResult linked_result(std::string_view version, std::string_view summary, CutDocument document) {
  mcp::ToolResult result = mcp::structured_result(summary, std::move(document.json));
  constexpr std::string_view kFirstWithLinks = "2025-06-18";
  if (version < kFirstWithLinks) return result;
  for (const ResourceLink& link : document.links) result.content.link(link.uri, link.name, "application/json");
  return result;
}

ResourceLink link_to_story(const std::string& story) { return {story_uri(story), story}; }

ResourceLink link_to_op(const OpId& op) { return {op_uri(op), to_hex(op.hash)}; }

std::string op_uri(const OpId& op) { return "musher://op/" + to_hex(op.hash); }

std::string story_uri(std::string_view story) {
  constexpr std::string_view kUnreserved = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
  std::string uri = "musher://story/";
  for (const char c : story) {
    if (kUnreserved.find(c) != kUnreserved.npos)
      uri += c;
    else
      uri += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return uri;
}

}  // namespace musher
