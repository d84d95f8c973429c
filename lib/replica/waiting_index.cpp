#include "replica/waiting_index.hpp"

#include "model/canonical_bytes.hpp"

namespace musher {

Result<void> WaitingIndex::refresh(LogReader& log) {
  MUSHER_TRY(const QuarantineExtent now, log.quarantine_extent());
  if (extent_ == now && added_ <= 2 * kMaxQuarantine) return {};
  needed_.assign(now.rows > 0 ? kBits : 0, false);
  added_ = 0;
  if (now.rows > 0) {
    MUSHER_TRY(const auto entries, log.quarantine_entries());
    for (const QuarantineEntry& entry : entries) {
      if (const auto op = parse_canonical_bytes(entry.canonical)) add(*op);
    }
  }
  extent_ = now;
  return {};
}

void WaitingIndex::add(const Op& op) {
  if (needed_.empty()) needed_.assign(kBits, false);
  for (const OpId& id : dependencies(op)) needed_[bit_of(id)] = true;
  ++added_;
}

bool WaitingIndex::may_be_needed(const OpId& id) const { return !needed_.empty() && needed_[bit_of(id)]; }

}  // namespace musher
