#pragma once
// Answers of tools that stay true until something changes, as the bytes that went out behind the id.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace musher::mcp {

class Memo {
 public:
  explicit Memo(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  using Kept = std::shared_ptr<const std::string>;

  /// What is kept for this key; nullptr when there is nothing.
  [[nodiscard]] Kept find(const std::string& key);
  /// Keeps an answer that was begun in this generation; one from before the last clear() is let go. When there is no
  /// room, everything else goes first; one over a quarter of the room is not kept.
  void keep(const std::string& key, Kept answer, std::uint64_t generation);
  void clear();

  [[nodiscard]] std::uint64_t generation() const { return generation_; }
  [[nodiscard]] std::size_t entries() const { return answers_.size(); }
  [[nodiscard]] std::size_t hits() const { return hits_; }

 private:
  std::size_t most_bytes_;
  std::unordered_map<std::string, Kept> answers_;
  std::size_t bytes_ = 0;
  std::size_t hits_ = 0;
  std::uint64_t generation_ = 0;
};

}  // namespace musher::mcp
