#include "report/inspect_json.hpp"

#include "model/canonical_bytes.hpp"
#include "report/op_json.hpp"

namespace musher {
namespace {

/// An op that is not in the log: what its bytes say, no rowid, depth, effect or story.
void write_partial_op(JsonWriter& json, const QuarantinedOp& op) {
  json.begin_object();
  if (const auto parsed = parse_canonical_bytes(op.canonical)) {
    json.key("kind").string(to_string(parsed->kind));
    json.key("author").id(parsed->author);
    json.key("index").decimal(parsed->index);
    json.key("seq").decimal(parsed->seq);
    json.key("time").time(parsed->time_ms);
    json.key("parents").begin_array();
    for (const OpId& parent : parsed->parents) json.id(parent);
    json.end_array();
    json.key("prev").id_or_null(parsed->prev);
    json.key("target").id_or_null(parsed->target);
    json.key("name").string(parsed->name);
    json.key("actor").string(parsed->actor);
  } else {
    json.key("bytes").hex(op.canonical);
  }
  if (op.content) json.key("content").string(*op.content);
  json.end_object();
}

}  // namespace

void write_summary(JsonWriter& json, const Envelope& envelope, const Summary& summary, const SummaryExtras& extras) {
  json.begin_object();
  write_envelope(json, envelope);
  json.key("counts").begin_object();
  json.key("ops").number(summary.ops);
  json.key("stories").number(summary.document.stories);
  json.key("items").number(summary.document.items);
  json.key("tombstones").number(summary.document.tombstones);
  json.key("authors").number(summary.authors);
  json.key("quarantine").number(summary.quarantine);
  json.key("muted").number(summary.muted);
  json.end_object();
  if (extras.identity != nullptr)
    json.key("identity").id(*extras.identity);
  else
    json.key("identity").null();
  json.key("size_bytes").number(extras.size_bytes);
  json.key("wal_bytes").number(extras.wal_bytes);
  json.key("state_digest").id(summary.state_digest);
  json.key("servers").begin_array();
  for (const LiveServer& server : extras.servers) {
    json.begin_object();
    json.key("pid").number(server.pid);
    json.key("health").string(to_string(server.health));
    json.end_object();
  }
  json.end_array();
  write_failures(json, summary.failures);
  json.end_object();
  json.end_line();
}

void write_story_list(JsonWriter& json, const Envelope& envelope, const StoryList& list) {
  json.begin_object();
  write_envelope(json, envelope);
  write_stories(json, list.stories);
  write_failures(json, list.failures);
  json.end_object();
  json.end_line();
}

std::string_view to_string(ServerHealth health) {
  switch (health) {
    case ServerHealth::ok: return "ok";
    case ServerHealth::read_only: return "read_only";
    case ServerHealth::failed: break;
  }
  return "failed";
}

std::string_view status_of(const StoryReport& report) {
  if (report.live) return "live";
  if (report.removal) return "purged";
  return report.failures.empty() ? "muted" : "damaged";
}

void write_story_report(JsonWriter& json, const Envelope& envelope, const StoryReport& report) {
  json.begin_object();
  write_envelope(json, envelope);
  json.key("story").begin_object();
  write_story_members(json, report.story);
  json.key("status").string(status_of(report));
  json.key("purge");
  if (report.removal)
    write_op(json, *report.removal);
  else
    json.null();
  json.end_object();
  json.key("history").begin_object();
  for (const auto& [field, entries] : report.history) {
    json.key(field).begin_array();
    for (const HistoryEntry& entry : entries) {
      json.begin_object();
      write_op_members(json, report.ops[entry.op]);
      json.key("won").boolean(entry.won);
      json.end_object();
    }
    json.end_array();
  }
  json.end_object();
  write_failures(json, report.failures);
  json.end_object();
  json.end_line();
}

void write_op_report(JsonWriter& json, const Envelope& envelope, const OpReport& report) {
  json.begin_object();
  write_envelope(json, envelope);
  json.key("op");
  write_op(json, report.op);
  write_failures(json, report.failure ? std::vector{*report.failure} : std::vector<RowFailure>{});
  json.end_object();
  json.end_line();
}

void write_op_list(JsonWriter& json, const Envelope& envelope, const std::vector<OpView>& ops,
                   const OpListing& listing) {
  json.begin_object();
  write_envelope(json, envelope);
  write_ops(json, "ops", ops);
  write_failures(json, listing.failures);
  json.end_object();
  json.end_line();
}

void write_heads(JsonWriter& json, const Envelope& envelope, const std::vector<OpView>& heads) {
  json.begin_object();
  write_envelope(json, envelope);
  write_ops(json, "heads", heads);
  json.end_object();
  json.end_line();
}

void write_quarantine(JsonWriter& json, const Envelope& envelope, const std::vector<QuarantinedOp>& quarantine) {
  json.begin_object();
  write_envelope(json, envelope);
  json.key("quarantine").begin_array();
  for (const QuarantinedOp& op : quarantine) {
    json.begin_object();
    json.key("id").number(op.id);
    json.key("reason").string(op.reason);
    json.key("source").string(op.source);
    json.key("received").time(op.received_ms);
    json.key("op");
    write_partial_op(json, op);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  json.end_line();
}

void write_op_line(JsonWriter& json, const OpView& op) {
  json.begin_object();
  json.key("type").string("op");
  write_op_members(json, op);
  json.end_object();
  json.end_line();
}

void write_summary_line(JsonWriter& json, const Envelope& envelope, const OpListing& listing) {
  json.begin_object();
  json.key("type").string("summary");
  write_envelope(json, envelope);
  json.key("listed").number(listing.ops);
  write_failures(json, listing.failures);
  json.end_object();
  json.end_line();
}

}  // namespace musher
