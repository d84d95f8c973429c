#pragma once
// What is shown of the file itself, since memory has no history: the ops of a story and of the log.

#include <cstdint>
#include <optional>
#include <string>

#include "replica/resolve.hpp"
#include "server/node.hpp"

namespace musher {

/// For whoever is about to read the file: memory has then what the file has.
/// @errors damaged: the log has turned bad, and what the file says now is not what memory was made of.
[[nodiscard]] Result<void> follow_file(Node& node);

enum class StoryValues : std::uint8_t {
  cut,    ///< for a result that must stay short
  whole,  ///< of the fields as they are now; the history's stay cut
};
/// {"story":STORY + status and purge, "history":{...}} of one story, the newest ops only: what get_story (cut) and the
/// resource musher://story/{id} (whole) give. At `at`, which follow_file() came before, or now. When the log has turned
/// bad: the story as it is in memory, without history, and with "problem".
[[nodiscard]] Result<std::string> story_document(Node& node, const std::string& id,
                                                 const std::optional<ResolvedPoint>& at, StoryValues values);

/// A page of the log's ops behind a row, oldest first.
struct OpQuery {
  std::optional<std::string> story{};
  std::optional<std::string> author{};  ///< name, or 6 or more digits of the key
  std::optional<std::string> kind{};
  RowId after{};
  std::size_t limit = 50;
};
/// @errors as follow_file.
[[nodiscard]] Result<std::string> ops_document(Node& node, const OpQuery& query);

}  // namespace musher
