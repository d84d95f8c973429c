#include "report/sync_json.hpp"

#include "report/write_json.hpp"

namespace musher {
namespace {

void write_end(JsonWriter& json, std::string_view key, const std::string& path, const LogId& log) {
  json.key(key).begin_object();
  json.key("path").string(path);
  json.key("id").id(log);
  json.end_object();
}

void write_author_count(JsonWriter& json, const TrustPolicy& trust, const AuthorId& author, std::uint64_t ops) {
  json.key("author").id(author);
  json.key("name").string(trust.name(author));
  json.key("ops").number(ops);
}

void write_movement(JsonWriter& json, const FileMovement& move) {
  json.begin_object();
  write_end(json, "from", move.from, move.from_log);
  write_end(json, "to", move.to, move.to_log);
  json.key("moved").number(move.movement.moved);
  json.key("released").number(move.movement.released);
  json.key("authors").begin_array();
  for (const auto& [author, ops] : move.movement.authors) {
    json.begin_object();
    write_author_count(json, move.trust, author, ops);
    json.end_object();
  }
  json.end_array();
  json.key("stories").begin_array();
  for (const std::string& story : move.movement.stories) json.string(story);
  json.end_array();
  json.key("waiting").begin_array();
  for (const sync::WaitingOps& waiting : move.movement.waiting) {
    json.begin_object();
    json.key("reason").string(waiting.reason);
    write_author_count(json, move.trust, waiting.author, waiting.ops);
    json.end_object();
  }
  json.end_array();
  if (const auto& refused = move.movement.refused) {
    json.key("refused").begin_object();
    json.key("rowid").decimal(refused->row);
    json.key("op_id").id(refused->id);
    json.key("reason").string(to_string(refused->why));
    json.end_object();
  } else {
    json.key("refused").null();
  }
  if (move.movement.stopped)
    json.key("damage").string(move.movement.stopped->what);
  else
    json.key("damage").null();
  write_live(json, move.live);
  json.end_object();
}

}  // namespace

void write_sync(JsonWriter& json, const Envelope& envelope, const DocumentId& document, bool dry_run,
                const std::vector<FileMovement>& movements) {
  json.begin_object();
  write_envelope(json, envelope);
  json.key("document").id(document);
  json.key("dry_run").boolean(dry_run);
  json.key("movements").begin_array();
  for (const FileMovement& move : movements) write_movement(json, move);
  json.end_array();
  json.end_object();
  json.end_line();
}

}  // namespace musher
