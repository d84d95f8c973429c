#pragma once
// Which of the ops that wait may enter the log now, and in what order. Pure bookkeeping over one transaction:
// O((V+E) log V) of the ops that are looked at, however they hang together.

#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "replica/trust_policy.hpp"

namespace musher {

/// One op that may enter next.
struct Entrant {
  OpId id;
  Depth depth{};
  bool erases_now = false;  ///< an erase whose author may erase its target
};

class WaitingRoom {
 public:
  WaitingRoom(WriteTransaction& log, const TrustPolicy& trust) : log_(log), trust_(trust) {}

  /// Precondition: `id` is the digest of the op's canonical bytes. Of an op that waits twice, one copy with content is
  /// enough.
  void add(const OpId& id, Op op, bool has_content);

  /// Looks at the ops that wait: at all, or only at those that `because_of` can have an effect on: what waits for it,
  /// directly or not, and what those need. Call once, after the last add().
  Result<void> judge(const std::optional<OpId>& because_of);

  /// The ops that may enter, dependencies first: those of heard authors whose dependencies are in the log or enter too,
  /// what those depend on, and, for each op whose content is gone, an erase of it.
  Result<std::vector<Entrant>> entrants();
  /// Whose rules about dependencies are broken: they and what depends on them never enter.
  [[nodiscard]] const std::map<OpId, Reject>& rejected() const { return rejected_; }
  /// Are in the log already.
  [[nodiscard]] const std::vector<OpId>& stale() const { return stale_; }

  /// It cannot enter after all, nor what depends on it: ask for entrants() again.
  void take_out(const OpId& id);

 private:
  using Number = std::uint32_t;
  enum class State : std::uint8_t { ignored, undecided, in_log, hopeful, hopeless };
  struct Guest {
    OpId id;
    Op op;
    bool has_content = false;
    State state = State::ignored;
    std::vector<Number> needs;      ///< those of its dependencies that wait
    std::vector<Number> needed_by;  ///< who waits for it
    std::vector<Number> erased_by;  ///< waiting erases of it, when it has no content
    std::size_t open_needs = 0;     ///< not judged yet
    std::size_t open_erases = 0;    ///< hopeful ones
    Depth depth{};
  };

  void link();
  void choose_whom_to_look_at(const std::optional<OpId>& because_of);
  void look_at(Number guest);
  Result<void> judge_guest(Guest& guest);
  Result<bool> knows_dependencies(const Guest& guest, std::vector<DependencyFacts>& facts);
  void give_up(Number guest);
  Result<const DependencyFacts*> in_log(const OpId& id);
  Result<bool> erases_now(const Guest& guest);
  [[nodiscard]] bool lacks_content(const Guest& guest) const {
    return !guest.has_content && !guest.op.content_digest.is_zero();
  }

  // fixed after construction
  WriteTransaction& log_;
  const TrustPolicy& trust_;
  // grows with add()
  std::vector<Guest> guests_;
  std::unordered_map<OpId, Number, IdHash> numbers_;
  // made by judge()
  std::vector<Number> judged_;  ///< dependencies first
  std::map<OpId, Reject> rejected_;
  std::vector<OpId> stale_;
  std::unordered_map<OpId, std::optional<DependencyFacts>, IdHash> log_facts_;
};

}  // namespace musher
