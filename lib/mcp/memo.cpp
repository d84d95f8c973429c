#include "mcp/memo.hpp"

namespace musher::mcp {

Memo::Kept Memo::find(const std::string& key) {
  const auto found = answers_.find(key);
  if (found == answers_.end()) return nullptr;
  ++hits_;
  return found->second;
}

void Memo::keep(const std::string& key, Kept answer, std::uint64_t generation) {
  const std::size_t size = key.size() + answer->size();
  if (generation != generation_ || size > most_bytes_ / 4 || answers_.contains(key)) return;
  if (bytes_ + size > most_bytes_) {
    answers_.clear();
    bytes_ = 0;
  }
  bytes_ += size;
  answers_.emplace(key, std::move(answer));
}

void Memo::clear() {
  answers_.clear();
  bytes_ = 0;
  ++generation_;
}

}  // namespace musher::mcp
