#include "server/event_log.hpp"

#include <fmt/format.h>

#include "model/escape.hpp"
#include "model/text.hpp"
#include "oplog/hints.hpp"

namespace musher {
namespace {

constexpr std::size_t kShort = 12;  ///< digits of an op's id

}  // namespace

void EventLog::refused(const http::Refused& refused) {
  constexpr std::size_t kLongest = 200;
  LogFields fields;
  if (refused.status != 0) fields.emplace_back("status", std::to_string(refused.status));
  fields.emplace_back("why", shortened_text(std::string(refused.why), kLongest));
  if (!refused.principal.empty()) fields.emplace_back("principal", refused.principal);
  fields.emplace_back("peer", refused.peer);
  line(LogLevel::warning, "request refused", fields);
}

void EventLog::of_sync(const sync::Event& event) {
  LogFields fields;
  if (AuthorId peer; from_hex(event.peer, peer.key)) {
    add_author(fields, peer, "peer");
  } else if (!event.peer.empty()) {
    fields.emplace_back("peer", event.peer);
  }
  if (!event.address.empty() && event.address != event.peer) fields.emplace_back("address", event.address);
  if (!event.detail.empty()) fields.emplace_back("detail", event.detail);
  line(event.warning ? LogLevel::warning : LogLevel::info, event.what, fields);
}

/// With the hint that musher sync gives: who was revoked is not to be let in again without a look.
void EventLog::waits(const AuthorId& author, Standing standing) { not_heard("ops wait", author, standing); }

void EventLog::muted(const AuthorId& author) { not_heard("ops muted", author, Standing::unknown); }

void EventLog::not_heard(std::string_view event, const AuthorId& author, Standing standing) {
  const bool unknown = standing == Standing::unknown;
  const std::string command =
      unknown ? fmt::format("musher trust add {} NAME", to_hex(author.key)) : "musher inspect quarantine";
  LogFields fields;
  add_author(fields, author, "author");
  fields.emplace_back("reason", unknown ? "author_unknown" : "author_revoked");
  fields.emplace_back("detail", fmt::format("{} --log {}", command, shell_word(live_.log().info().path)));
  line(LogLevel::warning, event, fields);
}

void EventLog::clock_ahead(const AuthorId& author, const OpId& op, std::int64_t by_ms) {
  LogFields fields;
  add_author(fields, author, "author");
  fields.emplace_back("op", to_hex(op.hash).substr(0, kShort));
  fields.emplace_back("seconds", std::to_string(by_ms / 1'000));
  fields.emplace_back("hint", "order does not depend on it; on the machine where that author writes: timedatectl");
  line(LogLevel::warning, "clock ahead", fields);
}

void EventLog::equivocation(const Equivocation& found) {
  LogFields fields;
  add_author(fields, found.author, "author");
  fields.emplace_back("index", std::to_string(raw(found.index)));
  fields.emplace_back("first", to_hex(found.first.hash).substr(0, kShort));
  fields.emplace_back("second", to_hex(found.second.hash).substr(0, kShort));
  fields.emplace_back("hint", verify_hint(live_.log().info().path));
  line(LogLevel::warning, "equivocation", fields);
}

void EventLog::add_author(LogFields& fields, const AuthorId& author, std::string_view as) const {
  fields.emplace_back(as, to_hex(author.key));
  if (const std::string& name = live_.live().trust().name(author); !name.empty()) fields.emplace_back("name", name);
}

}  // namespace musher
