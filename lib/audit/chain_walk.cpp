#include "audit/chain_walk.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/hashing.hpp"
#include "model/text.hpp"
#include "oplog/derived.hpp"

namespace musher {
namespace {

void extend(Mark& mark, const OpRow& row, const OpId& id, bool seq_holds) {
  const Seq list_seq = mark.list_seq;
  mark = next_mark(mark, row.row, id, row.op.op, row.op.signature, row.received_ms, row.source);
  if (!seq_holds) mark.list_seq = list_seq;
}

std::string text_of(const Mark& mark) {
  return fmt::format("{} ops, list seq {}, chain {}", mark.ops, raw(mark.list_seq), to_hex(mark.chain.bytes));
}

}  // namespace

ChainWalk::ChainWalk(const LogId& log, std::vector<Mark> marks, FindingList& findings)
    : marks_(std::move(marks)), findings_(findings), computed_{RowId{0}, chain_start(log), Seq{0}, 0} {}

void ChainWalk::row(const OpRow& row, const OpId& id, bool seq_holds) {
  extend(computed_, row, id, seq_holds);
  if (rebased_) extend(*rebased_, row, id, seq_holds);
  list_seq_in_doubt_ = list_seq_in_doubt_ || !seq_holds;
  arrive(row.row);
}

void ChainWalk::malformed(RowId row) {
  computed_.row = row;
  arrive(row);
}

void ChainWalk::arrive(RowId row) {
  if (next_mark_ < marks_.size() && marks_[next_mark_].row == row) {
    compare(marks_[next_mark_++]);
  } else if (raw(row) % kMarkEvery == 0) {
    if (marks_missing_++ == 0) first_missing_ = row;
  }
}

/// A mark whose own row is lost: what is stored is where the stretch behind it begins.
void ChainWalk::next_row(RowId row) {
  while (next_mark_ < marks_.size() && marks_[next_mark_].row < row) {
    const Mark& mark = marks_[next_mark_++];
    compare(mark);
    break_expected_ = loss_expected_ && next(mark.row) < row;
  }
  loss_expected_ = false;
}

void ChainWalk::compare(const Mark& stored) {
  const auto fits = [&](Mark mark) {
    mark.row = stored.row;
    if (list_seq_in_doubt_) mark.list_seq = std::max(mark.list_seq, stored.list_seq);
    return mark == stored;
  };
  const bool as_computed = fits(computed_);
  if (as_computed || (rebased_ && fits(*rebased_))) {
    whole_ = whole_ && as_computed;
    computed_ = stored;
    rebased_.reset();
    list_seq_in_doubt_ = false;
  } else if (break_expected_ || report(stored)) {
    rebased_ = stored;
  }
  break_expected_ = false;
  last_mark_ = stored.row;
}

bool ChainWalk::report(const Mark& stored) {
  return findings_.add(
      {.code = FindingCode::derived_stale,
       .row = stored.row,
       .field = "marks",
       .expected = text_of(computed_),
       .found = text_of(stored),
       .message = fmt::format("the mark of row {} is not what rows {} to {} add up to: the mark was changed, or a "
                              "row's received_ms or source, or the log's id",
                              raw(stored.row), raw(last_mark_) + 1, raw(stored.row))});
}

void ChainWalk::finish(bool tail_lost) {
  const bool last_has_mark = next_mark_ > 0 && marks_[next_mark_ - 1].row == computed_.row;
  if (!last_has_mark && !tail_lost && !break_expected_ && raw(computed_.row) % kMarkEvery != 0 &&
      marks_missing_++ == 0) {
    first_missing_ = computed_.row;
  }
  if (marks_missing_ > 0) {
    findings_.add({.code = FindingCode::derived_stale,
                   .row = first_missing_,
                   .field = "marks",
                   .message = fmt::format("{} of the log's marks {} not there, the first of row {}", marks_missing_,
                                          marks_missing_ == 1 ? "is" : "are", raw(first_missing_))});
  }
}

bool ChainWalk::agrees(const Digest& chain) const {
  return computed_.chain == chain || (rebased_ && rebased_->chain == chain);
}

}  // namespace musher
