#pragma once
// The items of a document, numbered in the order their inserts came.

#include <deque>

#include "document/registers.hpp"
#include "document/slot_table.hpp"
#include "model/ids.hpp"

namespace musher {

struct Item {
  OpId id;
  Seq seq{};
  EntryNumber author = 0;
  EntryNumber story = 0;
  EntryNumber after = kNoEntry;  ///< the item it was inserted after; kNoEntry: the head
  bool visible = false;
  bool content_erased = false;
  Registers registers{};
};

class Items {
 public:
  [[nodiscard]] EntryNumber size() const { return slots_.size(); }
  [[nodiscard]] Item& operator[](EntryNumber number) { return items_[number]; }
  [[nodiscard]] const Item& operator[](EntryNumber number) const { return items_[number]; }
  [[nodiscard]] EntryNumber find(const OpId& id) const {
    return slots_.find(IdHash{}(id), [&](EntryNumber number) { return items_[number].id == id; });
  }
  /// Precondition: its id is not here.
  EntryNumber add(Item item) {
    items_.push_back(std::move(item));
    return slots_.add(IdHash{}(items_.back().id), [this](EntryNumber number) { return IdHash{}(items_[number].id); });
  }

 private:
  std::deque<Item> items_;
  SlotTable slots_;
};

}  // namespace musher
