#pragma once
// The JSON shapes OP and STORY of docs/json.md.

#include <functional>
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
/// Writes an op in another way, such as with a long value cut.
using OpWriter = std::function<void(JsonWriter&, const OpView&)>;
void write_ops(JsonWriter& json, std::string_view key, const std::vector<OpView>& ops,
               const OpWriter& write = write_op);

/// STORY's members, into an object that is open.
void write_story_members(JsonWriter& json, const StoryView& story);
/// STORY.
void write_story(JsonWriter& json, const StoryView& story);
/// Writes a story in another way, such as with long values cut.
using StoryWriter = std::function<void(JsonWriter&, const StoryView&)>;
/// "stories": [STORY].
void write_stories(JsonWriter& json, const std::vector<StoryView>& stories, const StoryWriter& write = write_story);

/// "failures": [{op?, rowid, reason, detail?}].
void write_failures(JsonWriter& json, const std::vector<ReplayFailure>& failures);
/// The same of rows that have no views.
void write_failures(JsonWriter& json, const std::vector<RowFailure>& failures);

}  // namespace musher
