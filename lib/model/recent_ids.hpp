#pragma once
// The last ids of something: a set that forgets the oldest.

#include <cstddef>
#include <deque>
#include <unordered_set>

#include "model/ids.hpp"

namespace musher {

class RecentIds {
 public:
  explicit RecentIds(std::size_t capacity) : capacity_(capacity) {}

  void add(const OpId& id) {
    if (!ids_.insert(id).second) return;
    order_.push_back(id);
    if (order_.size() <= capacity_) return;
    ids_.erase(order_.front());
    order_.pop_front();
  }
  [[nodiscard]] bool contains(const OpId& id) const { return ids_.contains(id); }

 private:
  std::size_t capacity_;
  std::unordered_set<OpId, IdHash> ids_;
  std::deque<OpId> order_;
};

}  // namespace musher
