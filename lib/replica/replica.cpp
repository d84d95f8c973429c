#include "replica/replica.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "model/text.hpp"
#include "oplog/hints.hpp"
#include "replica/ancestor_walk.hpp"
#include "replica/row_failure.hpp"
#include "replica/tip_note.hpp"

namespace musher {
namespace {

/// The heads an op names, deepest first where there are more than fit, with `must_follow` always among its ancestors.
Result<std::vector<OpId>> choose_parents(LogReader& log, const OpId& prev, const std::vector<OpId>& must_follow) {
  MUSHER_TRY(auto heads, log.heads());
  std::vector<OpId> parents;
  if (heads.size() > kMaxParents) {  // up to that many, every op is an ancestor of some head that is named
    std::ranges::sort(
        heads, [](const Head& a, const Head& b) { return a.depth != b.depth ? a.depth > b.depth : a.id < b.id; });
    parents.push_back(heads.front().id);  // so that the op is deeper than all the log holds
    KnownPlaces places(log);
    AncestorWalk named(places);
    MUSHER_CHECK(named.start_from(parents.front()));
    if (!prev.is_zero()) MUSHER_CHECK(named.start_from(prev));
    for (const OpId& needed : must_follow | std::views::reverse) {  // an ancestor comes after its descendants
      MUSHER_TRY(const bool covered, named.reaches(needed));
      if (covered) continue;
      if (parents.size() == kMaxParents) {
        return fail(Errc::refused,
                    fmt::format("cannot write to {}: the op would have to name more than the {} parents that one op "
                                "may have: the log has {} heads, and too many purges are on branches of their own",
                                log.info().path, kMaxParents, heads.size()),
                    "write to any other story first (each op joins up to 64 heads), then again");
      }
      parents.push_back(needed);
      MUSHER_CHECK(named.start_from(needed));
    }
  }
  for (const Head& head : heads) {
    if (parents.size() == kMaxParents) break;
    if (std::ranges::find(parents, head.id) == parents.end()) parents.push_back(head.id);
  }
  std::ranges::sort(parents);
  return parents;
}

/// An author with several branches goes on from the longest.
Result<std::optional<Tip>> longest_tip(LogReader& log, const AuthorId& author) {
  MUSHER_TRY(const auto tips, log.tips_of(author));
  if (tips.empty()) return std::nullopt;
  return *std::ranges::min_element(
      tips, [](const Tip& a, const Tip& b) { return a.index != b.index ? a.index > b.index : a.id < b.id; });
}

/// The table of tips against the index of the ops: from a tip that is not the last op a writer would go on twice.
Result<bool> is_last_op(LogReader& log, const AuthorId& author, const std::optional<Tip>& tip) {
  MUSHER_TRY(const OpIndex last, log.last_index(author));
  if (!tip) return last == OpIndex{0};
  if (tip->index != last) return false;
  MUSHER_TRY(const auto there, log.ops_at(author, last));
  return std::ranges::find(there, tip->id) != there.end();
}

Result<std::optional<Tip>> own_tip(WriteTransaction& log, const AuthorId& author) {
  MUSHER_TRY(auto tip, longest_tip(log, author));
  MUSHER_TRY(bool good, is_last_op(log, author, tip));
  if (good) return tip;
  MUSHER_CHECK(log.rebuild_derived());
  MUSHER_TRY(tip, longest_tip(log, author));
  MUSHER_TRY(good, is_last_op(log, author, tip));
  if (good) return tip;
  return fail(Errc::damaged,
              fmt::format("cannot write to {}: it does not say which op the key {} wrote last", log.info().path,
                          to_hex(author.key)),
              verify_hint(log.info().path));
}

Result<Seq> next_seq(LogReader& log, const OpDraft& draft) {
  if (draft.kind == OpKind::erase) return Seq{0};
  if (draft.kind == OpKind::set) {
    MUSHER_TRY(const Seq highest, log.register_seq(draft.target, draft.name));
    return next(highest);
  }
  MUSHER_TRY(const Mark mark, log.last_mark());
  return next(mark.list_seq);
}

Result<Depth> depth_of(LogReader& log, const Op& op) {
  std::vector<DependencyFacts> facts;
  for (const OpId& id : dependencies(op)) {
    MUSHER_TRY(auto known, log.facts(id));
    if (!known) return fail(Errc::internal, "an own op would depend on an op that is not in the log");
    facts.push_back(*std::move(known));
  }
  const auto depth = check_dependencies(op, facts);
  if (!depth) {
    return fail(
        Errc::damaged,
        fmt::format("cannot write to {}: the op would break the rule {}", log.info().path, to_string(depth.error())),
        verify_hint(log.info().path));
  }
  return *depth;
}

}  // namespace

Result<void> check_own_trust(const TrustPolicy& trust, const AuthorId& self, const std::string& path) {
  if (trust.standing(self) == Standing::allowed) return {};
  const bool revoked = trust.standing(self) == Standing::revoked;
  const std::string key = to_hex(self.key);
  return fail(Errc::refused,
              fmt::format("the key {} is {} in {}, so nobody here would hear its ops", key,
                          revoked ? "revoked" : "not trusted", path),
              fmt::format("musher trust --log {} add {} NAME", shell_word(path), key));
}

Result<OwnWrite> OwnWrite::begin(Replica& replica) {
  const Identity* identity = replica.identity();
  if (identity == nullptr) return fail(Errc::no_identity, "no identity to sign with", "musher identity new");
  MUSHER_TRY(auto transaction, replica.log().begin_write(replica.lock_timeout()));
  MUSHER_TRY(auto trust, replica.read_trust(*transaction));
  MUSHER_CHECK(check_own_trust(trust, identity->author(), transaction->info().path));
  MUSHER_TRY(const auto tip, own_tip(*transaction, identity->author()));
  MUSHER_TRY(std::string warning, check_tip_note(*transaction, identity->author(), tip, replica.host().state_dir));
  if (!warning.empty()) replica.warn(std::move(warning));
  return OwnWrite(replica, std::move(transaction), std::move(trust));
}

Result<OpRow> OwnWrite::append(const OpDraft& draft) {
  const Identity& identity = *replica_->identity();
  const std::int64_t now = replica_->host().now_ms();
  MUSHER_TRY(const auto tip, longest_tip(*transaction_, identity.author()));
  Op op;
  op.kind = draft.kind;
  op.document = transaction_->info().document;
  op.author = identity.author();
  op.index = tip ? next(tip->index) : OpIndex{1};
  op.prev = tip ? tip->id : OpId{};
  op.time_ms = now;
  op.target = draft.target;
  op.name = draft.name;
  op.actor = replica_->host().login;
  MUSHER_TRY(op.seq, next_seq(*transaction_, draft));
  MUSHER_TRY(op.parents, choose_parents(*transaction_, op.prev, draft.must_follow));
  MUSHER_CHECK(check_dependencies_hold(op));
  MUSHER_TRY(const Depth depth, depth_of(*transaction_, op));
  MUSHER_TRY(const VerifiedOp made, sign_op(identity, std::move(op), draft.content));
  MUSHER_TRY(const RowId row, transaction_->append(made, depth, "local", now, false));
  last_ = Tip{made.op().author, made.op().index, made.id()};
  verified_.insert(made.id());
  return OpRow{row, made.id(), made.claim(), depth, "local", now};
}

Result<void> OwnWrite::check_dependencies_hold(const Op& op) {
  for (const OpId& id : dependencies(op)) {
    if (verified_.contains(id)) continue;
    MUSHER_TRY(auto found, transaction_->find(id));
    const std::string& path = transaction_->info().path;
    const std::string hint = verify_hint(path);
    if (!found) {
      return fail(
          Errc::damaged,
          fmt::format("cannot write to {}: op {} should be there to build on, and is not", path, to_hex(id.hash)),
          hint);
    }
    if (const auto failure = failure_of(check_row(*verifier_, *std::move(found), Signatures::check))) {
      return fail(Errc::damaged,
                  fmt::format("cannot write to {}: row {} would be built on, and does not hold ({})", path,
                              raw(failure->row), failure->reason),
                  hint);
    }
    verified_.insert(id);
  }
  return {};
}

Result<void> OwnWrite::commit() {
  MUSHER_CHECK(transaction_->commit());
  if (last_) {
    const auto noted = write_tip_note(replica_->log().info(), *last_, replica_->host().state_dir);
    if (!noted) replica_->warn(noted.error().what);
  }
  return {};
}

}  // namespace musher
