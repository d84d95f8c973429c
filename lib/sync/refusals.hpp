#pragma once
// Whom this node did not let in: for `inspect peers`, since it is the operator here who can.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "sync/peer_status.hpp"
#include "sync/session.hpp"

namespace musher::sync {

/// The last 16, for 5 minutes: longer than any node waits before it dials again. One for each key that was proven; of
/// those who proved none one for each source and close code, so that they cannot push the others out.
class Refusals {
 public:
  /// Of a session that has ended; nothing unless this node ended it in the handshake, and the other end is another.
  void note(const Session& session, std::chrono::milliseconds now, std::int64_t clock_ms);
  /// As rows of state "refused".
  [[nodiscard]] std::vector<PeerStatus> shown(std::chrono::milliseconds now) const;

 private:
  struct Refusal {
    std::optional<AuthorId> peer{};  ///< absent: not proven
    std::string source{};
    CloseCode code{};
    std::string address{};
    std::int64_t at_ms = 0;
    std::chrono::milliseconds until{};
    std::string why{};
  };
  std::vector<Refusal> refusals_;  ///< the oldest first
};

}  // namespace musher::sync
