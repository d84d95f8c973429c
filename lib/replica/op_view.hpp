#pragma once
// One op as people and programs are shown it: the row and what its dependencies and local policy say about it.

#include <optional>
#include <string>
#include <unordered_map>

#include "replica/story.hpp"

namespace musher {

enum class Verified : std::uint8_t { now, checkpoint, no };

struct OpView {
  OpRow row;
  std::string author_name;   ///< local name; empty when the author has none
  std::optional<OpId> item;  ///< the item it is about; absent when it cannot be found
  std::optional<std::string> story;
  bool effective = false;
  bool erased = false;               ///< it had content, which an erase has dropped
  Verified verified = Verified::no;  ///< its signature

  /// A set's field; nothing for other kinds.
  [[nodiscard]] std::optional<std::string> field() const;
};

/// Makes views and remembers which story each item is of.
class OpDescriber {
 public:
  OpDescriber(LogReader& log, const TrustPolicy& trust) : log_(log), trust_(trust) {}
  Result<OpView> describe(OpRow row, Verified verified);
  /// For an op whose effect is known already. One without content had none, or lost it to an erase, or it is not in
  /// memory (Contents).
  Result<OpView> describe(HeardRow heard);

 private:
  Result<OpView> describe(HeardRow heard, Verified verified);

  LogReader& log_;
  const TrustPolicy& trust_;
  struct Subject {
    OpId item;
    std::string story;
  };
  Result<std::optional<Subject>> subject_of(const OpId& id, const Op& op);
  std::unordered_map<OpId, std::string, IdHash> story_of_item_;
};

}  // namespace musher
