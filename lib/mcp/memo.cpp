#include "mcp/memo.hpp"

namespace musher::mcp {

const std::string* Memo::find(const std::string& key) {
  const auto found = results_.find(key);
  if (found == results_.end()) return nullptr;
  ++hits_;
  return &found->second;
}

void Memo::keep(const std::string& key, std::string result, std::uint64_t generation) {
  const std::size_t size = key.size() + result.size();
  if (generation != generation_ || size > most_bytes_ / 4 || results_.contains(key)) return;
  if (bytes_ + size > most_bytes_) {
    results_.clear();
    bytes_ = 0;
  }
  bytes_ += size;
  results_.emplace(key, std::move(result));
}

void Memo::clear() {
  results_.clear();
  bytes_ = 0;
  ++generation_;
}

}  // namespace musher::mcp
