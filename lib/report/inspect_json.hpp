#pragma once
// The JSON of musher inspect's views (docs/json.md, "inspect").

#include <cstdint>

#include "replica/inspect.hpp"
#include "report/envelope.hpp"

namespace musher {

struct SummaryExtras {
  const AuthorId* identity = nullptr;  ///< of the key file this command would sign with, when there is one
  std::uint64_t size_bytes = 0;
  std::uint64_t wal_bytes = 0;
  std::vector<LiveServer> servers{};  ///< that have the log open now
};

/// "ok", "read_only", "failed".
[[nodiscard]] std::string_view to_string(ServerHealth health);
void write_summary(JsonWriter& json, const Envelope& envelope, const Summary& summary, const SummaryExtras& extras);
void write_story_list(JsonWriter& json, const Envelope& envelope, const StoryList& list);
/// "live"; "purged"; "muted": nobody who is heard inserted it; or "damaged": it is not seen, and what would say why
/// may be in a row that does not hold.
[[nodiscard]] std::string_view status_of(const StoryReport& report);
void write_story_report(JsonWriter& json, const Envelope& envelope, const StoryReport& report);
void write_op_report(JsonWriter& json, const Envelope& envelope, const OpReport& report);
void write_op_list(JsonWriter& json, const Envelope& envelope, const std::vector<OpView>& ops,
                   const OpListing& listing);
void write_heads(JsonWriter& json, const Envelope& envelope, const std::vector<OpView>& heads);
void write_quarantine(JsonWriter& json, const Envelope& envelope, const std::vector<QuarantinedOp>& quarantine);

/// --jsonl: one {"type":"op",...} a line.
void write_op_line(JsonWriter& json, const OpView& op);
/// The last line: {"type":"summary",...envelope}.
void write_summary_line(JsonWriter& json, const Envelope& envelope, const OpListing& listing);

}  // namespace musher
