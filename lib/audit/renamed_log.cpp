#include "audit/renamed_log.hpp"

#include <algorithm>

#include "crypto/hashing.hpp"

namespace musher {

Result<std::optional<HighWaterMark>> find_same_rows(LogReader& log, std::vector<HighWaterMark> others) {
  std::vector<Digest> chains;
  RowId upto{0};
  for (const HighWaterMark& other : others) {
    chains.push_back(chain_start(other.log));
    upto = std::max(upto, other.row);
  }
  std::optional<HighWaterMark> found;
  const auto read = log.scan(RowId{0}, upto, [&](ScannedRow&& scanned) {
    const auto* row = std::get_if<OpRow>(&scanned);
    if (row == nullptr) return false;
    for (std::size_t i = 0; i < others.size(); ++i) {
      if (row->row > others[i].row) continue;
      chains[i] = chain_next(chains[i], row->row, row->id, row->op.signature, row->received_ms, row->source);
      if (row->row == others[i].row && chains[i] == others[i].chain) found = others[i];
    }
    return true;
  });
  if (!read && read.error().code != Errc::damaged) return std::unexpected(read.error());
  return found;
}

}  // namespace musher
