#pragma once
// Which of the ops that wait may enter the log now, and in what order. Pure bookkeeping over one transaction.

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

  void add(VerifiedOp op);
  [[nodiscard]] const VerifiedOp& op(const OpId& id) const { return waiting_.at(id); }

  /// The ops that may enter, dependencies first: those of allowed authors whose dependencies are in the log or enter
  /// too, what those depend on, and, for each op whose content is gone, an erase of it. `rejected` gets what turned out
  /// to break a rule about its dependencies.
  Result<std::vector<Entrant>> entrants(std::map<OpId, Reject>& rejected);

 private:
  using Facts = std::unordered_map<OpId, DependencyFacts, IdHash>;

  Result<const DependencyFacts*> known(const OpId& id);
  /// Waiting ops all of whose dependencies are here or wait, and whose content is here or erased by one that waits.
  Result<void> drop_hopeless(std::vector<OpId>& hopeful);
  /// The hopeful ops that an allowed author's op is or needs.
  Result<std::vector<OpId>> wanted(const std::vector<OpId>& hopeful);
  /// Dependencies first; ops that break a rule go to `rejected`.
  Result<std::vector<Entrant>> order(const std::vector<OpId>& chosen, std::map<OpId, Reject>& rejected);
  Result<bool> erases_now(const VerifiedOp& op, const Facts& entering);

  WriteTransaction& log_;
  const TrustPolicy& trust_;
  std::map<OpId, VerifiedOp> waiting_;
  std::map<OpId, std::vector<OpId>> erases_of_;  ///< waiting erases, by target
  std::unordered_map<OpId, std::optional<DependencyFacts>, IdHash> log_facts_;
};

}  // namespace musher
