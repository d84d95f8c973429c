#pragma once
// What is shown of the file itself, since memory has no history: the ops of a story and of the log. It is read on a
// reader's thread (off_loop.hpp); `done` gets it on the server's, at once when there is nothing to read.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "mcp/call.hpp"
#include "replica/resolve.hpp"
#include "server/node.hpp"
#include "server/tool_result.hpp"

namespace musher {

/// For whoever is about to read the file: memory has then what the file has.
/// @errors damaged: the log has turned bad, and what the file says now is not what memory was made of.
[[nodiscard]] Result<void> follow_file(Node& node);

template <class T>
using Then = std::function<void(Result<T>)>;

/// Entries of a story's history that a page has when nobody says how many.
inline constexpr std::size_t kHistoryEntries = 100;
/// {"story":STORY + status and purge, "history":{...}} of one story, long values cut: what get_story gives. A page is
/// the next entries of the history, the newest first, and in the document by field and in rowid order. When the log has
/// turned bad: the story as it is in memory, without history, and with "problem"; an earlier moment is refused.
/// @errors usage: the cursor is not one of these.  not_found.
struct StoryQuery {
  std::string id;
  std::optional<PointInTime> at{};
  PageRequest page{};
};
void story_page(Node& node, const std::shared_ptr<mcp::Call>& call, const StoryQuery& query, Then<CutDocument> done);
/// The same as the resource musher://story/{id} has it: now, the fields' values whole, and the newest of the history.
void story_document(Node& node, const std::shared_ptr<mcp::Call>& call, const std::string& id, Then<std::string> done);

/// A page of the log's ops behind a row, oldest first.
struct OpQuery {
  std::optional<std::string> story{};
  std::optional<std::string> author{};  ///< name, or 6 or more digits of the key
  std::optional<std::string> kind{};
  RowId after{};
  std::size_t limit = 50;
};
/// @errors as follow_file.
void ops_document(Node& node, const std::shared_ptr<mcp::Call>& call, const OpQuery& query, Then<CutDocument> done);

/// {"op":OP} of one op with its value whole: the resource musher://op/{id}.
/// @errors as follow_file and inspect_op.
void op_document(Node& node, const std::shared_ptr<mcp::Call>& call, const std::string& id, Then<std::string> done);

}  // namespace musher
