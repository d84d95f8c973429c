#include "replica/trust_policy.hpp"

#include <algorithm>

namespace musher {

Result<TrustPolicy> TrustPolicy::read(LogReader& log) {
  TrustPolicy policy;
  MUSHER_TRY(const auto records, log.authors());
  for (const AuthorRecord& record : records) {
    Entry entry{record};
    if (record.trust == Trust::revoked && record.revoked_from) {
      MUSHER_TRY(const auto facts, log.facts(*record.revoked_from));
      if (facts) {  // an op that is not here mutes everything: nothing can be shown to come before it
        entry.revoked_index = facts->index;
        MUSHER_TRY(const auto same_index, log.ops_at(record.author, facts->index));
        entry.branches_there = same_index.size() > 1;
      }
    }
    policy.entries_.emplace(record.author, std::move(entry));
  }
  return policy;
}

Result<bool> TrustPolicy::effective(LogReader& log, const OpId& id, const Op& op) const {
  const auto found = entries_.find(op.author);
  if (found == entries_.end()) return false;
  const Entry& entry = found->second;
  if (entry.record.trust == Trust::allowed) return true;
  if (raw(op.index) < raw(entry.revoked_index)) return true;
  if (!entry.branches_there) return false;
  OpId at = id;
  OpId prev = op.prev;
  OpIndex index = op.index;
  while (raw(index) > raw(entry.revoked_index)) {
    MUSHER_TRY(const auto row, log.find(prev));
    const OpRow* before = row ? std::get_if<OpRow>(&*row) : nullptr;
    if (before == nullptr) return false;
    at = before->id;
    prev = before->op.op.prev;
    index = before->op.op.index;
  }
  return at != *entry.record.revoked_from;
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
