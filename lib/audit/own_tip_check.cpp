#include "audit/own_tip_check.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/text.hpp"
#include "replica/tip_note.hpp"

namespace musher {

Result<std::vector<Tip>> read_tip_notes(LogReader& log, const std::filesystem::path& folder) {
  std::vector<Tip> notes;
  auto authors = log.authors();
  if (!authors) return notes;  // that they cannot be read is found elsewhere
  for (const AuthorRecord& author : *authors) {
    if (const auto tip = noted_tip(log.info(), author.author, folder)) notes.push_back(*tip);
  }
  return notes;
}

Result<void> check_own_tips(LogReader& log, const std::vector<Tip>& notes, FindingList& findings) {
  // Not row_replaced: a log that was restored and has caught up has that, and may lack an own op that nobody else got.
  constexpr FindingCode kSaidAlready[] = {FindingCode::rowid_gap, FindingCode::tail_missing,
                                          FindingCode::log_rolled_back, FindingCode::sqlite_corrupt,
                                          FindingCode::row_malformed};
  if (std::ranges::any_of(kSaidAlready, [&](FindingCode code) { return findings.count(code) > 0; })) return {};
  for (const Tip& tip : notes) {
    const auto known = log.facts(tip.id);
    if (!known || *known) continue;  // one that cannot be read is found elsewhere
    findings.add({.code = FindingCode::own_ops_elsewhere,
                  .op = tip.id,
                  .expected = std::to_string(raw(tip.index)),
                  .message = fmt::format("the key {} has written op {} (index {}) of this document, which this log has "
                                         "not got: it lost its tail, or is an old copy; another node may have it",
                                         to_hex(tip.author.key).substr(0, 12), to_hex(tip.id.hash).substr(0, 12),
                                         raw(tip.index))});
  }
  return {};
}

}  // namespace musher
