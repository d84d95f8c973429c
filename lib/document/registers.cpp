#include "document/registers.hpp"

#include "model/sip_hash.hpp"

namespace musher {
namespace {

/// Keyed: in which order fields come is an author's choice.
std::uint64_t field_hash(EntryNumber field) { return sip_hash(process_sip_key(), field); }

}  // namespace

void Register::drop_value() {
  has_value = false;
  std::string().swap(value);  // gives the memory back
}

EntryNumber Registers::place_of(EntryNumber field) const {
  if (table_)
    return table_->find(field_hash(field), [&](EntryNumber place) { return registers_[place].field == field; });
  for (std::size_t place = 0; place < registers_.size(); ++place) {
    if (registers_[place].field == field) return static_cast<EntryNumber>(place);
  }
  return kNoEntry;
}

void Registers::add_to_table(EntryNumber place) {
  table_->add(field_hash(registers_[place].field),
              [this](EntryNumber earlier) { return field_hash(registers_[earlier].field); });
}

Register& Registers::at(EntryNumber field) {
  const EntryNumber place = place_of(field);
  if (place != kNoEntry) return registers_[place];

  // Most items have the fields of their insert and one or two more: doubling would waste half.
  if (registers_.size() == registers_.capacity()) registers_.reserve(registers_.size() + registers_.size() / 4 + 2);
  registers_.emplace_back().field = field;
  if (table_) {
    add_to_table(static_cast<EntryNumber>(registers_.size() - 1));
  } else if (registers_.size() > kFew) {
    table_ = std::make_unique<SlotTable>();
    for (EntryNumber each = 0; each < registers_.size(); ++each) add_to_table(each);
  }
  return registers_.back();
}

const Register* Registers::find(EntryNumber field) const {
  const EntryNumber place = place_of(field);
  return place == kNoEntry ? nullptr : &registers_[place];
}

}  // namespace musher
