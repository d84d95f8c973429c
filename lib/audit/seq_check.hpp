#pragma once
// Lamport counters: a seq is above those of its ancestors on the same register. A writer that began to count again is
// found here: the incident's second half.

#include <deque>

#include "audit/audited_row.hpp"

namespace musher {

/// While rows pass it notes the registers in which some seq is not above every earlier row's: concurrent writers do
/// that too, so only ancestry can tell (ancestry_pass.hpp). A log of one writer has none.
class SeqCheck {
 public:
  /// Inserts and deletes count in the list's register.
  static constexpr EntryNumber kList = 0;

  SeqCheck() { registers_.push_back({}); }

  /// A row whose entry counts.
  void row(const AuditedRow& row, const OpTables& tables);

  /// The register this op counts in; kNoEntry: none, or one that no row was noted for.
  [[nodiscard]] EntryNumber register_of(const Op& op, const OpTables& tables) const;
  [[nodiscard]] bool is_in_question(EntryNumber reg) const { return registers_[reg].in_question; }
  [[nodiscard]] bool any_in_question() const { return any_; }

 private:
  struct Register {
    EntryNumber item = kNoEntry;
    EntryNumber field = kNoEntry;
    Seq top{};
    bool in_question = false;
  };
  [[nodiscard]] EntryNumber find(EntryNumber item, EntryNumber field) const;

  std::deque<Register> registers_;  // the list's first; slots_ counts from the second
  SlotTable slots_;
  TextInterner fields_;
  bool any_ = false;
};

}  // namespace musher
