#pragma once
// The JSON shapes OP and STORY of docs/json.md.

#include <string_view>

#include "audit/replay.hpp"
#include "json/json_writer.hpp"
#include "replica/inspect.hpp"
#include "replica/purge.hpp"

namespace musher {

/// "now", "checkpoint", "no".
[[nodiscard]] std::string_view to_string(Verified verified);

/// OP's members, into an object that is open.
void write_op_members(JsonWriter& json, const OpView& op);
/// OP.
void write_op(JsonWriter& json, const OpView& op);
void write_ops(JsonWriter& json, std::string_view key, const std::vector<OpView>& ops);

/// STORY's members, into an object that is open.
void write_story_members(JsonWriter& json, const StoryView& story);
/// "stories": [STORY].
void write_stories(JsonWriter& json, const std::vector<StoryView>& stories);

/// "failures": [{op?, rowid, reason, detail?}].
void write_failures(JsonWriter& json, const std::vector<ReplayFailure>& failures);
/// The same of rows that have no views.
void write_failures(JsonWriter& json, const std::vector<RowFailure>& failures);

}  // namespace musher
