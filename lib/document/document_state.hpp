#pragma once
// What a Document holds. For its own .cpp files.

#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "document/document.hpp"
#include "document/interner.hpp"
#include "document/items.hpp"
#include "document/list_order.hpp"
#include "document/purges.hpp"

namespace musher {

struct Document::State {
  explicit State(const Ancestry& asked) : ancestry(&asked) {}

  struct Story {
    std::vector<EntryNumber> items;  ///< the first `hidden` are known to be hidden
    std::size_t hidden = 0;
    std::size_t visible = 0;         ///< how many are
    std::unique_ptr<Purges> purges;  ///< null when there is none
  };
  /// Where a set op is the winner.
  struct Place {
    EntryNumber item = 0;
    EntryNumber place = 0;  ///< in Registers::all()
  };

  const Ancestry* ancestry;  // fixed after construction

  AuthorInterner authors;
  TextInterner field_names;
  TextInterner story_names;
  std::deque<Story> stories;  // by the number of the name
  Items items;
  Seq list_seq{};
  DocumentCounts counts;
  std::optional<std::unordered_map<OpId, Place, IdHash>> set_winners;  // built by the first erase that asks
  mutable std::optional<std::vector<EntryNumber>> order;               // until the next insert

  Result<Applied> insert(const DocumentOp& op);
  Result<Applied> set(const DocumentOp& op);
  Result<Applied> tombstone(const DocumentOp& op);
  Result<Applied> purge(const DocumentOp& op, EntryNumber target);
  void erase(const DocumentOp& op);

  [[nodiscard]] Story* find_story(std::string_view name);
  [[nodiscard]] EntryNumber story_number(std::string_view name);
  [[nodiscard]] bool wins(const WriteKey& key, const Register& current) const;
  void write(EntryNumber item, Register& written, const WriteKey& key, std::optional<std::string_view> value);
  void hide(EntryNumber number);
  void erase_insert(Item& item);
  void erase_set(Register& written);
  void find_set_winners();

  [[nodiscard]] std::span<const EntryNumber> in_order() const;
  [[nodiscard]] WriteKey key_of(EntryNumber number) const;
  [[nodiscard]] ItemState state_of(const Item& item) const;
  /// Registers that keep() holds for, by name.
  template <class Keep>
  [[nodiscard]] std::vector<const Register*> by_name(const Item& item, const Keep& keep) const;
};

}  // namespace musher
