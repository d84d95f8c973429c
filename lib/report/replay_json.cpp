#include "report/replay_json.hpp"

namespace musher {
namespace {

void write_drift(JsonWriter& json, const std::vector<RegisterDrift>& drift) {
  json.key("next_seq").begin_array();
  for (const RegisterDrift& entry : drift) {
    json.begin_object();
    json.key("story_id").string(entry.story);
    json.key("field").string(entry.field);
    json.key("naive").decimal(entry.naive);
    json.key("true").decimal(entry.right);
    json.end_object();
  }
  json.end_array();
}

void write_gaps(JsonWriter& json, const std::vector<RowGap>& gaps) {
  json.key("missing_rows").begin_array();
  for (const RowGap& gap : gaps) {
    json.begin_object();
    json.key("rowid_from").decimal(gap.first);
    json.key("rowid_to").decimal(gap.last);
    json.end_object();
  }
  json.end_array();
}

void write_side(JsonWriter& json, std::string_view key, const std::optional<std::string>& value) {
  if (value)
    json.key(key).raw_json(*value);
  else
    json.key(key).null();
}

void write_difference(JsonWriter& json, const StateDifference& difference) {
  json.begin_object();
  json.key("story_id").string(difference.story);
  if (difference.field)
    json.key("field").string(*difference.field);
  else
    json.key("field").null();
  write_side(json, "left", difference.left);
  write_side(json, "right", difference.right);
  json.key("left_present").boolean(difference.left_present);
  json.key("right_present").boolean(difference.right_present);
  if (difference.op) json.key("op_id").id(*difference.op);
  json.end_object();
}

void write_replay_members(JsonWriter& json, const ReplayReport& report, const StoryWriter& story) {
  json.key("order").string(report.order == ReplayOrder::seq ? "seq" : "rowid");
  json.key("ops").begin_object();
  json.key("read").number(report.ops.read);
  json.key("applied").number(report.ops.applied);
  json.key("failed").number(report.ops.failed);
  json.key("signatures_checked").number(report.ops.signatures_checked);
  json.end_object();
  json.key("state_digest").id(report.state_digest);
  write_failures(json, report.failures);
  write_gaps(json, report.gaps);
  if (report.order == ReplayOrder::seq) write_drift(json, report.next_seq);
  write_stories(json, report.stories, story);
}

}  // namespace

void write_replay(JsonWriter& json, const Envelope& envelope, const ReplayReport& report, const StoryWriter& story) {
  json.begin_object();
  write_envelope(json, envelope);
  write_replay_members(json, report, story);
  json.end_object();
  json.end_line();
}

void write_comparison(JsonWriter& json, const Envelope& envelope, const Comparison& comparison,
                      const StoryWriter& story) {
  json.begin_object();
  write_envelope(json, envelope);
  write_replay_members(json, comparison.left, story);
  json.key("compare").begin_object();
  json.key("with").string(comparison.right.with);
  json.key("state_digest").id(comparison.right.state_digest);
  write_failures(json, comparison.right.failures);
  write_gaps(json, comparison.right.gaps);
  if (comparison.right.with == "seq") write_drift(json, comparison.right.next_seq);
  json.key("differences").begin_array();
  for (const StateDifference& difference : comparison.right.differences) write_difference(json, difference);
  json.end_array();
  json.end_object();
  json.end_object();
  json.end_line();
}

}  // namespace musher
