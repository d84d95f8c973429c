#include "report/op_json.hpp"

namespace musher {
namespace {

void write_value(JsonWriter& json, const OpView& op) {
  if (op.row.op.content)
    json.key("value").raw_json(*op.row.op.content);
  else if (op.erased)
    json.key("value").null();
}

void write_failure(JsonWriter& json, RowId row, const OpView* op, std::string_view reason, std::string_view detail) {
  json.begin_object();
  json.key("rowid").decimal(row);
  if (op != nullptr) {
    json.key("op");
    write_op(json, *op);
  }
  json.key("reason").string(reason);
  if (!detail.empty()) json.key("detail").string(detail);
  json.end_object();
}

}  // namespace

std::string_view to_string(Verified verified) {
  switch (verified) {
    case Verified::now: return "now";
    case Verified::checkpoint: return "checkpoint";
    case Verified::no: break;
  }
  return "no";
}

void write_op_members(JsonWriter& json, const OpView& op) {
  const Op& fields = op.row.op.op;
  json.key("rowid").decimal(op.row.row);
  json.key("op_id").id(op.row.id);
  json.key("kind").string(to_string(fields.kind));
  json.key("author").id(fields.author);
  if (!op.author_name.empty()) json.key("author_name").string(op.author_name);
  json.key("index").decimal(fields.index);
  json.key("seq").decimal(fields.seq);
  json.key("time").time(fields.time_ms);
  json.key("received").time(op.row.received_ms);
  json.key("parents").begin_array();
  for (const OpId& parent : fields.parents) json.id(parent);
  json.end_array();
  json.key("prev").id_or_null(fields.prev);
  json.key("depth").decimal(op.row.depth);
  json.key("target").id_or_null(fields.target);
  if (op.item)
    json.key("item").id(*op.item);
  else
    json.key("item").null();
  if (op.story)
    json.key("story_id").string(*op.story);
  else
    json.key("story_id").null();
  if (const auto field = op.field())
    json.key("field").string(*field);
  else
    json.key("field").null();
  write_value(json, op);
  json.key("actor").string(fields.actor);
  json.key("source").string(op.row.source);
  json.key("effective").boolean(op.effective);
  json.key("erased").boolean(op.erased);
  json.key("verified").string(to_string(op.verified));
}

void write_op(JsonWriter& json, const OpView& op) {
  json.begin_object();
  write_op_members(json, op);
  json.end_object();
}

void write_ops(JsonWriter& json, std::string_view key, const std::vector<OpView>& ops, const OpWriter& write) {
  json.key(key).begin_array();
  for (const OpView& op : ops) write(json, op);
  json.end_array();
}

void write_story_members(JsonWriter& json, const StoryView& story) {
  json.key("story_id").string(story.id);
  json.key("items").begin_array();
  for (const OpId& item : story.items) json.id(item);
  json.end_array();
  json.key("fields").begin_object();
  for (const FieldState& field : story.fields) {
    if (field.value)
      json.key(field.name).raw_json(*field.value);
    else
      json.key(field.name).null();
  }
  json.end_object();
  bool any_erased = false;
  for (const FieldState& field : story.fields) any_erased |= field.erased;
  if (any_erased) {
    json.key("erased_fields").begin_array();
    for (const FieldState& field : story.fields) {
      if (field.erased) json.string(field.name);
    }
    json.end_array();
  }
  if (story.updated_ms) json.key("updated").time(*story.updated_ms);
  if (story.updated_by) json.key("updated_by").id(*story.updated_by);
}

void write_story(JsonWriter& json, const StoryView& story) {
  json.begin_object();
  write_story_members(json, story);
  json.end_object();
}

void write_stories(JsonWriter& json, const std::vector<StoryView>& stories, const StoryWriter& write) {
  json.key("stories").begin_array();
  for (const StoryView& story : stories) write(json, story);
  json.end_array();
}

void write_failures(JsonWriter& json, const std::vector<ReplayFailure>& failures) {
  json.key("failures").begin_array();
  for (const ReplayFailure& failure : failures) {
    write_failure(json, failure.row, failure.op ? &*failure.op : nullptr, failure.reason, failure.detail);
  }
  json.end_array();
}

void write_failures(JsonWriter& json, const std::vector<RowFailure>& failures) {
  json.key("failures").begin_array();
  for (const RowFailure& failure : failures) write_failure(json, failure.row, nullptr, failure.reason, failure.detail);
  json.end_array();
}

}  // namespace musher
