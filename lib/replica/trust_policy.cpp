#include "replica/trust_policy.hpp"

#include <algorithm>

namespace musher {

Result<TrustPolicy> TrustPolicy::read(LogReader& log, const TrustPolicy* before) {
  TrustPolicy policy;
  MUSHER_TRY(policy.last_row_, log.last_row());
  MUSHER_TRY(const auto records, log.authors());
  for (const AuthorRecord& record : records) {
    const Entry* known = nullptr;
    if (before != nullptr) {
      MUSHER_TRY(known, before->still_holds(log, record, policy.last_row_));
    }
    if (known != nullptr) {
      policy.entries_.emplace(record.author, *known);
      continue;
    }
    MUSHER_TRY(auto entry, entry_of(log, record));
    policy.entries_.emplace(record.author, std::move(entry));
  }
  return policy;
}

/// The entry of a revoked author with branches of whom no op has come in since; else null.
Result<const TrustPolicy::Entry*> TrustPolicy::still_holds(LogReader& log, const AuthorRecord& record,
                                                           RowId last) const {
  const auto entry = entries_.find(record.author);
  if (entry == entries_.end() || !entry->second.has_branches || entry->second.record != record || last < last_row_) {
    return nullptr;
  }
  MUSHER_TRY(const bool wrote, log.wrote_since(record.author, last_row_));
  return wrote ? nullptr : &entry->second;
}

Result<TrustPolicy::Entry> TrustPolicy::entry_of(LogReader& log, const AuthorRecord& record) {
  Entry entry{record};
  if (record.trust != Trust::revoked || !record.revoked_from) return entry;
  MUSHER_TRY(const auto from, log.facts(*record.revoked_from));
  if (!from || from->author != record.author) return entry;
  entry.revoked_index = entry.branches_from = from->index;
  MUSHER_TRY(const auto tips, log.tips_of(record.author));
  entry.has_branches = tips.size() > 1;
  if (!entry.has_branches) return entry;
  MUSHER_TRY(const auto branch, log.first_branch(record.author, from->index));
  if (!branch) return entry;
  entry.branches_from = *branch;
  MUSHER_TRY(const auto heard, log.prev_ancestors(from->id, *branch));
  entry.heard = std::make_shared<const std::unordered_set<OpId, IdHash>>(heard.begin(), heard.end());
  return entry;
}

bool TrustPolicy::effective(const OpId& id, const Op& op) const {
  const auto found = entries_.find(op.author);
  if (found == entries_.end()) return false;
  const Entry& entry = found->second;
  if (entry.record.trust == Trust::allowed) return true;
  if (raw(op.index) >= raw(entry.revoked_index)) return false;
  return raw(op.index) < raw(entry.branches_from) || (entry.heard && entry.heard->contains(id));
}

const AuthorRecord* TrustPolicy::record(const AuthorId& author) const {
  const auto found = entries_.find(author);
  return found == entries_.end() ? nullptr : &found->second.record;
}

Standing TrustPolicy::standing(const AuthorId& author) const {
  const AuthorRecord* known = record(author);
  if (known == nullptr) return Standing::unknown;
  return known->trust == Trust::allowed ? Standing::allowed : Standing::revoked;
}

bool TrustPolicy::is_eraser(const AuthorId& author) const {
  const AuthorRecord* known = record(author);
  return known != nullptr && known->eraser;
}

const std::string& TrustPolicy::name(const AuthorId& author) const {
  static const std::string none;
  const AuthorRecord* known = record(author);
  return known == nullptr ? none : known->name;
}

std::vector<AuthorRecord> TrustPolicy::records() const {
  std::vector<AuthorRecord> all;
  for (const auto& [author, entry] : entries_) all.push_back(entry.record);
  std::ranges::sort(all, {}, &AuthorRecord::author);
  return all;
}

}  // namespace musher
