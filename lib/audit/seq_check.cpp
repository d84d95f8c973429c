#include "audit/seq_check.hpp"

#include <algorithm>

#include "model/sip_hash.hpp"

namespace musher {
namespace {

/// Keyed: in which order items and fields come is an author's choice.
std::uint64_t register_hash(EntryNumber item, EntryNumber field) {
  return sip_hash(process_sip_key(), std::uint64_t{item} << 32 | field);
}

}  // namespace

EntryNumber SeqCheck::find(EntryNumber item, EntryNumber field) const {
  const EntryNumber slot = slots_.find(register_hash(item, field), [&](EntryNumber number) {
    return registers_[number + 1].item == item && registers_[number + 1].field == field;
  });
  return slot == kNoEntry ? kNoEntry : slot + 1;
}

EntryNumber SeqCheck::register_of(const Op& op, const OpTables& tables) const {
  if (op.kind == OpKind::erase) return kNoEntry;
  if (op.kind != OpKind::set) return kList;
  const EntryNumber item = tables.ops.find(op.target);
  const EntryNumber field = fields_.find(op.name);
  return item == kNoEntry || field == kNoEntry ? kNoEntry : find(item, field);
}

void SeqCheck::row(const AuditedRow& row, const OpTables& tables) {
  const Op& op = row.op();
  if (op.kind == OpKind::erase) return;
  EntryNumber number = kList;
  if (op.kind == OpKind::set) {
    const EntryNumber item = tables.ops.find(op.target);
    const EntryNumber field = fields_.number_of(op.name);
    number = find(item, field);
    if (number == kNoEntry) {
      registers_.push_back({item, field, Seq{0}, false});
      number = slots_.add(register_hash(item, field), [this](EntryNumber slot) {
        return register_hash(registers_[slot + 1].item, registers_[slot + 1].field);
      }) + 1;
    }
  }
  Register& reg = registers_[number];
  if (op.seq <= reg.top) reg.in_question = any_ = true;
  reg.top = std::max(reg.top, op.seq);
}

}  // namespace musher
