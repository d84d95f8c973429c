#pragma once
// Values that come up again and again, kept once and named by a small number.

#include <deque>
#include <string>
#include <string_view>

#include "document/slot_table.hpp"
#include "model/ids.hpp"
#include "model/sip_hash.hpp"

namespace musher {

// Names are chosen by whoever writes ops: without a key he could choose names of one hash.
inline std::uint64_t intern_hash(std::string_view text) { return sip_hash(process_sip_key(), text); }
inline std::uint64_t intern_hash(const AuthorId& author) { return IdHash{}(author); }
inline std::uint64_t intern_hash(const OpId& id) { return IdHash{}(id); }

template <class Value, class View = const Value&>
class Interner {
 public:
  /// The number of this value, new or not.
  EntryNumber number_of(View value) {
    if (const EntryNumber known = find(value); known != kNoEntry) return known;
    values_.emplace_back(value);
    return slots_.add(intern_hash(value), [this](EntryNumber number) { return intern_hash(values_[number]); });
  }
  [[nodiscard]] EntryNumber find(View value) const {
    return slots_.find(intern_hash(value), [&](EntryNumber number) { return values_[number] == value; });
  }
  [[nodiscard]] const Value& operator[](EntryNumber number) const { return values_[number]; }
  [[nodiscard]] EntryNumber size() const { return slots_.size(); }

 private:
  std::deque<Value> values_;
  SlotTable slots_;
};

using TextInterner = Interner<std::string, std::string_view>;
using AuthorInterner = Interner<AuthorId>;

}  // namespace musher
