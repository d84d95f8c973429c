#pragma once
// What one log has and another lacks, brought over without a connection between them: the functions are those of the
// protocol (reconcile.hpp, tail.hpp, verify_all.hpp, admit_batch). docs/sync.md, "Tips".

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "replica/replica.hpp"

namespace musher::sync {

/// Ops that wait in the receiving log's quarantine, by why and whose.
struct WaitingOps {
  std::string reason;  ///< as in the quarantine; "quarantine_full": it was given up there
  AuthorId author;
  std::uint64_t ops = 0;
  auto operator<=>(const WaitingOps&) const = default;
};

/// An op of the giving log that does not hold, or breaks a rule. Nothing behind it was brought over.
struct RefusedOp {
  OpId id;
  RowId row{};  ///< of the giving log
  Reject why{};
};

/// One direction.
struct Movement {
  std::uint64_t moved = 0;                      ///< ops that are in the receiving log now and were not before
  std::uint64_t released = 0;                   ///< of its own quarantine, because of them
  std::map<AuthorId, std::uint64_t> authors{};  ///< of what was moved
  std::set<std::string> stories{};              ///< that it is about
  std::vector<WaitingOps> waiting{};            ///< what could not enter, ascending
  std::optional<RefusedOp> refused{};
  std::optional<Error> stopped{};  ///< damage to one of the two logs, busy or io: what is above was done before
  bool row_is_damaged = false;     ///< that is, a row of the giving log is not what its author signed

  [[nodiscard]] bool complete() const { return waiting.empty() && !refused && !stopped; }
};

struct MoveOptions {
  std::string source = "import";
  /// Ops looked at, of how many.
  std::function<void(std::uint64_t done, std::uint64_t total)> on_progress{};
};

/// Brings over what `to` lacks of `from`, in transactions of about 2,048 ops; what is done stays done. Running it again
/// moves nothing. What stops it is in the movement: what came before it is worth telling.
[[nodiscard]] Movement move_ops(LogReader& from, Replica& to, const MoveOptions& options);

}  // namespace musher::sync
