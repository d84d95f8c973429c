#include "report/envelope.hpp"

#include <algorithm>

#include "report/version.hpp"

namespace musher {
namespace {

/// Of a log's heads, in an MCP result: there may be as many as there are authors, and more.
constexpr std::size_t kEnvelopeHeads = 20;

void write_card(JsonWriter& json, const LogCard& card, std::size_t most_heads) {
  json.begin_object();
  json.key("path").string(card.info.path);
  json.key("id").id(card.info.log);
  json.key("document").id(card.info.document);
  json.key("format").number(std::uint64_t{card.info.format});
  json.key("ops").number(card.ops);
  write_heads(json, card.heads, most_heads);
  if (card.info.copied_ms) json.key("copied").time(*card.info.copied_ms);
  json.end_object();
}

}  // namespace

void write_heads(JsonWriter& json, std::span<const OpId> heads, std::size_t most) {
  json.key("heads").begin_array();
  for (const OpId& head : heads.first(std::min(heads.size(), most))) json.id(head);
  json.end_array();
  if (heads.size() > most) json.key("heads_left_out").number(std::uint64_t{heads.size() - most});
}

void write_envelope(JsonWriter& json, const Envelope& envelope) {
  json.key("schema").string(envelope.schema);
  if (envelope.exit_code) {
    json.key("tool").string(version());
    json.key("exit_code").number(std::int64_t{*envelope.exit_code});
  }
  if (envelope.log != nullptr) {
    json.key("log");
    write_card(json, *envelope.log, envelope.exit_code ? envelope.log->heads.size() : kEnvelopeHeads);
  }
  if (!envelope.verdict.empty()) json.key("verdict").string(envelope.verdict);
  if (envelope.at) {
    json.key("at").begin_object();
    json.key("rowid").decimal(envelope.at->row);
    if (envelope.at->received_ms) json.key("time").time(*envelope.at->received_ms);
    json.end_object();
  }
  if (envelope.next_cursor) json.key("next_cursor").string(*envelope.next_cursor);
}

}  // namespace musher
