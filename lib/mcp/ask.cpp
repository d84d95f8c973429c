#include "mcp/ask.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>

#include "json/json_writer.hpp"
#include "mcp/schema.hpp"
#include "model/escape.hpp"
#include "model/text.hpp"

namespace musher::mcp {

bool Abilities::has(Ability ability) const {
  switch (ability) {
    case Ability::elicitation: return elicitation;
    case Ability::sampling: return sampling;
    case Ability::roots: return roots;
  }
  return false;
}

Abilities Abilities::of(JsonView capabilities) {
  const JsonView elicitation = capabilities["elicitation"];
  const bool modes = elicitation["form"].exists() || elicitation["url"].exists();
  return {.elicitation = elicitation.is_object() && (!modes || elicitation["form"].is_object()),
          .sampling = capabilities["sampling"].is_object(),
          .roots = capabilities["roots"].is_object()};
}

std::string text_digest(std::string_view text) {
  std::array<std::uint8_t, crypto_generichash_BYTES> hash{};
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), nullptr,
                     0);
  return to_hex(hash);
}

Ask confirmation(std::string_view message, std::string schema, std::string binding) {
  return {{{.key = "confirm", .message = escape(message), .schema = std::move(schema)}}, std::move(binding)};
}

Answer Answers::find(std::string_view key) const {
  const auto found = std::ranges::find(by_key, key, [](const auto& entry) -> std::string_view { return entry.first; });
  return found == by_key.end() ? Answer{} : found->second;
}

std::string_view method_of(Ability kind) {
  switch (kind) {
    case Ability::elicitation: return "elicitation/create";
    case Ability::sampling: return "sampling/createMessage";
    case Ability::roots: return "roots/list";
  }
  return {};
}

std::string_view name_of(Ability kind) {
  switch (kind) {
    case Ability::elicitation: return "elicitation";
    case Ability::sampling: return "sampling";
    case Ability::roots: return "roots";
  }
  return {};
}

std::string params_of(const Question& question, bool with_mode) {
  if (question.kind != Ability::elicitation) return question.params.empty() ? "{}" : question.params;
  std::string params;
  JsonWriter json(params);
  json.begin_object();
  if (with_mode) json.key("mode").string("form");
  json.key("message").string(question.message).key("requestedSchema").verbatim(question.schema).end_object().end();
  return params;
}

Answer judge(Ability kind, std::string_view schema, JsonView sent) {
  if (!sent.is_object()) return {};
  if (kind == Ability::sampling) return sent["content"].exists() ? Answer{Outcome::accepted, sent} : Answer{};
  if (kind == Ability::roots) return sent["roots"].is_array() ? Answer{Outcome::accepted, sent} : Answer{};
  const auto action = sent["action"].string();
  if (action == "decline") return {Outcome::declined};
  if (action == "cancel") return {Outcome::cancelled};
  const JsonView content = sent["content"];
  if (action != "accept" || !content.is_object()) return {};
  if (!schema.empty() && !Schema(schema).problem(content, "answer", "the answer").empty()) return {};
  return {Outcome::accepted, content};
}

}  // namespace musher::mcp
