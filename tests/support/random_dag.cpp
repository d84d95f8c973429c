#include "support/random_dag.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <unordered_map>

#include "support/signed_ops.hpp"

namespace musher::testing {
namespace {

class Maker {
 public:
  Maker(std::mt19937_64& random, const DagOptions& options) : random_(random), options_(options) {}

  std::vector<DagOp> run() {
    for (std::size_t i = 0; i < options_.ops; ++i) add();
    return std::move(ops_);
  }

 private:
  bool happens(double probability) { return std::uniform_real_distribution<>(0, 1)(random_) < probability; }
  std::size_t below(std::size_t end) { return random_() % end; }
  const VerifiedOp& any() { return ops_[below(ops_.size())].op; }

  const VerifiedOp* any_of(const AuthorId& author, OpKind kind) {
    std::vector<const VerifiedOp*> found;
    for (const DagOp& each : ops_) {
      if (each.op.op().author == author && each.op.op().kind == kind) found.push_back(&each.op);
    }
    return found.empty() ? nullptr : found[below(found.size())];
  }

  void add() {
    const auto number = static_cast<std::uint8_t>(1 + below(options_.authors));
    const Identity identity = identity_of(number);
    Op op = plain_op(OpKind::insert);
    op.author = identity.author();
    go_on(op);
    for (std::size_t parents = ops_.empty() ? 0 : below(3); parents > 0; --parents) op.parents.push_back(any().id());
    std::ranges::sort(op.parents);
    const auto rest = std::ranges::unique(op.parents);
    op.parents.erase(rest.begin(), rest.end());
    op.name = fmt::format("story_{}", below(6));
    const VerifiedOp* erased = happens(options_.erased) ? any_of(op.author, OpKind::insert) : nullptr;
    const VerifiedOp* item = happens(0.5) ? any_of(identity_of(1).author(), OpKind::insert) : nullptr;
    if (erased != nullptr) {
      op.kind = OpKind::erase;
      op.target = erased->id();
      op.seq = Seq{0};
      op.name.clear();
    } else if (item != nullptr) {
      op.kind = happens(0.7) ? OpKind::set : OpKind::tombstone;
      op.target = item->id();
      op.name = op.kind == OpKind::set ? "stage" : item->op().name;
    }
    if (happens(options_.bad)) op.seq = op.kind == OpKind::erase ? Seq{1} : Seq{1'000'000};
    auto made = sign_op(identity, op, plain_content(op.kind));
    if (!made) return;  // an erase with a seq breaks a rule of form: one op fewer
    const auto depth = depth_of(made->op());
    facts_.emplace(made->id(),
                   DependencyFacts{made->id(), op.kind, op.author, op.index, depth.value_or(Depth{}), op.name});
    ops_.push_back({*std::move(made), depth});
  }

  /// On the author's newest op, or on an older one.
  void go_on(Op& op) {
    std::vector<const VerifiedOp*> own;
    for (const DagOp& each : ops_) {
      if (each.op.op().author == op.author) own.push_back(&each.op);
    }
    if (own.empty()) return;
    const std::size_t at = happens(options_.branch) ? below(own.size()) : own.size() - 1;
    op.index = next(own[at]->op().index);
    op.prev = own[at]->id();
  }

  std::optional<Depth> depth_of(const Op& op) const {
    std::vector<DependencyFacts> found;
    for (const OpId& id : dependencies(op)) {
      found.push_back(facts_.at(id));
      if (found.back().depth == Depth{}) return std::nullopt;
    }
    const auto depth = check_dependencies(op, found);
    return depth ? std::optional(*depth) : std::nullopt;
  }

  std::mt19937_64& random_;
  const DagOptions& options_;
  std::vector<DagOp> ops_;
  std::unordered_map<OpId, DependencyFacts, IdHash> facts_;
};

}  // namespace

std::vector<DagOp> random_dag(std::mt19937_64& random, const DagOptions& options) {
  return Maker(random, options).run();
}

}  // namespace musher::testing
