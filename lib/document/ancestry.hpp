#pragma once
// Whether one op is among another's ancestors: what the document asks of the DAG.

#include <cstdint>
#include <span>
#include <vector>

#include "document/number_set.hpp"
#include "model/ids.hpp"
#include "model/result.hpp"

namespace musher {

class Ancestry {
 public:
  virtual ~Ancestry() = default;
  /// True when `descendant` reaches `ancestor` through dependencies (parents, prev, target). An op does not precede
  /// itself. Both are in the log. @errors what reading the log can fail with; an index in memory never fails.
  [[nodiscard]] virtual Result<bool> precedes(const OpId& ancestor, const OpId& descendant) const = 0;
  /// Of each of `earlier`, whether it precedes any of `ops`. @errors as precedes.
  [[nodiscard]] virtual Result<std::vector<bool>> any_descends_from(std::span<const OpId> ops,
                                                                    std::span<const OpId> earlier) const {
    std::vector<bool> precede(earlier.size());
    for (const OpId& op : ops) {
      for (std::size_t at = 0; at < precede.size(); ++at) {
        MUSHER_TRY(const bool it_does, precedes(earlier[at], op));
        precede[at] = precede[at] || it_does;
      }
    }
    return precede;
  }
  /// The number by which descends_from_all() knows a purge. Of an op that is not here, or no purge, a number that
  /// nothing descends from. @errors as precedes.
  [[nodiscard]] virtual Result<std::uint32_t> purge_number(const OpId& purge) const = 0;
  /// Whether `descendant`, which is none of them, descends from every one of `purges`: at about the cost of one
  /// question, however many there are and whatever other ops were asked about before. @errors as precedes.
  [[nodiscard]] virtual Result<bool> descends_from_all(const OpId& descendant, const NumberSet& purges) const = 0;
};

}  // namespace musher
