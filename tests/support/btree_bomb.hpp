#pragma once
// A small database file whose B-tree of one table or index never ends: a few pages, each with many cells that all point
// to the next.

#include <filesystem>
#include <string>

namespace musher::testing {

/// `object`: an index or a WITHOUT ROWID table whose B-tree is one page. The log is closed. A reader that follows every
/// pointer meets more than 10^12 entries.
void make_btree_bomb(const std::filesystem::path& log, const std::string& object);

}  // namespace musher::testing
