#pragma once
// One row by itself: what can be believed of it, and what is wrong with it.

#include <optional>
#include <string>

#include "audit/finding.hpp"
#include "replica/checked_scan.hpp"

namespace musher {

struct RowJudgement {
  std::optional<OpId> id;    ///< the one other ops know it by; absent when that column cannot be read
  bool reliable = false;     ///< its fields are those that id was made of
  bool authentic = false;    ///< reliable, and its author signed it (or signatures are not looked at in this run)
  bool chain_holds = false;  ///< id, signature, received_ms and source may be taken for what they were at admission

  // What is wrong, if anything.
  std::optional<FindingCode> code;
  std::string why;
  std::optional<std::string> expected;
  std::optional<std::string> found;
  bool of_another_document =
      false;  ///< an id-mismatch that another document id would explain: the author did sign that id
};

/// The checked scan stops at a row's first broken rule; this goes on, so that one damaged column does not make
/// everything that depends on the row look damaged too.
[[nodiscard]] RowJudgement judge_row(const CheckedRow& checked, const Verifier& verifier);

}  // namespace musher
