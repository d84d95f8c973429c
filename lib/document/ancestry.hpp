#pragma once
// Whether one op is among another's ancestors: what the document asks of the DAG.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "model/ids.hpp"
#include "model/result.hpp"

namespace musher {

class Ancestry {
 public:
  virtual ~Ancestry() = default;
  /// True when `descendant` reaches `ancestor` through dependencies (parents, prev, target). An op does not precede
  /// itself. Both are in the log. @errors what reading the log can fail with; an index in memory never fails.
  [[nodiscard]] virtual Result<bool> precedes(const OpId& ancestor, const OpId& descendant) const = 0;
  /// Of each of `earlier`, whether it precedes `descendant`: at about the cost of one question. @errors as precedes.
  [[nodiscard]] virtual Result<std::vector<bool>> descends_from(const OpId& descendant,
                                                                std::span<const OpId> earlier) const {
    std::vector<bool> precede(earlier.size());
    for (std::size_t at = 0; at < earlier.size(); ++at) {
      MUSHER_TRY(const bool it_does, precedes(earlier[at], descendant));
      precede[at] = it_does;
    }
    return precede;
  }
  /// Of each of `earlier`, whether it precedes any of `ops`; likewise. @errors as precedes.
  [[nodiscard]] virtual Result<std::vector<bool>> any_descends_from(std::span<const OpId> ops,
                                                                    std::span<const OpId> earlier) const {
    std::vector<bool> precede(earlier.size());
    for (const OpId& op : ops) {
      MUSHER_TRY(const auto before, descends_from(op, earlier));
      for (std::size_t at = 0; at < precede.size(); ++at) precede[at] = precede[at] || before[at];
    }
    return precede;
  }
  /// A number for all ops of one chain, where each descends from those that came before it; nothing when that cannot be
  /// told of this op. @errors as precedes.
  [[nodiscard]] virtual Result<std::optional<std::uint64_t>> chain_of(const OpId& op) const = 0;
};

}  // namespace musher
