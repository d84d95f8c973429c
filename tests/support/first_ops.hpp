#pragma once
// A log of one key with as many branches as ops.

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "support/scratch_log.hpp"

namespace musher::testing {

/// Ops of one key that each have index 1, in one transaction.
class FirstOps {
 public:
  explicit FirstOps(OpLog& log) : write_(must(log.begin_write(std::chrono::seconds(1)))) {
    const Identity identity = identity_of(1);
    must(write_->set_author({0, "test", "add", {identity.author(), "mallory", Trust::allowed, false, {}}}));
  }
  OpId add(OpKind kind, const std::string& story, const OpId& target, std::vector<OpId> parents) {
    Op op = plain_op(kind);
    op.author = identity_of(1).author();
    op.name = story;
    op.target = target;
    op.parents = std::move(parents);
    op.time_ms = ++made_;
    std::ranges::sort(op.parents);
    Depth depth{1};
    for (const OpId& id : dependencies(op)) depth = std::max(depth, next(must(write_->facts(id))->depth));
    const VerifiedOp made = must(sign_op(identity_of(1), op, plain_content(kind)));
    must(write_->append(made, depth, "local", 0, false));
    return made.id();
  }
  void commit() { must(write_->commit()); }

 private:
  std::unique_ptr<WriteTransaction> write_;
  std::int64_t made_ = 0;
};

}  // namespace musher::testing
