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

  explicit MutedAuthors(Tell tell) : tell_(std::move(tell)) {}

  /// To be called now and then. Who was revoked is not told of: that is what the revocation was for.
  void look(const LiveLog& live);

 private:
  const Tell tell_;
  /// How many authors were muted, and how often trust had changed, when it looked last.
  std::pair<std::size_t, std::uint64_t> seen_{};
  std::set<AuthorId> told_;
};

}  // namespace musher
