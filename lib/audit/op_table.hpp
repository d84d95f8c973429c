#pragma once
// What an audit remembers of each op: 80 bytes, whatever the op holds.

#include <deque>
#include <optional>

#include "document/interner.hpp"
#include "model/op.hpp"

namespace musher {

/// One op that is in the log or that some op of the log names.
struct OpEntry {
  OpId id;
  RowId row{};  ///< 0 until it was seen
  OpIndex index{};
  Depth depth{};                  ///< what its dependencies say; the column where they do not tell
  EntryNumber author = kNoEntry;  ///< of one that was not seen, or is not reliable: who first named it as prev
  EntryNumber extra = kNoEntry;   ///< an insert: its story's number. Not seen: the op that first named it
  OpKind kind{};
  bool seen : 1 = false;
  bool reliable : 1 = false;  ///< its fields are those its id was made of
  bool depth_known : 1 = false;
  bool has_child : 1 = false;           ///< a reliable op depends on it
  bool continued : 1 = false;           ///< a reliable op of its author names it as prev
  bool continued_for_sure : 1 = false;  ///< and its author signed that
  bool erase_named : 1 = false;         ///< an erase names it
  bool lacks_content : 1 = false;       ///< it had content, which is gone
  bool hidden : 1 = false;              ///< an insert whose item is not shown
  bool counts : 1 = false;              ///< its seq is one that its author signed and its depth allows
};

class OpTable {
 public:
  [[nodiscard]] EntryNumber find(const OpId& id) const {
    return slots_.find(IdHash{}(id), [&](EntryNumber number) { return entries_[number].id == id; });
  }
  /// The op's number; a new entry, not seen yet, when nobody named it before.
  EntryNumber number_of(const OpId& id) {
    if (const EntryNumber known = find(id); known != kNoEntry) return known;
    entries_.emplace_back().id = id;
    return slots_.add(IdHash{}(id), [this](EntryNumber number) { return IdHash{}(entries_[number].id); });
  }
  [[nodiscard]] OpEntry& operator[](EntryNumber number) { return entries_[number]; }
  [[nodiscard]] const OpEntry& operator[](EntryNumber number) const { return entries_[number]; }
  [[nodiscard]] EntryNumber size() const { return slots_.size(); }
  /// The op's entry when the log has it; else null.
  [[nodiscard]] const OpEntry* seen(const OpId& id) const {
    const EntryNumber number = find(id);
    return number != kNoEntry && entries_[number].seen ? &entries_[number] : nullptr;
  }

 private:
  std::deque<OpEntry> entries_;
  SlotTable slots_;
};

/// The names and keys that entries refer to by number.
struct OpTables {
  OpTable ops;
  AuthorInterner authors;
  TextInterner stories;

  /// The story of an insert's entry; nothing for any other.
  [[nodiscard]] std::optional<std::string> story_of(const OpEntry& entry) const {
    if (!entry.seen || entry.kind != OpKind::insert || entry.extra == kNoEntry) return std::nullopt;
    return stories[entry.extra];
  }
};

}  // namespace musher
