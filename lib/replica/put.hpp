#pragma once
// Writing a story: a new one, or fields of one that is there.

#include <string>
#include <utility>
#include <vector>

#include "replica/op_view.hpp"
#include "replica/replica.hpp"

namespace musher {

struct PutRequest {
  std::string story;
  std::vector<std::pair<std::string, std::string>> fields;  ///< name, canonical JSON value; in the order to write
  bool create = false;                                      ///< make the story; it must not be there
  bool again = false;                                       ///< with create: also when it was purged
  bool dry_run = false;                                     ///< everything but the commit
};

struct PutReport {
  std::string story;
  bool created = false;
  bool dry_run = false;
  std::vector<OpView> ops;  ///< one insert, or one set a field and item, in the order written
};

/// Durable when it returns. A story with several visible items gets each field in all of them.
/// @errors usage: no field to set, a field twice, `story_id`, a bad name or value.  not_found: no such story
/// (candidates).
///   already_exists: create, and it is there.  refused: the story was purged, it has more than kMostItemsEach visible
///   items, or OwnWrite::begin refused.  damaged: a row of the story, or one that is built on, does not hold.  busy,
///   io, no_identity.
[[nodiscard]] Result<PutReport> put(Replica& replica, const PutRequest& request);

}  // namespace musher
