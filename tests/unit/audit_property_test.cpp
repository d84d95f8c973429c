// Random histories of honest and less honest nodes that write apart and meet again: what verify-order says of them
// against what each node knew when it wrote.

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "replica/live_document.hpp"
#include "support/audited_log.hpp"

using namespace musher;
using namespace musher::testing;

namespace {

constexpr int kHistories = 60;
constexpr int kOpsAHistory = 60;
constexpr unsigned kNodes = 4;

/// What counts in one register: an item and a field, or the list.
using RegisterName = std::pair<OpId, std::string>;

struct Written {
  OpId id;
  RowId row{};
  Op op;
  AuthorId author;
  Depth depth{};
};

/// One author with what reached it.
struct Node {
  Identity identity;
  std::set<std::size_t> known{};  ///< numbers of ops
  OpIndex index{0};
  OpId tip{};
};

class World {
 public:
  /// keys: nodes that share one are copies of a disk, and do not know it.
  explicit World(std::uint64_t seed, std::uint8_t keys = kNodes) : random_(seed), log_(scratch_.open()) {
    const auto write = must(log_->begin_write(std::chrono::seconds(10)));
    for (std::uint8_t i = 0; i < kNodes; ++i) {
      nodes_.push_back({.identity = identity_of(static_cast<std::uint8_t>(1 + i % keys))});
      if (i >= keys) continue;
      must(write->set_author(
          {0,
           "root",
           "add",
           {nodes_.back().identity.author(), "node-" + std::to_string(i), Trust::allowed, false, std::nullopt}}));
    }
    must(write->commit());
  }

  /// regressions: whether some ops count anew.
  void run(bool regressions) {
    const auto write = must(log_->begin_write(std::chrono::seconds(10)));
    for (int i = 0; i < kOpsAHistory; ++i) {
      Node& node = nodes_[pick(kNodes)];
      if (pick(3) == 0) meet(node, nodes_[pick(kNodes)]);
      step(*write, node, regressions && pick(6) == 0);
    }
    must(write->commit());
  }

  [[nodiscard]] AuditReport audit() {
    AuditRequest request;
    request.now_ms = kAuditNowMs;
    request.threads = 1;
    return must(verify_order(*log_, request));
  }

  [[nodiscard]] LogReader& log() { return *log_; }
  [[nodiscard]] const std::string& expected_regressions() const { return expected_; }
  /// Rows of ops that are not the first after their prev.
  [[nodiscard]] std::set<RowId> second_branches() const {
    std::set<std::pair<AuthorId, OpId>> continued;
    std::set<RowId> rows;
    for (const Written& written : ops_) {
      if (!continued.insert({written.author, written.op.prev}).second) rows.insert(written.row);
    }
    return rows;
  }

 private:
  std::size_t pick(std::size_t choices) { return random_() % choices; }

  void meet(Node& node, const Node& other) { node.known.insert(other.known.begin(), other.known.end()); }

  [[nodiscard]] std::vector<OpId> heads(const Node& node) const {
    std::set<OpId> heads;
    for (const std::size_t number : node.known) heads.insert(ops_[number].id);
    for (const std::size_t number : node.known) {
      for (const OpId& id : dependencies(ops_[number].op)) heads.erase(id);
    }
    return {heads.begin(), heads.end()};
  }

  [[nodiscard]] static RegisterName register_of(const Op& op) {
    return op.kind == OpKind::set ? RegisterName{op.target, op.name} : RegisterName{};
  }

  [[nodiscard]] Seq highest_known(const Node& node, const Op& op) const {
    Seq highest{0};
    for (const std::size_t number : node.known) {
      const Op& other = ops_[number].op;
      if (register_of(other) == register_of(op)) highest = std::max(highest, other.seq);
    }
    return highest;
  }

  void step(WriteTransaction& log, Node& node, bool regress) {
    std::vector<const Written*> items;
    for (const std::size_t number : node.known) {
      if (ops_[number].op.kind == OpKind::insert) items.push_back(&ops_[number]);
    }
    Op op;
    std::optional<std::string> content = "1";
    const std::size_t what = items.empty() ? 0 : pick(8);
    if (what <= 1) {
      op.kind = OpKind::insert;
      op.name = std::to_string(pick(4)) + "_story";
      content = "{}";
    } else {
      const Written& item = *items[pick(items.size())];
      op.kind = what == 7 ? OpKind::tombstone : OpKind::set;
      op.target = item.id;
      op.name = what == 7 ? item.op.name : "field-" + std::to_string(pick(2));
      if (what == 7) content.reset();
    }
    op.document = log.info().document;
    op.index = next(node.index);
    op.prev = node.tip;
    op.parents = heads(node);
    const Seq highest = highest_known(node, op);
    op.seq = next(highest);
    const bool counts_anew = regress && highest > Seq{0};
    if (counts_anew) op.seq = Seq{1 + pick(raw(highest))};
    append(log, node, op, content);
    if (counts_anew) {
      expected_ += "row " + std::to_string(raw(ops_.back().row)) + " expected " + std::to_string(raw(highest) + 1) +
                   " found " + std::to_string(raw(op.seq)) + "\n";
    }
  }

