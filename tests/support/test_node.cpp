#include "support/test_node.hpp"

#include <catch2/catch.hpp>

#include "oplog/sqlite_op_log.hpp"
#include "replica/trust.hpp"

namespace musher::testing {
namespace {

using Clock = std::shared_ptr<std::int64_t>;

Host host_in(const std::filesystem::path& folder, const std::string& name, const Clock& clock) {
  return {[clock] { return *clock; }, folder / ("state-" + name), name};
}

std::unique_ptr<OpLog> make_log(const std::filesystem::path& folder, const std::string& name,
                                const DocumentId& document, const Clock& clock, const QuarantineLimits& limits) {
  const auto path = folder / (name + ".db");
  const auto made = init({path, folder / (name + ".key"), document, name, std::nullopt}, host_in(folder, name, clock));
  INFO((made ? "" : made.error().what));
  REQUIRE(made);
  auto log = SqliteOpLog::open(path, OpenMode::write);
  REQUIRE(log);
  (*log)->limit_quarantine(limits);
  return *std::move(log);
}

}  // namespace

TestNode::TestNode(const std::filesystem::path& folder, const std::string& name, const DocumentId& document,
                   const QuarantineLimits& limits)
    : clock_ms_(std::make_shared<std::int64_t>(1'700'000'000'000)),
      replica_(make_log(folder, name, document, clock_ms_, limits), host_in(folder, name, clock_ms_)) {
  auto identity = Identity::load(folder / (name + ".key"));
  REQUIRE(identity);
  replica_.use_identity(*std::move(identity));
}

void TestNode::trust(const TestNode& other, const std::string& name) {
  REQUIRE(trust_add(replica_, other.author(), name, false));
}

OpRow TestNode::insert(const std::string& story, const std::string& stage) {
  return write({OpKind::insert, OpId{}, story, "{\"stage\":\"" + stage + "\"}", {}});
}

OpRow TestNode::write(const OpDraft& draft) {
  auto own = OwnWrite::begin(replica_);
  INFO((own ? "" : own.error().what));
  REQUIRE(own);
  auto row = own->append(draft);
  INFO((row ? "" : row.error().what));
  REQUIRE(row);
  REQUIRE(own->commit());
  return *row;
}

OpRow TestNode::fork(const OpRow& prev, const OpDraft& draft, Seq seq) {
  Op op;
  op.kind = draft.kind;
  op.document = log().info().document;
  op.index = next(prev.op.op.index);
  op.prev = prev.id;
  op.seq = seq;
  op.target = draft.target;
  op.name = draft.name;
  op.parents = {prev.id};
  const auto made = sign_op(*replica_.identity(), std::move(op), draft.content);
  INFO((made ? "" : made.error().what));
  REQUIRE(made);
  return {RowId{}, made->id(), made->claim(), Depth{}, "", 0};
}

std::vector<OpRow> TestNode::rows() {
  std::vector<OpRow> all;
  const auto last = log().last_row();
  REQUIRE(last);
  REQUIRE(log().scan(RowId{0}, *last, [&](ScannedRow&& row) {
    all.push_back(std::get<OpRow>(std::move(row)));
    return true;
  }));
  return all;
}

Verdict TestNode::receive(const OpRow& row) {
  auto verdict = admit(replica_, row.op, "import");
  INFO((verdict ? "" : verdict.error().what));
  REQUIRE(verdict);
  return *verdict;
}

void TestNode::receive_all(TestNode& other) {
  for (const OpRow& row : other.rows()) receive(row);
}

LiveDocument TestNode::document() {
  auto live = LiveDocument::start(log());
  REQUIRE(live);
  REQUIRE(live->catch_up(log()));
  CHECK(live->failures().empty());
  return *std::move(live);
}

bool TestNode::shows(const std::string& story) {
  const LiveDocument live = document();
  const auto items = live.document().story(story);
  return !items.empty() && items.front().visible;
}

std::vector<std::string> TestNode::quarantine_reasons() {
  std::vector<std::string> reasons;
  const auto kept = log().quarantine();
  REQUIRE(kept);
  for (const QuarantinedOp& op : *kept) reasons.push_back(op.reason);
  return reasons;
}

}  // namespace musher::testing
