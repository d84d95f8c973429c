#include "replica/trust_policy.hpp"

#include <algorithm>

namespace musher {

Result<TrustPolicy> TrustPolicy::read(LogReader& log, const TrustPolicy* before) {
  TrustPolicy policy;
  MUSHER_TRY(policy.last_row_, log.last_row());
  MUSHER_TRY(const auto records, log.authors());
  for (const AuthorRecord& record : records) {
    std::optional<Entry> entry;
    if (before != nullptr) {
      MUSHER_TRY(entry, before->go_on(log, record, policy.last_row_));
    }
    if (!entry) {
      MUSHER_TRY(entry, entry_of(log, record));
    }
    policy.entries_.emplace(record.author, *std::move(entry));
  }
  return policy;
}

/// The entry of a revoked author with branches, from what is known already; else nothing.
Result<std::optional<TrustPolicy::Entry>> TrustPolicy::go_on(LogReader& log, const AuthorRecord& record,
                                                             RowId last) const {
  const auto known = entries_.find(record.author);
  if (known == entries_.end() || !known->second.has_branches || known->second.record != record || last < last_row_) {
    return std::nullopt;
  }
  Entry entry = known->second;
  MUSHER_TRY(const auto lowest, log.lowest_index_since(record.author, last_row_));
  if (lowest) MUSHER_CHECK(branch_at(log, entry, *lowest));
  return entry;
}

Result<TrustPolicy::Entry> TrustPolicy::entry_of(LogReader& log, const AuthorRecord& record) {
  Entry entry{record};
  if (record.trust != Trust::revoked || !record.revoked_from) return entry;
  MUSHER_TRY(const auto from, log.facts(*record.revoked_from));
  if (!from || from->author != record.author) return entry;
  entry.revoked_index = entry.branches_from = entry.heard_from = from->index;
  MUSHER_TRY(const auto tips, log.tips_of(record.author));
  entry.has_branches = tips.size() > 1;
  if (!entry.has_branches) return entry;
  MUSHER_TRY(const auto branch, log.first_branch(record.author, from->index));
  if (branch) MUSHER_CHECK(branch_at(log, entry, *branch));
  return entry;
}

/// Another op than the one that is heard has this index.
Result<void> TrustPolicy::branch_at(LogReader& log, Entry& entry, OpIndex index) {
  if (index >= entry.branches_from) return {};
  entry.branches_from = index;
  if (index >= entry.heard_from) return {};
  // Twice as far as needed: ops that branch off lower and lower cost what the author's history does, once.
  const std::uint64_t known = raw(entry.revoked_index) - raw(entry.heard_from);
  entry.heard_from = OpIndex{raw(index) > known ? raw(index) - known : 1};
  MUSHER_TRY(const auto heard, log.prev_ancestors(*entry.record.revoked_from, entry.heard_from));
  entry.heard = std::make_shared<const std::unordered_set<OpId, IdHash>>(heard.begin(), heard.end());
  return {};
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
