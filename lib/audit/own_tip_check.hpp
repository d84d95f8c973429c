#pragma once
// Whether keys of this machine have written ops into this log that it has not got.

#include <filesystem>
#include <vector>

#include "audit/finding_list.hpp"
#include "oplog/op_log.hpp"

namespace musher {

/// The noted tips of the authors this log trusts, but for those noted of another log: that this one lacks their op says
/// only that it has not been sent yet. To be read before the log: a note is written after its op.
[[nodiscard]] Result<std::vector<Tip>> read_tip_notes(LogReader& log, const std::filesystem::path& folder);

/// Reports each whose op is not in the log, unless rows are known to be missing, which says it already.
[[nodiscard]] Result<void> check_own_tips(LogReader& log, const std::vector<Tip>& notes, FindingList& findings);

}  // namespace musher
