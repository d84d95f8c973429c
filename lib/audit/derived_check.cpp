#include "audit/derived_check.hpp"

#include <fmt/format.h>

#include <map>
#include <unordered_set>

#include "audit/audited_row.hpp"
#include "model/text.hpp"

namespace musher {
namespace {

constexpr std::size_t kMaxNamedHeads = kMaxParents;

/// What is wrong with one table: told once, with the first example.
class Differences {
 public:
  explicit Differences(std::string table) : table_(std::move(table)) {}

  void add(const OpId& op, RowId row, std::string_view what) {
    if (count_++ > 0) return;
    op_ = op;
    row_ = row;
    what_ = what;
  }

  void report(FindingList& findings) const {
    if (count_ == 0) return;
    const std::string more = count_ == 1 ? "" : fmt::format(", and {} more differences", count_ - 1);
    findings.add({.code = FindingCode::derived_stale,
                  .row = raw(row_) > 0 ? std::optional(row_) : std::nullopt,
                  .op = op_,
                  .field = table_,
                  .message = fmt::format("the table {} does not follow from the ops: {} {}{}", table_, short_name(op_),
                                         what_, more)});
  }

 private:
  std::string table_;
  std::size_t count_ = 0;
  OpId op_;
  RowId row_{};
  std::string what_;
};

}  // namespace

bool DerivedCheck::is_explained(const OpId& missing) {
  const EntryNumber number = tables_.ops.find(missing);
  // Named by an op too: reported, or explained, there.
  if (number != kNoEntry && findings_.wants(FindingCode::dependency_missing)) return true;
  if (explained_.contains(missing)) return true;
  if (explained_.size() == lost_) return false;
  return explained_.insert(missing).second;
}

void DerivedCheck::heads(const std::vector<Head>& stored) {
  Differences differences("heads");
  std::unordered_set<OpId, IdHash> named;
  for (const Head& head : stored) {
    named.insert(head.id);
    const OpEntry* entry = tables_.ops.seen(head.id);
    if (entry == nullptr) {
      if (!is_explained(head.id)) differences.add(head.id, RowId{0}, "is a head there and is not in the log");
    } else if (!is_head(*entry)) {
      differences.add(head.id, entry->row, "is a head there, but other ops depend on it");
    } else if (entry->reliable && entry->depth_known && entry->depth != head.depth) {
      differences.add(head.id, entry->row,
                      fmt::format("has depth {} there and {} in truth", raw(head.depth), raw(entry->depth)));
    }
  }
  for (EntryNumber number = 0; number < tables_.ops.size(); ++number) {
    const OpEntry& entry = tables_.ops[number];
    if (!is_head(entry) || named.contains(entry.id) || losses_.may_have_named(entry.row)) continue;
    differences.add(entry.id, entry.row, "is a head and is not there");
  }
  differences.report(findings_);
}

void DerivedCheck::tips(const std::vector<Tip>& stored) {
  Differences differences("tips");
  std::unordered_set<OpId, IdHash> named;
  for (const Tip& tip : stored) {
    named.insert(tip.id);
    const OpEntry* entry = tables_.ops.seen(tip.id);
    if (entry == nullptr) {
      if (!is_explained(tip.id)) differences.add(tip.id, RowId{0}, "is a tip there and is not in the log");
    } else if (!is_tip(*entry)) {
      differences.add(tip.id, entry->row, "is a tip there, but its author wrote on after it");
    } else if (entry->reliable && (entry->index != tip.index || tables_.authors[entry->author] != tip.author)) {
      differences.add(tip.id, entry->row, "has another author or index there");
    }
  }
  for (EntryNumber number = 0; number < tables_.ops.size(); ++number) {
    const OpEntry& entry = tables_.ops[number];
    if (!is_tip(entry) || named.contains(entry.id) || losses_.may_have_named(entry.row)) continue;
    differences.add(entry.id, entry.row, "is a tip and is not there");
  }
  differences.report(findings_);
}

void DerivedCheck::authors(const std::vector<AuthorRecord>& stored, const std::vector<TrustChange>& changes) {
  std::map<AuthorId, AuthorRecord> expected;
  for (const TrustChange& change : changes) expected[change.after.author] = change.after;
  std::size_t differences = 0;
  AuthorId first;
  const auto differ = [&](const AuthorId& author) {
    if (differences++ == 0) first = author;
  };
  for (const AuthorRecord& record : stored) {
    const auto found = expected.find(record.author);
    if (found == expected.end() || found->second != record) differ(record.author);
    if (found != expected.end()) expected.erase(found);
  }
  for (const auto& [author, record] : expected) differ(author);
  if (differences == 0) return;
  findings_.add(
      {.code = FindingCode::derived_stale,
       .field = "authors",
       .found = to_hex(first.key),
       .message = fmt::format(
           "the table authors says of {} {} what the trust_log does not: trust was changed past musher trust",
           to_hex(first.key).substr(0, 12), differences == 1 ? "" : fmt::format("and {} more", differences - 1))});
}

void DerivedCheck::count_heads() {
  std::size_t heads = 0;
  for (EntryNumber number = 0; number < tables_.ops.size(); ++number) {
    if (is_head(tables_.ops[number])) ++heads;
  }
  if (heads <= kMaxNamedHeads) return;
  findings_.add(
      {.code = FindingCode::many_heads,
       .expected = fmt::format("at most {}", kMaxNamedHeads),
       .found = std::to_string(heads),
       .message = fmt::format("the log has {} heads; an op can name {} of them, so it takes several to join them",
                              heads, kMaxNamedHeads)});
}

}  // namespace musher
