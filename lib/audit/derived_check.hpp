#pragma once
// heads, tips and authors as stored against what they follow from. Marks: chain_walk.hpp.

#include <unordered_set>

#include "audit/finding_list.hpp"
#include "audit/log_snapshot.hpp"
#include "audit/losses.hpp"
#include "audit/op_table.hpp"

namespace musher {

class DerivedCheck {
 public:
  /// lost: rows that are lost and explain no missing op yet; each may have held one that a table names.
  DerivedCheck(const OpTables& tables, const Losses& losses, std::uint64_t lost, FindingList& findings)
      : tables_(tables), losses_(losses), findings_(findings), lost_(lost) {}

  void heads(const std::vector<Head>& stored);
  void tips(const std::vector<Tip>& stored);
  /// Each author's record is the last change of the trust log.
  void authors(const std::vector<AuthorRecord>& stored, const std::vector<TrustChange>& changes);
  /// More heads than an op can name.
  void count_heads();

 private:
  [[nodiscard]] bool is_head(const OpEntry& entry) const { return entry.seen && !entry.has_child; }
  [[nodiscard]] bool is_tip(const OpEntry& entry) const { return entry.seen && !entry.continued; }
  [[nodiscard]] bool is_explained(const OpId& missing);

  const OpTables& tables_;
  const Losses& losses_;
  FindingList& findings_;
  std::uint64_t lost_;
  std::unordered_set<OpId, IdHash> explained_;  // each by a lost row of its own
};

}  // namespace musher
