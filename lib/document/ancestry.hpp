#pragma once
// Whether one op is among another's ancestors: the one question the document asks of the DAG.

#include "model/ids.hpp"
#include "model/result.hpp"

namespace musher {

class Ancestry {
 public:
  virtual ~Ancestry() = default;
  /// True when `descendant` reaches `ancestor` through dependencies (parents, prev, target). An op does not precede
  /// itself. Both are in the log. @errors what reading the log can fail with; an index in memory never fails.
  [[nodiscard]] virtual Result<bool> precedes(const OpId& ancestor, const OpId& descendant) const = 0;
};

}  // namespace musher
