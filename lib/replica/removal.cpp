#include "replica/removal.hpp"

#include <fmt/format.h>

#include "model/canonical_json.hpp"
#include "model/text.hpp"
#include "oplog/hints.hpp"

namespace musher {

Result<void> check_story_id(std::string_view id) {
  if (!id.empty() && id.size() <= kMaxNameBytes && is_plain_utf8(id)) return {};
  return fail(Errc::usage, fmt::format("\"{}\" is no story id", id.substr(0, kMaxNameBytes)),
              "a story id is 1 to 128 bytes of UTF-8 without control characters");
}

std::string describe_removal(const Host& host, const TrustPolicy& trust, const Story& story) {
  const OpRow& row = story.removal()->row;
  const std::string& name = trust.name(row.op.op.author);
  const auto reason = reason_of(row);
  return fmt::format("{} by {} (op {}) at {}{}", row.op.op.is_purge() ? "purged" : "deleted",
                     name.empty() ? to_hex(row.op.op.author.key).substr(0, 12) : name,
                     to_hex(row.id.hash).substr(0, 12), host.time_text(row.op.op.time_ms),
                     reason ? ": " + *reason : "");
}

std::optional<std::string> reason_of(const OpRow& row) {
  if (!row.op.content) return std::nullopt;
  for (const auto& [name, value] : members(*row.op.content)) {
    if (name == "reason") return string_value(value);
  }
  return std::nullopt;
}

std::unexpected<Error> damaged_story(LogReader& log, const Story& story) {
  const RowFailure& first = story.failures.front();
  return fail(Errc::damaged,
              fmt::format("row {} of {} does not hold ({}), and it is part of story {}", raw(first.row),
                          log.info().path, first.reason, story.id),
              verify_hint(log.info().path));
}

std::unexpected<Error> muted_story(LogReader& log, const TrustPolicy& trust, const Story& story, Errc code) {
  const std::string& path = log.info().path;
  const HeardRow* insert = story.row_of(story.items.front().id);
  if (insert == nullptr)
    return fail(code, fmt::format("story {} is in {}, but muted", story.id, path), verify_hint(path));
  const AuthorId& author = insert->row.op.op.author;
  const std::string key = to_hex(author.key);
  const std::string& name = trust.name(author);
  return fail(
      code,
      fmt::format("story {} is in {}, but muted: its author {} is {} here", story.id, path,
                  name.empty() ? key : fmt::format("{} ({})", name, key),
                  trust.standing(author) == Standing::revoked ? "revoked" : "not trusted"),
      fmt::format("musher trust add {} {} --log {}", key, name.empty() ? "NAME" : shell_word(name), shell_word(path)));
}

}  // namespace musher
