#pragma once
// A server's documents (docs/json.md) as the views that the commands' renderers for people take.

#include <vector>

#include "cli/commands/inspect_text.hpp"
#include "mcp/json_view.hpp"
#include "oplog/live_server.hpp"
#include "replica/inspect.hpp"

namespace musher {

// What is missing or of another shape is left as it is in a new view: it is shown, never written or checked.

/// An OP.
[[nodiscard]] OpView op_view(const mcp::JsonView& op);
[[nodiscard]] std::vector<OpView> op_views(const mcp::JsonView& ops);
/// A STORY.
[[nodiscard]] StoryView story_view(const mcp::JsonView& story);
/// The answer of get_story.
[[nodiscard]] StoryReport story_report(const mcp::JsonView& document);
/// PEER.
[[nodiscard]] NamedPeer named_peer(const mcp::JsonView& peer);
/// LIVE.
[[nodiscard]] std::vector<LiveAnswer> live_answers(const mcp::JsonView& live);

}  // namespace musher
