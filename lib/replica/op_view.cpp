#include "replica/op_view.hpp"

namespace musher {

std::optional<std::string> OpView::field() const {
  return row.op.op.kind == OpKind::set ? std::optional(row.op.op.name) : std::nullopt;
}

Result<OpView> OpDescriber::describe(OpRow row, Verified verified) {
  const bool effective = trust_.effective(row.id, row.op.op);
  const bool erased = !row.op.op.content_digest.is_zero() && !row.op.content;
  return describe({std::move(row), effective, false, erased}, verified);
}

Result<OpView> OpDescriber::describe(HeardRow heard) {
  const Verified verified = heard.signature_checked ? Verified::now : Verified::no;
  return describe(std::move(heard), verified);
}

Result<OpView> OpDescriber::describe(HeardRow heard, Verified verified) {
  MUSHER_TRY(auto subject, subject_of(heard.row.id, heard.row.op.op));
  OpView view{std::move(heard.row), "", {}, {}, heard.effective, heard.erased, verified};
  view.author_name = trust_.name(view.row.op.op.author);
  if (subject) {
    view.item = subject->item;
    view.story = std::move(subject->story);
  }
  return view;
}

Result<std::optional<OpDescriber::Subject>> OpDescriber::subject_of(const OpId& id, const Op& op) {
  if (op.kind == OpKind::insert) {
    story_of_item_.emplace(id, op.name);
    return Subject{id, op.name};
  }
  OpId item = op.target;
  if (op.kind == OpKind::erase) {
    MUSHER_TRY(const auto target, log_.find(op.target));
    const OpRow* erased = target ? std::get_if<OpRow>(&*target) : nullptr;
    if (erased == nullptr) return std::nullopt;
    item = erased->op.op.kind == OpKind::insert ? erased->id : erased->op.op.target;
  }
  if (const auto known = story_of_item_.find(item); known != story_of_item_.end()) return Subject{item, known->second};
  MUSHER_TRY(const auto facts, log_.facts(item));
  if (!facts || facts->kind != OpKind::insert) return std::nullopt;
  story_of_item_.emplace(item, facts->name);
  return Subject{item, facts->name};
}

}  // namespace musher
