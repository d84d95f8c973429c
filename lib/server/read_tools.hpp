#pragma once
// The tools that look: get_pipeline_status, list_agents, get_story, list_ops, get_node.

#include <cstdint>

#include "mcp/server.hpp"
#include "replica/resolve.hpp"
#include "server/node.hpp"

namespace musher {

/// `node` must outlive the server. @errors as mcp::Server::add.
[[nodiscard]] Result<void> add_read_tools(mcp::Server& server, Node& node);

enum class StoryValues : std::uint8_t {
  cut,    ///< for a result that must stay short
  whole,  ///< of the fields as they are now; the history's stay cut
};
/// {"story":STORY + status and purge, "history":{...}} of one story, the newest ops only: what get_story (cut) and the
/// resource musher://story/{id} (whole) give. At `at`, or now.
[[nodiscard]] Result<std::string> story_document(LiveLog& live, const std::string& id,
                                                 const std::optional<ResolvedPoint>& at, StoryValues values);

/// A page of the log's ops behind a row, oldest first.
struct OpQuery {
  std::optional<std::string> story{};
  std::optional<std::string> author{};  ///< name, or 6 or more digits of the key
  std::optional<std::string> kind{};
  RowId after{};
  std::size_t limit = 50;
};
[[nodiscard]] Result<std::string> ops_document(LiveLog& live, const OpQuery& query);

}  // namespace musher
