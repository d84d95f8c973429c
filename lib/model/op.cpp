#include "model/op.hpp"

#include <algorithm>

namespace musher {

std::vector<OpId> dependencies(const Op& op) {
  std::vector<OpId> ids;
  ids.reserve(op.parents.size() + 2);
  ids = op.parents;
  ids.push_back(op.prev);
  ids.push_back(op.target);
  std::ranges::sort(ids);
  ids.erase(std::ranges::unique(ids).begin(), ids.end());
  if (ids.front().is_zero()) ids.erase(ids.begin());
  return ids;
}

std::string_view to_string(OpKind kind) {
  switch (kind) {
    case OpKind::insert: return "insert";
    case OpKind::set: return "set";
    case OpKind::tombstone: return "delete";
    case OpKind::erase: return "erase";
  }
  return "unknown";
}

}  // namespace musher
