#include "musher-remote/views.hpp"

#include <charconv>

#include "cli/date_and_time.hpp"
#include "model/text.hpp"

namespace musher {
namespace {

using mcp::JsonView;

std::string text(const JsonView& value) { return std::string(value.string().value_or("")); }

/// A decimal string.
template <class Number>
Number decimal(const JsonView& value) {
  std::underlying_type_t<Number> number{};
  const std::string_view digits = value.string().value_or("");
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return Number{number};
}

OpId op_id(const JsonView& value) {
  OpId id;
  if (!from_hex(value.string().value_or(""), id.hash)) return {};
  return id;
}

AuthorId author_id(const JsonView& value) {
  AuthorId id;
  if (!from_hex(value.string().value_or(""), id.key)) return {};
  return id;
}

std::vector<OpId> op_ids(const JsonView& values) {
  std::vector<OpId> ids;
  for (const JsonView& value : values.items()) ids.push_back(op_id(value));
  return ids;
}

std::int64_t instant(const JsonView& value) {
  const auto given = read_date_and_time(value.string().value_or(""));
  return given ? instant_of(*given).value_or(0) : 0;
}

OpKind kind(const JsonView& value) {
  for (const OpKind known : {OpKind::insert, OpKind::set, OpKind::tombstone}) {
    if (value.string() == to_string(known)) return known;
  }
  return OpKind::erase;
}

}  // namespace

OpView op_view(const JsonView& op) {
  OpView view;
  view.row.row = decimal<RowId>(op["rowid"]);
  view.row.id = op_id(op["op_id"]);
  view.row.depth = decimal<Depth>(op["depth"]);
  view.row.source = text(op["source"]);
  view.row.received_ms = instant(op["received"]);
  Op& fields = view.row.op.op;
  fields.kind = kind(op["kind"]);
  fields.author = author_id(op["author"]);
  fields.index = decimal<OpIndex>(op["index"]);
  fields.seq = decimal<Seq>(op["seq"]);
  fields.time_ms = instant(op["time"]);
  fields.prev = op_id(op["prev"]);
  fields.target = op_id(op["target"]);
  fields.parents = op_ids(op["parents"]);
  fields.actor = text(op["actor"]);
  fields.name = text(fields.kind == OpKind::insert ? op["story_id"] : op["field"]);
  view.erased = op["erased"].boolean().value_or(false);
  if (op["value"].exists() && !view.erased) view.row.op.content = op["value"].text();
  view.author_name = text(op["author_name"]);
  if (op["item"].string()) view.item = op_id(op["item"]);
  if (op["story_id"].string()) view.story = text(op["story_id"]);
  view.effective = op["effective"].boolean().value_or(true);
  return view;
}

std::vector<OpView> op_views(const JsonView& ops) {
  std::vector<OpView> views;
  for (const JsonView& op : ops.items()) views.push_back(op_view(op));
  return views;
}

StoryView story_view(const JsonView& story) {
  StoryView view;
  view.id = text(story["story_id"]);
  view.items = op_ids(story["items"]);
  for (const auto& [name, value] : story["fields"].members()) {
    FieldState field;
    field.name = name;
    field.value = value.text();
    view.fields.push_back(std::move(field));
  }
  for (const JsonView& erased : story["erased_fields"].items()) {
    for (FieldState& field : view.fields) {
      if (field.name != erased.string()) continue;
      field.value.reset();
      field.erased = true;
    }
  }
  if (story["updated"].string()) view.updated_ms = instant(story["updated"]);
  if (story["updated_by"].string()) view.updated_by = author_id(story["updated_by"]);
  return view;
}

StoryReport story_report(const JsonView& document) {
  StoryReport report;
  const JsonView story = document["story"];
  report.story = story_view(story);
  report.live = story["status"].string() == "live";
  if (story["purge"].is_object()) {
    report.removal = op_view(story["purge"]);
    report.removal->row.op.op.name = report.story.id;  // the document calls every removal a purge
  }
  report.failures.resize(document["failures"].items().size());  // which they are is in the server's document
  for (const auto& [field, entries] : document["history"].members()) {
    for (const JsonView& entry : entries.items()) {
      report.history[std::string(field)].push_back({report.ops.size(), entry["won"].boolean().value_or(false)});
      report.ops.push_back(op_view(entry));
    }
  }
  return report;
}

NamedPeer named_peer(const JsonView& peer) {
  NamedPeer view;
  view.name = text(peer["name"]);
  sync::PeerStatus& status = view.status;
  if (peer["peer"].string()) status.peer = author_id(peer["peer"]);
  status.address = text(peer["address"]);
  status.dialed = peer["dialed"].boolean().value_or(false);
  status.state = text(peer["state"]);
  if (peer["since"].string()) status.since_ms = instant(peer["since"]);
  status.lag_ops = peer["lag_ops"].integer();
  status.sent_bytes = static_cast<std::uint64_t>(peer["sent_bytes"].integer().value_or(0));
  status.received_bytes = static_cast<std::uint64_t>(peer["received_bytes"].integer().value_or(0));
  status.last_error = text(peer["last_error"]);
  status.other_server = peer["other_server"].boolean().value_or(false);
  return view;
}

std::vector<LiveAnswer> live_answers(const JsonView& live) {
  std::vector<LiveAnswer> answers;
  for (const JsonView& one : live.items()) {
    LiveAnswer answer;
    answer.server.pid = one["pid"].integer().value_or(0);
    answer.elapsed_ms = one["elapsed_ms"].integer().value_or(0);
    const auto status = one["status"].string();
    answer.status = status == "applied"   ? Confirmation::applied
                    : status == "timeout" ? Confirmation::timeout
                                          : Confirmation::refused;
    answers.push_back(answer);
  }
  return answers;
}

}  // namespace musher
