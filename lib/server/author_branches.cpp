#include "server/author_branches.hpp"

namespace musher {

bool AuthorBranches::take(const OpRow& row) {
  const Op& op = row.op.op;
  if (op.prev.is_zero()) {
    tips_.insert(row.id);
    return !begun_.insert(op.author).second;
  }
  auto tip = tips_.extract(op.prev);
  if (tip.empty()) {
    tips_.insert(row.id);
    return true;
  }
  tip.value() = row.id;
  tips_.insert(std::move(tip));
  return false;
}

}  // namespace musher
