#include "report/envelope.hpp"

#include "report/version.hpp"

namespace musher {
namespace {

void write_card(JsonWriter& json, const LogCard& card) {
  json.begin_object();
  json.key("path").string(card.info.path);
  json.key("id").id(card.info.log);
  json.key("document").id(card.info.document);
  json.key("format").number(std::uint64_t{card.info.format});
  json.key("ops").number(card.ops);
  json.key("heads").begin_array();
  for (const OpId& head : card.heads) json.id(head);
  json.end_array();
  if (card.info.copied_ms) json.key("copied").time(*card.info.copied_ms);
  json.end_object();
}

}  // namespace

void write_envelope(JsonWriter& json, const Envelope& envelope) {
  json.key("schema").string(envelope.schema);
  if (envelope.exit_code) {
    json.key("tool").string(version());
    json.key("exit_code").number(std::int64_t{*envelope.exit_code});
  }
  if (envelope.log != nullptr) {
    json.key("log");
    write_card(json, *envelope.log);
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
