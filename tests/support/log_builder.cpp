#include "support/log_builder.hpp"

#include <algorithm>
#include <stdexcept>

#include "crypto/verify.hpp"

namespace musher::testing {
namespace {

Result<Depth> depth_of(LogReader& log, const Op& op) {
  std::vector<DependencyFacts> facts;
  for (const OpId& id : dependencies(op)) {
    MUSHER_TRY(auto known, log.facts(id));
    if (!known) return fail(Errc::internal, "a dependency of the draft is not in the log");
    facts.push_back(*std::move(known));
  }
  const auto depth = check_dependencies(op, facts);
  if (!depth) return fail(Errc::internal, std::string(to_string(depth.error())));
  return *depth;
}

Result<Seq> seq_of(LogReader& log, const Draft& draft) {
  if (draft.kind == OpKind::erase) return Seq{0};
  if (draft.kind == OpKind::set) {
    MUSHER_TRY(const Seq highest, log.register_seq(draft.target, draft.name));
    return next(highest);
  }
  MUSHER_TRY(const Mark mark, log.last_mark());
  return next(mark.list_seq);
}

}  // namespace

Result<OpRow> append_op(WriteTransaction& log, const Identity& identity, const Draft& draft) {
  Op op;
  op.kind = draft.kind;
  op.document = log.info().document;
  op.author = identity.author();
  op.time_ms = draft.received_ms;
  op.target = draft.target;
  op.name = draft.name;
  op.actor = "tester";
  MUSHER_TRY(const auto tips, log.tips_of(identity.author()));
  if (!tips.empty()) {
    const Tip tip = *std::ranges::max_element(tips, {}, &Tip::index);
    op.index = next(tip.index);
    op.prev = tip.id;
  }
  MUSHER_TRY(auto heads, log.heads());
  std::ranges::sort(heads, std::greater<>{}, &Head::depth);
  for (const Head& head : heads) {
    if (op.parents.size() < kMaxParents) op.parents.push_back(head.id);
  }
  std::ranges::sort(op.parents);
  MUSHER_TRY(op.seq, seq_of(log, draft));
  MUSHER_TRY(const Depth depth, depth_of(log, op));
  MUSHER_TRY(const VerifiedOp made, sign_op(identity, std::move(op), draft.content));
  MUSHER_TRY(const RowId row, log.append(made, depth, draft.source, draft.received_ms, draft.erases_now));
  return OpRow{row, made.id(), made.claim(), depth, draft.source, draft.received_ms};
}

OpId LogBuilder::add(const Draft& draft) {
  auto transaction = must(log_.begin_write(std::chrono::seconds(30)));
  const OpRow row = must(append_op(*transaction, identity_, draft));
  must(transaction->commit());
  return row.id;
}

OpId LogBuilder::insert(const std::string& story) {
  return add({.kind = OpKind::insert, .name = story, .content = R"({"stage":"1_backlog"})"});
}

OpId LogBuilder::set(const OpId& item, const std::string& field, const std::string& value_json) {
  return add({.kind = OpKind::set, .target = item, .name = field, .content = value_json});
}

OpId LogBuilder::purge(const OpId& item, const std::string& story) {
  return add({.kind = OpKind::tombstone, .target = item, .name = story, .content = R"({"reason":"done"})"});
}

OpId LogBuilder::remove(const OpId& item) { return add({.kind = OpKind::tombstone, .target = item}); }

OpId LogBuilder::erase(const OpId& target) {
  return add({.kind = OpKind::erase, .target = target, .content = R"({"reason":"private"})", .erases_now = true});
}

std::vector<OpRow> all_rows(LogReader& log) {
  std::vector<OpRow> rows;
  must(log.scan(RowId{0}, must(log.last_row()), [&](ScannedRow&& row) {
    rows.push_back(std::get<OpRow>(std::move(row)));
    return true;
  }));
  return rows;
}

std::vector<QuarantineEntry> all_quarantined(LogReader& log) {
  std::vector<QuarantineEntry> entries;
  must(log.scan_quarantine([&](const QuarantineEntry& entry) {
    entries.push_back(entry);
    return true;
  }));
  return entries;
}

}  // namespace musher::testing
