#pragma once
// The questions that only ancestry can answer, in a second reading of the log: only when the first one left any.

#include <functional>

#include "audit/seq_check.hpp"
#include "audit/story_check.hpp"
#include "oplog/op_log.hpp"

namespace musher {

struct AncestryQuestions {
  const SeqCheck& seq;
  StoryCheck* story = nullptr;  ///< null: not asked
};

/// Rows up to `last`, as `tables` knows them from the first reading. Memory: 38 bytes an op, and for fields in
/// question 48 for each op and 90 for each branch with one. False from `go_on`, which is asked for each row and for
/// each branch that is looked at, ends it early: nothing is found then that is not there.
/// @errors as LogReader::scan.
Result<void> answer_by_ancestry(LogReader& log, RowId last, OpTables& tables, const AncestryQuestions& questions,
                                FindingList& findings, const std::function<bool()>& go_on);

}  // namespace musher
