#pragma once
// Who has ops in the log and is unknown here: those ops have no effect, and nobody asked for that. Each such author is
// told of once.

#include <cstdint>
#include <functional>
#include <set>
#include <utility>

#include "server/live_log.hpp"

namespace musher {

class MutedAuthors {
 public:
  using Tell = std::function<void(const AuthorId&)>;
  static constexpr std::size_t kMostTold = 10'000;  ///< past these nobody is told of any more

  explicit MutedAuthors(Tell tell) : tell_(std::move(tell)) {}

  /// To be called now and then. Who was revoked is not told of: that is what the revocation was for.
  /// Cost: nothing while no more ops are muted and trust is as it was; else one read of the tips.
  void look(LiveLog& live);

 private:
  const Tell tell_;
  /// Ops muted, and how often trust had changed, when it looked last.
  std::pair<std::uint64_t, std::uint64_t> seen_{};
  std::set<AuthorId> told_;
};

}  // namespace musher
