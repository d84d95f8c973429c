#include "mcp/content.hpp"

#include "json/json_writer.hpp"
#include "model/escape.hpp"

namespace musher::mcp {
namespace {

void write_contents(std::string& out, std::string_view uri, std::string_view mime_type, std::string_view kind,
                    std::string_view value) {
  JsonWriter json(out);
  json.begin_object().key("uri").string(uri);
  if (!mime_type.empty()) json.key("mimeType").string(mime_type);
  json.key(kind).string(value).end_object().end();
}

void separate(std::string& list) {
  if (!list.empty()) list += ',';
}

}  // namespace

std::string& Content::next() {
  separate(blocks_);
  return blocks_;
}

Content& Content::text(std::string_view text) {
  JsonWriter(next()).begin_object().key("type").string("text").key("text").string(text).end_object().end();
  return *this;
}

Content& Content::image(std::string_view base64, std::string_view mime_type) {
  JsonWriter json(next());
  json.begin_object().key("type").string("image").key("data").string(base64).key("mimeType").string(mime_type);
  json.end_object().end();
  return *this;
}

Content& Content::audio(std::string_view base64, std::string_view mime_type) {
  JsonWriter json(next());
  json.begin_object().key("type").string("audio").key("data").string(base64).key("mimeType").string(mime_type);
  json.end_object().end();
  return *this;
}

Content& Content::resource(std::string_view uri, std::string_view mime_type, std::string_view text) {
  std::string contents;
  write_contents(contents, uri, mime_type, "text", text);
  JsonWriter json(next());
  json.begin_object().key("type").string("resource").key("resource").verbatim(contents).end_object().end();
  return *this;
}

Content& Content::link(std::string_view uri, std::string_view name, std::string_view mime_type) {
  JsonWriter json(next());
  json.begin_object().key("type").string("resource_link").key("uri").string(uri).key("name").string(name);
  if (!mime_type.empty()) json.key("mimeType").string(mime_type);
  json.end_object().end();
  return *this;
}

ToolResult structured_result(std::string_view summary, std::string structured) {
  return {.content = Content().text(escape(summary)), .structured = std::move(structured)};
}

ToolResult error_result(std::string_view why) { return {.content = Content().text(why), .is_error = true}; }

ToolResult error_result(const Error& error, std::string_view notice) {
  // An argument may be in the message and in the hint, and both are in the text, too.
  constexpr std::size_t kMostBytes = 1'000;
  const std::string message = message_text(error.what, kMostBytes);
  const std::string hint = message_text(error.hint, kMostBytes);
  std::string text = message;
  for (std::size_t i = 0; i < error.candidates.size(); ++i)
    text += (i == 0 ? "; did you mean " : " or ") + escape(error.candidates[i]);
  if (!hint.empty()) text += "\nhint: " + hint;
  if (!notice.empty()) text.append("\n").append(notice);
  ToolResult result = error_result(text);
  JsonWriter json(result.structured);
  json.begin_object();
  json.key("code").string(to_string(error.code)).key("message").string(message).key("hint").string(hint);
  if (!error.candidates.empty()) {
    json.key("candidates").begin_array();
    for (const std::string& candidate : error.candidates) json.string(candidate);
    json.end_array();
  }
  json.end_object().end();
  return result;
}

PromptResult& PromptResult::add(std::string_view role, const Content& one_block) {
  separate(messages);
  JsonWriter json(messages);
  json.begin_object().key("role").string(role).key("content").verbatim(one_block.blocks()).end_object().end();
  return *this;
}

ResourceResult& ResourceResult::text(std::string_view uri, std::string_view mime_type, std::string_view text) {
  separate(contents);
  write_contents(contents, uri, mime_type, "text", text);
  return *this;
}

ResourceResult& ResourceResult::blob(std::string_view uri, std::string_view mime_type, std::string_view base64) {
  separate(contents);
  write_contents(contents, uri, mime_type, "blob", base64);
  return *this;
}

}  // namespace musher::mcp
