#include "report/write_json.hpp"

#include "report/op_json.hpp"

namespace musher {
namespace {

std::string_view to_string(PurgeStatus status) {
  switch (status) {
    case PurgeStatus::would_purge: return "would_purge";
    case PurgeStatus::purged: return "purged";
    case PurgeStatus::already_purged: break;
  }
  return "already_purged";
}

void write_purged(JsonWriter& json, const PurgedStory& story, const OpWriter& op) {
  json.begin_object();
  json.key("story_id").string(story.story);
  json.key("status").string(to_string(story.status));
  json.key("items").begin_array();
  for (const OpId& item : story.items) json.id(item);
  json.end_array();
  write_ops(json, "ops", story.ops, op);
  if (story.by) json.key("by").id(*story.by);
  if (story.time_ms) json.key("time").time(*story.time_ms);
  if (story.reason)
    json.key("reason").string(*story.reason);
  else
    json.key("reason").null();
  json.end_object();
}

void write_author(JsonWriter& json, const AuthorView& author, const AuthorId* self) {
  json.begin_object();
  json.key("author").id(author.author);
  json.key("name").string(author.name);
  json.key("trust").string(to_string(author.trust));
  json.key("eraser").boolean(author.eraser);
  if (author.revoked_from)
    json.key("revoked_from").id(*author.revoked_from);
  else
    json.key("revoked_from").null();
  json.key("ops").number(author.ops);
  json.key("last_index").decimal(author.last_index);
  json.key("self").boolean(self != nullptr && *self == author.author);
  json.end_object();
}

}  // namespace

std::string_view to_string(Confirmation status) {
  switch (status) {
    case Confirmation::applied: return "applied";
    case Confirmation::timeout: return "timeout";
    case Confirmation::refused: break;
  }
  return "refused";
}

void write_live(JsonWriter& json, const std::vector<LiveAnswer>& live) {
  json.key("live").begin_array();
  for (const LiveAnswer& answer : live) {
    json.begin_object();
    json.key("pid").number(answer.server.pid);
    json.key("status").string(to_string(answer.status));
    json.key("elapsed_ms").number(answer.elapsed_ms);
    json.end_object();
  }
  json.end_array();
}

void write_put(JsonWriter& json, const Envelope& envelope, const PutReport& report, const std::vector<LiveAnswer>& live,
               const OpWriter& op) {
  json.begin_object();
  write_envelope(json, envelope);
  json.key("story_id").string(report.story);
  json.key("created").boolean(report.created);
  json.key("dry_run").boolean(report.dry_run);
  write_ops(json, "ops", report.ops, op);
  write_live(json, live);
  json.end_object();
  json.end_line();
}

void write_purge(JsonWriter& json, const Envelope& envelope, const PurgeReport& report,
                 const std::vector<LiveAnswer>& live, const PurgeConsent* consent, const OpWriter& op) {
  json.begin_object();
  write_envelope(json, envelope);
  write_purge_members(json, report, live, consent, op);
  json.end_object();
  json.end_line();
}

void write_purge_members(JsonWriter& json, const PurgeReport& report, const std::vector<LiveAnswer>& live,
                         const PurgeConsent* consent, const OpWriter& op) {
  json.key("dry_run").boolean(report.dry_run);
  write_live(json, live);
  json.key("stories").begin_array();
  for (const PurgedStory& story : report.stories) write_purged(json, story, op);
  json.end_array();
  if (consent != nullptr) {
    if (!consent->confirmed_by.empty()) json.key("confirmed_by").string(consent->confirmed_by);
    json.key("principal").string(consent->principal);
  }
  json.key("left_out").begin_array();
  for (const std::string& story : report.left_out) json.string(story);
  json.end_array();
}

std::string_view to_string(Standing standing) {
  switch (standing) {
    case Standing::allowed: return "allowed";
    case Standing::revoked: return "revoked";
    case Standing::unknown: break;
  }
  return "unknown";
}

void write_authors(JsonWriter& json, const Envelope& envelope, const std::vector<AuthorView>& authors,
                   const AuthorId* self) {
  json.begin_object();
  write_envelope(json, envelope);
  json.key("authors").begin_array();
  for (const AuthorView& author : authors) write_author(json, author, self);
  json.end_array();
  json.end_object();
  json.end_line();
}

std::optional<std::string> renamed_from(const TrustReport& report) {
  if (!report.before || report.before->name.empty() || report.before->name == report.record.name) return std::nullopt;
  return report.before->name;
}

void write_trust(JsonWriter& json, const Envelope& envelope, const TrustReport& report) {
  json.begin_object();
  write_envelope(json, envelope);
  json.key("changed").boolean(report.changed);
  json.key("released").number(report.released);
  json.key("author").id(report.record.author);
  json.key("name").string(report.record.name);
  if (const auto before = renamed_from(report))
    json.key("renamed_from").string(*before);
  else
    json.key("renamed_from").null();
  json.key("trust").string(to_string(report.record.trust == Trust::allowed ? Standing::allowed : Standing::revoked));
  json.key("eraser").boolean(report.record.eraser);
  if (report.record.revoked_from)
    json.key("revoked_from").id(*report.record.revoked_from);
  else
    json.key("revoked_from").null();
  json.end_object();
  json.end_line();
}

void write_init(JsonWriter& json, const Envelope& envelope, const InitReport& report) {
  json.begin_object();
  write_envelope(json, envelope);
  json.key("created").boolean(report.created);
  json.key("author").id(report.author);
  json.key("key_file").string(report.key_file.string());
  json.key("key_created").boolean(report.key_created);
  json.end_object();
  json.end_line();
}

void write_identity(JsonWriter& json, const Envelope& envelope, const AuthorId& author, std::string_view key_file,
                    bool created) {
  json.begin_object();
  write_envelope(json, envelope);
  json.key("created").boolean(created);
  json.key("author").id(author);
  json.key("key_file").string(key_file);
  json.end_object();
  json.end_line();
}

}  // namespace musher
