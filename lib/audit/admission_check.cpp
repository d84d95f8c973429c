#include "audit/admission_check.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/text.hpp"

namespace musher {

AdmissionCheck::AdmissionCheck(OpTables& tables, FindingList& findings, const std::vector<AuthorRecord>& authors,
                               const std::vector<TrustChange>& changes)
    : tables_(tables), findings_(findings) {
  for (const TrustChange& change : changes) {
    Standing& standing = standings_[change.after.author];
    if (change.after.trust == Trust::allowed)
      standing = {true, std::nullopt};
    else
      standing.revoked_ms = change.at_ms;
  }
  for (const AuthorRecord& record : authors) {
    if (record.trust == Trust::allowed) standings_[record.author].ever_allowed = true;
  }
}

void AdmissionCheck::row(const AuditedRow& row) {
  pardon_received_before(row.stored.received_ms);
  const auto known = standings_.find(row.op().author);
  const Standing standing = known == standings_.end() ? Standing{} : known->second;
  const bool after_revocation = !row.effective && standing.revoked_ms && row.stored.received_ms > *standing.revoked_ms;
  const bool needs_support = !standing.ever_allowed || after_revocation;
  if (!needs_support && unsupported_.empty()) return;
  std::vector<EntryNumber> dependencies;
  for_each_dependency(row.op(), [&](const OpId& id) { dependencies.push_back(tables_.ops.find(id)); });
  if (!needs_support) return support(dependencies);
  if (after_revocation && standing.ever_allowed) revocations_.emplace(*standing.revoked_ms, row.number);
  unsupported_.emplace(row.number, Unsupported{row.row(), standing.ever_allowed ? standing.revoked_ms : std::nullopt,
                                               std::move(dependencies)});
}

void AdmissionCheck::support(const std::vector<EntryNumber>& dependencies) {
  std::vector<EntryNumber> open = dependencies;
  while (!open.empty()) {
    const EntryNumber number = open.back();
    open.pop_back();
    const auto found = unsupported_.find(number);
    if (found == unsupported_.end()) continue;
    std::ranges::copy(found->second.dependencies, std::back_inserter(open));
    unsupported_.erase(found);
  }
}

/// A later row was received before the revocation: so were the rows above it, whatever their own time says.
void AdmissionCheck::pardon_received_before(std::int64_t received_ms) {
  while (!revocations_.empty() && revocations_.top().first >= received_ms) {
    const EntryNumber number = revocations_.top().second;
    revocations_.pop();
    support({number});
  }
}

void AdmissionCheck::finish() {
  std::map<std::pair<EntryNumber, FindingCode>, std::vector<EntryNumber>> by_author;
  for (const auto& [number, op] : unsupported_) {
    const FindingCode code = op.revoked_ms ? FindingCode::author_revoked : FindingCode::author_unknown;
    by_author[{tables_.ops[number].author, code}].push_back(number);
  }
  for (const auto& [key, ops] : by_author) report(key.second, key.first, ops);
}

void AdmissionCheck::report(FindingCode code, EntryNumber author, const std::vector<EntryNumber>& ops) {
  const EntryNumber first = *std::ranges::min_element(ops, {}, [&](EntryNumber op) { return tables_.ops[op].row; });
  const OpEntry& entry = tables_.ops[first];
  const char* why =
      code == FindingCode::author_revoked ? "was revoked before it was received" : "was never trusted here";
  const std::string more = ops.size() == 1 ? "" : fmt::format(" (and {} more)", ops.size() - 1);
  findings_.add(
      {.code = code,
       .row = entry.row,
       .op = entry.id,
       .story = tables_.story_of(entry),
       .found = to_hex(tables_.authors[author].key),
       .message = fmt::format("row {}{} is in the log though its author {} {}, and nobody trusted builds on it",
                              raw(entry.row), more, to_hex(tables_.authors[author].key).substr(0, 12), why)});
}

}  // namespace musher
