#pragma once
// The last-writer-wins registers of one item: a field each.

#include <memory>
#include <string>
#include <vector>

#include "document/slot_table.hpp"
#include "model/ids.hpp"

namespace musher {

struct Register {
  EntryNumber field = 0;
  EntryNumber author = 0;  ///< of the winner
  Seq top{};               ///< highest seq of any set op, heard or muted; 0 when only the insert wrote it
  Seq seq{};               ///< of the winner
  OpId winner;             ///< zero: nobody, or an insert whose content was erased
  bool erased = false;     ///< the winner's content was
  bool has_value = false;
  std::string value;

  [[nodiscard]] bool has_winner() const { return !winner.is_zero(); }
  void drop_value();
};

/// A few registers are searched one by one, many through a table.
class Registers {
 public:
  void reserve(std::size_t count) { registers_.reserve(count); }
  /// The register of this field, new or not. Valid until the next call.
  [[nodiscard]] Register& at(EntryNumber field);
  /// Null when nothing wrote this field.
  [[nodiscard]] const Register* find(EntryNumber field) const;

  /// In the order they were first written; a register never changes its place.
  [[nodiscard]] std::vector<Register>& all() { return registers_; }
  [[nodiscard]] const std::vector<Register>& all() const { return registers_; }

 private:
  static constexpr std::size_t kFew = 16;
  [[nodiscard]] EntryNumber place_of(EntryNumber field) const;
  void add_to_table(EntryNumber place);

  std::vector<Register> registers_;
  std::unique_ptr<SlotTable> table_;  // null while there are few
};

}  // namespace musher