  void append(WriteTransaction& log, Node& node, const Op& op, const std::optional<std::string>& content) {
    Depth depth{0};
    for (const OpId& id : dependencies(op)) depth = std::max(depth, ops_[number_of_.at(id)].depth);
    const VerifiedOp made = must(sign_op(node.identity, op, content));
    const RowId row = must(log.append(made, next(depth), "local", kAuditNowMs - 1000, false));
    number_of_[made.id()] = ops_.size();
    node.known.insert(ops_.size());
    ops_.push_back({made.id(), row, op, node.identity.author(), next(depth)});
    node.index = op.index;
    node.tip = made.id();
  }

  std::mt19937_64 random_;
  ScratchLog scratch_;
  std::unique_ptr<SqliteOpLog> log_;
  std::vector<Node> nodes_;
  std::vector<Written> ops_;
  std::map<OpId, std::size_t> number_of_;
  std::string expected_;
};

std::set<RowId> rows_of(const AuditReport& report, FindingCode code) {
  std::set<RowId> rows;
  for (const Finding& finding : report.findings) {
    if (finding.code == code) rows.insert(*finding.row);
  }
  return rows;
}

}  // namespace

TEST_CASE("audit: whatever honest nodes write apart and together is no error", "[audit]") {
  for (std::uint64_t seed = 1; seed <= kHistories; ++seed) {
    INFO("seed " << seed);
    World world(seed);
    world.run(false);
    const AuditReport report = world.audit();
    INFO(codes(report));
    CHECK(report.verdict == AuditVerdict::ok);
  }
}

TEST_CASE("audit: exactly the ops that count anew are seq regressions, with what their writer knew", "[audit]") {
  for (std::uint64_t seed = 1; seed <= kHistories; ++seed) {
    INFO("seed " << seed);
    World world(seed);
    world.run(true);
    std::string found;
    for (const Finding& finding : world.audit().findings) {
      if (finding.code != FindingCode::seq_regression) continue;
      found += "row " + std::to_string(raw(*finding.row)) + " expected " + *finding.expected + " found " +
               *finding.found + "\n";
    }
    CHECK(found == world.expected_regressions());
  }
}

TEST_CASE(
    "audit: a key on two disks is an equivocator at each fork, and its counters are judged by what each copy knew",
    "[audit]") {
  for (std::uint64_t seed = 1; seed <= kHistories; ++seed) {
    INFO("seed " << seed);
    World world(seed, 2);
    world.run(true);
    const AuditReport report = world.audit();
    CHECK(rows_of(report, FindingCode::equivocation) == world.second_branches());
    std::string found;
    for (const Finding& finding : report.findings) {
      if (finding.code != FindingCode::seq_regression) continue;
      found += "row " + std::to_string(raw(*finding.row)) + " expected " + *finding.expected + " found " +
               *finding.found + "\n";
    }
    CHECK(found == world.expected_regressions());
    for (const Finding& finding : report.findings) {
      INFO(finding.message);
      CHECK((finding.severity() == Severity::warning || finding.code == FindingCode::equivocation ||
             finding.code == FindingCode::seq_regression));
    }
  }
}

TEST_CASE("audit: the stories it warns of are those that the document shows twice or hides", "[audit]") {
  for (std::uint64_t seed = 1; seed <= kHistories; ++seed) {
    INFO("seed " << seed);
    World world(seed);
    world.run(false);
    const AuditReport report = world.audit();
    auto live = must(LiveDocument::start(world.log()));
    std::set<RowId> hidden_at_once;
    CatchUpOptions options;
    options.on_applied = [&](const OpRow& row, Applied outcome, bool) {
      if (outcome == Applied::came_back) hidden_at_once.insert(row.row);
    };
    must(live.catch_up(world.log(), options));

    std::set<std::string> twice;
    for (const std::string& story : live.document().stories()) {
      const auto items = live.document().story(story);
      if (std::ranges::count_if(items, &ItemState::visible) > 1) twice.insert(story);
    }
    std::set<std::string> warned;
    for (const Finding& finding : report.findings) {
      if (finding.code == FindingCode::duplicate_story) warned.insert(*finding.story);
    }
    CHECK(warned == twice);
    const auto came_back = rows_of(report, FindingCode::came_back);
    // Those that were deleted later on are hidden anyway; those that came in before the purge are found as well.
    for (const RowId row : came_back) {
      const auto op = std::get<OpRow>(must(world.log().rows(std::vector{row})).at(0));
      CHECK_FALSE(live.document().item(op.id)->visible);
    }
    for (const RowId row : hidden_at_once) {
      const auto op = std::get<OpRow>(must(world.log().rows(std::vector{row})).at(0));
      INFO("row " << raw(row));
      CHECK((came_back.contains(row) || !live.document().item(op.id)->visible));
    }
  }
}
