#include "cli/commands/inspect_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "cli/log_access.hpp"
#include "cli/table.hpp"
#include "model/canonical_bytes.hpp"
#include "model/canonical_json.hpp"
#include "model/escape.hpp"
#include "model/text.hpp"
#include "replica/removal.hpp"
#include "replica/settlement.hpp"
#include "report/inspect_json.hpp"
#include "report/write_json.hpp"

namespace musher {
namespace {

constexpr std::size_t kValueColumns = 48;

/// A value as people read it: text without quotes, anything else as JSON.
std::string value_text(const std::optional<std::string>& canonical, bool erased) {
  if (!canonical) return erased ? "(erased)" : "(not in this log)";
  return string_value(*canonical).value_or(*canonical);
}

const FieldState* field_of(const StoryView& story, std::string_view name) {
  const auto found = std::ranges::find(story.fields, name, &FieldState::name);
  return found == story.fields.end() ? nullptr : &*found;
}

std::string field_text(const StoryView& story, std::string_view name) {
  const FieldState* field = field_of(story, name);
  return field == nullptr ? "" : value_text(field->value, field->erased);
}

std::string author_of(const OpView& op) { return author_text(op.author_name, op.row.op.op.author); }

std::string kind_of(const OpView& op) {
  return op.row.op.op.is_purge() ? "purge" : std::string(to_string(op.row.op.op.kind));
}

/// The initial fields of an insert: "name = Sync, stage = 1_backlog".
std::string fields_text(const std::string& content) {
  std::string text;
  for (const auto& [name, value] : members(content)) {
    text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", name, value_text(value, false));
  }
  return text;
}

/// The reason a delete or an erase gives; empty when it gives none.
std::string why(const OpRow& row) { return reason_of(row).value_or(""); }

std::string what(const OpView& op) {
  const Op& fields = op.row.op.op;
  const bool has_content = op.row.op.content.has_value() || op.erased;
  const std::string value = has_content ? value_text(op.row.op.content, op.erased) : "";
  switch (fields.kind) {
    case OpKind::set: return fields.name + " = " + value;
    case OpKind::insert: return op.row.op.content ? fields_text(*op.row.op.content) : value;
    case OpKind::tombstone: return why(op.row);
    case OpKind::erase: break;
  }
  const std::string reason = why(op.row);
  return "of op " + short_id(fields.target) + (reason.empty() ? "" : ": " + reason);
}

std::string signature_text(Verified verified) {
  switch (verified) {
    case Verified::now: return "checked now";
    case Verified::checkpoint: return "covered by a checkpoint";
    case Verified::no: break;
  }
  return "not checked";
}

void add_history(std::string& text, const StoryReport& report, const std::string& field,
                 const std::vector<HistoryEntry>& entries, const Terminal& terminal) {
  text += fmt::format("\n{}\n", terminal.paint(Style::bold, escape(field)));
  Table table({{""},
               {"ROW", Align::right},
               {"SEQ", Align::right},
               {"VALUE", Align::left, kValueColumns},
               {"BY"},
               {"TIME", Align::left, 0, true},
               {"OP", Align::left, 0, true}});
  for (const HistoryEntry& entry : entries) {
    const OpView& view = report.ops[entry.op];
    const Op& op = view.row.op.op;
    std::string value = value_text(std::nullopt, true);
    if (view.row.op.content) {
      value = value_text(view.row.op.content, false);
      if (op.kind == OpKind::insert) {
        for (const auto& [name, member] : members(*view.row.op.content)) {
          if (name == field) value = value_text(member, false);
        }
      }
    }
    table.row({entry.won ? Cell(Style::green, "won") : Cell(view.effective ? "" : "muted"),
               std::to_string(raw(view.row.row)), op.kind == OpKind::insert ? "0" : std::to_string(raw(op.seq)), value,
               author_of(view), terminal.time(op.time_ms), short_id(view.row.id)});
  }
  text += table.text(terminal);
}

}  // namespace

std::string summary_text(const LogInfo& log, const Summary& summary, const SummaryExtras& extras,
                         const Terminal& terminal) {
  std::string text;
  const auto line = [&](std::string_view name, const std::string& value) {
    text += fmt::format("{:<13} {}\n", name, escape(value));
  };
  line("log", log.path);
  line("document", to_hex(log.document.bytes));
  line("log id", to_hex(log.log.bytes));
  line("format", std::to_string(log.format));
  line("created", terminal.time(log.created_ms));
  line("ops", std::to_string(summary.ops));
  line("stories", std::to_string(summary.document.stories));
  line("items", fmt::format("{} shown, {} hidden", summary.document.items, summary.document.tombstones));
  line("authors", std::to_string(summary.authors));
  line("quarantine", std::to_string(summary.quarantine));
  if (summary.muted > 0) line("muted", muted_text(summary.muted, "here", log.path));
  line("size", fmt::format("{} bytes, and {} in the -wal", extras.size_bytes, extras.wal_bytes));
  line("state digest", to_hex(summary.state_digest.bytes));
  line("identity", extras.identity != nullptr ? to_hex(extras.identity->key) : "none here");
  for (const LiveServer& server : extras.servers) {
    line("live server", fmt::format("PID {}{}, {}, has row {} in memory", server.pid,
                                    server.other_namespace ? " of another PID namespace" : "", to_string(server.health),
                                    raw(server.applied)));
  }
  if (extras.servers.empty()) line("live servers", "none");
  line("checked", "ids and content digests of all ops; signatures were not (musher verify-order)");
  return text;
}

std::string muted_text(std::uint64_t ops, std::string_view where, std::string_view log) {
  return fmt::format("{} op{} without effect, whose author{} not trusted {}: musher trust list --log {}", ops,
                     ops == 1 ? "" : "s", ops == 1 ? " is" : "s are", where, shell_word(std::string(log)));
}

std::string stories_text(const std::vector<StoryView>& stories, const TrustPolicy& trust, const Terminal& terminal) {
  if (stories.empty()) return "";
  Table table({{"STORY"},
               {"STAGE"},
               {"NAME", Align::left, kValueColumns},
               {"AGENT"},
               {"UPDATED", Align::left, 0, true},
               {"BY"}});
  for (const StoryView& story : stories) {
    const std::string id =
        story.items.size() > 1 ? fmt::format("{} ({} items)", story.id, story.items.size()) : story.id;
    table.row({id, field_text(story, "stage"), field_text(story, "name"), field_text(story, "agent"),
               story.updated_ms ? terminal.time(*story.updated_ms) : "",
               story.updated_by ? author_text(trust.name(*story.updated_by), *story.updated_by) : ""});
  }
  return table.text(terminal);
}

namespace {

std::string status_text(const StoryReport& report, const Terminal& terminal) {
  const std::string status(status_of(report));
  return terminal.paint(report.live ? Style::green : status == "damaged" ? Style::red : Style::yellow, status);
}

std::string removal_text(const OpView& op, const Terminal& terminal) {
  const std::string reason = why(op.row);
  return fmt::format("{} by {} at {}, op {}, row {}{}\n", op.row.op.op.is_purge() ? "purged" : "deleted",
                     escape(writer_text(op)), terminal.time(op.row.op.op.time_ms), short_id(op.row.id), raw(op.row.row),
                     reason.empty() ? "" : ": " + escape(reason));
}

}  // namespace

std::string story_text(const StoryReport& report, const Terminal& terminal, std::string_view problem) {
  std::string text =
      fmt::format("{}  {}{}\n", terminal.paint(Style::bold, escape(report.story.id)), status_text(report, terminal),
                  report.story.items.size() > 1 ? fmt::format("  {} items", report.story.items.size()) : "");
  if (report.removal) text += removal_text(*report.removal, terminal);
  for (const OpView& op : report.ops) {
    if (op.row.op.op.is_purge() && !op.effective) text += "muted, without effect: " + removal_text(op, terminal);
  }
  Table fields({{"FIELD"}, {"VALUE", Align::left}});
  for (const FieldState& field : report.story.fields) fields.row({field.name, value_text(field.value, field.erased)});
  text += fields.text(terminal);
  for (const auto& [field, entries] : report.history) add_history(text, report, field, entries, terminal);
  if (problem.empty())
    text += "\nsignatures of these ops were checked; the rest of the log was not read\n";
  else
    text +=
        fmt::format("\nproblem: {}\nwhat is shown is from the server's memory, without history; nothing was checked\n",
                    message_text(problem));
  return text;
}

std::string ops_text(const std::vector<OpView>& ops, const Terminal& terminal) {
  if (ops.empty()) return "";
  Table table({{"ROW", Align::right},
               {"KIND"},
               {"STORY"},
               {"SEQ", Align::right},
               {"INDEX", Align::right},
               {"AUTHOR"},
               {"TIME", Align::left, 0, true},
               {"OP", Align::left, 0, true},
               {"WHAT", Align::left, kValueColumns}});
  for (const OpView& op : ops) {
    const Op& fields = op.row.op.op;
    table.row({std::to_string(raw(op.row.row)), kind_of(op) + (op.effective ? "" : " (muted)"), op.story.value_or("?"),
               std::to_string(raw(fields.seq)), std::to_string(raw(fields.index)), author_of(op),
               terminal.time(fields.time_ms), short_id(op.row.id), what(op)});
  }
  return table.text(terminal);
}

std::string op_text(const OpView& op, const Terminal& terminal) {
  const Op& fields = op.row.op.op;
  std::string text;
  const auto line = [&](std::string_view name, const std::string& value) {
    text += fmt::format("{:<10} {}\n", name, escape(value));
  };
  line("op", to_hex(op.row.id.hash));
  line("kind", kind_of(op) + (op.effective ? "" : ", muted: its author is not trusted here"));
  line("row", std::to_string(raw(op.row.row)));
  line("story", op.story.value_or("?"));
  if (const auto field = op.field()) line("field", *field);
  if (op.row.op.content || op.erased) line("content", op.erased ? "(erased)" : *op.row.op.content);
  line("author", fmt::format("{} {}", to_hex(fields.author.key), op.author_name));
  if (!fields.actor.empty()) line("actor", fields.actor);
  line("index", std::to_string(raw(fields.index)));
  line("seq", std::to_string(raw(fields.seq)));
  line("depth", std::to_string(raw(op.row.depth)));
  line("time", terminal.time(fields.time_ms) + " as the author claims");
  line("received", fmt::format("{} from {}", terminal.time(op.row.received_ms), op.row.source));
  line("prev", fields.prev.is_zero() ? "none" : to_hex(fields.prev.hash));
  line("target", fields.target.is_zero() ? "none" : to_hex(fields.target.hash));
  for (const OpId& parent : fields.parents) line("parent", to_hex(parent.hash));
  line("signature", signature_text(op.verified));
  return text;
}

std::string authors_text(const std::vector<AuthorView>& authors, const AuthorId* self, const Terminal& terminal) {
  if (authors.empty()) return "";
  Table table({{"NAME"}, {"TRUST"}, {"OPS", Align::right}, {"LAST INDEX", Align::right}, {"KEY"}});
  for (const AuthorView& author : authors) {
    std::string trust(to_string(author.trust));
    if (author.revoked_from) trust += " from " + short_id(*author.revoked_from);
    if (author.eraser) trust += ", eraser";
    table.row({author.name + (self != nullptr && *self == author.author ? " (you)" : ""), trust,
               std::to_string(author.ops), std::to_string(raw(author.last_index)), to_hex(author.author.key)});
  }
  return table.text(terminal);
}

std::string peers_text(const std::vector<NamedPeer>& peers, const Terminal& terminal) {
  if (peers.empty()) return "";
  Table table({{"NAME"},
               {"STATE"},
               {"SINCE", Align::left, 0, true},
               {"LAG", Align::right},
               {"SENT", Align::right},
               {"RECEIVED", Align::right},
               {"KEY"},
               {"ADDRESS", Align::left, kValueColumns},
               {"LAST ERROR", Align::left}});
  for (const NamedPeer& peer : peers) {
    const sync::PeerStatus& status = peer.status;
    const std::string state = status.state == "not_running" ? "no server here" : status.state;
    table.row({peer.name, status.other_server ? state + " by another server" : state,
               status.since_ms == 0 ? "" : terminal.time(status.since_ms),
               status.lag_ops ? std::to_string(*status.lag_ops) : "", std::to_string(status.sent_bytes),
               std::to_string(status.received_bytes), status.peer ? short_id(*status.peer) : "", status.address,
               status.last_error});
  }
  return table.text(terminal);
}

std::string quarantine_text(const std::vector<QuarantinedOp>& quarantine, const TrustPolicy& trust,
                            const std::string& log, const Terminal& terminal) {
  constexpr std::size_t kMostNamed = 8;  // a flood of strangers has as many keys as ops
  if (quarantine.empty()) return "";
  std::map<AuthorId, std::uint64_t> unknown;
  Table table({{"ID", Align::right},
               {"REASON"},
               {"KIND"},
               {"NAME", Align::left, kValueColumns},
               {"AUTHOR"},
               {"SOURCE", Align::left, 24},
               {"RECEIVED", Align::left, 0, true}});
  for (const QuarantinedOp& kept : quarantine) {
    const auto op = parse_canonical_bytes(kept.canonical);
    table.row({std::to_string(kept.id), kept.reason, op ? std::string(to_string(op->kind)) : "?", op ? op->name : "",
               op ? short_id(op->author) : "?", kept.source, terminal.time(kept.received_ms)});
    if (op && is_waiting(kept.reason) && trust.standing(op->author) == Standing::unknown) ++unknown[op->author];
  }
  std::string text = table.text(terminal);
  std::size_t named = 0;
  for (const auto& [author, ops] : unknown) {
    if (named++ == kMostNamed) {
      return text +
             fmt::format("and {} more keys that are not trusted here: --json has them\n", unknown.size() - kMostNamed);
    }
    text += fmt::format("{} {} by a key that is not trusted here: musher trust add {} NAME --log {}\n", ops,
                        ops == 1 ? "op" : "ops", to_hex(author.key), shell_word(log));
  }
  return text;
}

}  // namespace musher
